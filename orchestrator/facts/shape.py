"""What a domain is made of, as libvirt has it defined, and as its process was started: memory, processors, disks, interfaces.

libvirt writes XML in its own words, with much that it adds itself: only what a guest would miss is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.domain import LIBVIRT, SPLIT, URI, complaints, silence
from orchestrator.model import errors

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

OFF = ("shut off", "crashed")
KIB = {"b": 1 / 1024, "bytes": 1 / 1024, "KB": 1000 / 1024, "k": 1, "KiB": 1, "M": 1024, "MiB": 1024, "G": 1 << 20, "GiB": 1 << 20}


class Key(Struct, frozen=True):
    """A domain's name; the fact is the Shape that is defined, None when there is no such domain."""

    name: str

    def __str__(self) -> str:
        return f"definition of domain {self.name}"


class Live(Struct, frozen=True):
    """A domain's name; the fact is the Shape of its process, None when none runs."""

    name: str

    def __str__(self) -> str:
        return f"process of domain {self.name}"


class Shape(Struct, frozen=True):
    """Traits by name, in order: ("memory", "65536 KiB"), ("disk vda", "file qcow2 /.../disk on virtio"), ("interface fa:16:3e:00:00:01", "in br0, virtio")."""

    traits: tuple[tuple[str, str], ...]

    def differences(self, found: Shape) -> tuple[str, ...]:
        """`memory: expected 65536 KiB, found 131072 KiB`, a line for each trait that is another one there, or none."""
        wanted, there = dict(self.traits), dict(found.traits)
        names = [name for name in dict.fromkeys((*wanted, *there)) if wanted.get(name) != there.get(name)]
        return tuple(f"{name}: expected {wanted.get(name, 'none')}, found {there.get(name, 'none')}" for name in names)


def commands(keys: Sequence[object]) -> tuple[Command, ...]:
    looks = "; ".join(
        f"domstate {name}; echo {SPLIT}; dumpxml --inactive {name}; echo {SPLIT}; dumpxml {name}; echo {SPLIT}" for name in _names(keys)
    )
    return (Command(("virsh", "-q", "-c", URI, looks), accepts=(0, 1), timeout=30, asks=LIBVIRT),)


def parse(keys: Sequence[object], records: Sequence[Record]) -> dict[object, object]:
    """Raises HostError when libvirt does not answer: silence is no evidence of anything."""
    names = _names(keys)
    answers = [answer.strip() for answer in records[0].output.decode("utf-8", "replace").split(SPLIT)]
    if len(answers) != 3 * len(names) + 1 or complaints(records[0].error):
        raise silence(records[0].error.strip() or f"virsh ended with {records[0].code}")
    said = {name: answers[3 * place : 3 * place + 3] for place, name in enumerate(names)}
    return {key: _answer(key, said) for key in keys}


def of(xml: str) -> Shape:
    """Of a domain's XML, whoever wrote it. Raises HostError when it is none."""
    from xml.etree import ElementTree as ET  # late: only who compares needs it

    if "<!DOCTYPE" in xml:
        raise errors.HostError("a domain's XML has a document type", why="libvirt writes none", hint="see `virsh dumpxml` on the host")
    try:
        root = ET.fromstring(xml)  # noqa: S314  # libvirt's own, or ours; without a document type it declares no entity
    except ET.ParseError as error:
        raise errors.HostError("a domain's XML cannot be read", why=str(error), hint="see `virsh dumpxml` on the host") from error
    return Shape(tuple(_traits(root)))


def _names(keys: Sequence[object]) -> list[str]:
    return list(dict.fromkeys(key.name for key in keys if isinstance(key, Key | Live)))


def _answer(key: object, said: Mapping[str, Sequence[str]]) -> object:
    assert isinstance(key, Key | Live)  # noqa: S101  # this module's own
    state, defined, live = said[key.name]
    text = defined if isinstance(key, Key) else live if state and state not in OFF else ""
    return of(text) if text else None


def _traits(root: Element) -> Iterator[tuple[str, str]]:
    memory = root.find("memory")
    if memory is not None:
        yield "memory", f"{round(int(memory.text or 0) * KIB.get(memory.get('unit', 'KiB'), 1))} KiB"
    yield "processors", (root.findtext("vcpu") or "1").strip()
    yield "emulation", root.get("type", "")
    devices = root.find("devices")
    for disk in sorted(() if devices is None else devices.findall("disk"), key=_target):
        yield f"disk {_target(disk)}", f"{disk.get('type')} {_of(disk, 'driver', 'type')} {_source(disk)} on {_of(disk, 'target', 'bus')}"
    for port in sorted(() if devices is None else devices.findall("interface"), key=lambda each: _of(each, "mac", "address")):
        where = _of(port, "source", "bridge") or _of(port, "source", "network") or _of(port, "source", "dev")
        yield f"interface {_of(port, 'mac', 'address')}", f"in {where}, {_of(port, 'model', 'type')}"
        if (tap := _of(port, "target", "dev")) and not tap.startswith("vnet"):  # those libvirt names itself
            yield f"tap of {_of(port, 'mac', 'address')}", tap


def _target(disk: Element) -> str:
    return _of(disk, "target", "dev")


def _source(disk: Element) -> str:
    return next((found for word in ("file", "dev", "name", "volume") if (found := _of(disk, "source", word))), "nothing")


def _of(element: Element, child: str, attribute: str) -> str:
    found = element.find(child)
    return "" if found is None else found.get(attribute, "")
