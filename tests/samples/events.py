"""What may have happened to a host: each makes it so, given the host and the instance."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from msgspec.structs import replace

from orchestrator.model.instance import Instance
from orchestrator.rendering import described
from orchestrator.rendering import domain as rendering
from orchestrator.states.steps.spawning import write_domain_xml
from tests.fakes import iproute, processes
from tests.fakes.state import Directory, Domain, File, Link, State, Switch

Event = Callable[[State, Instance], None]


def bridge(name: str = "br-phys0", **changes: object) -> Event:
    """A bridge of somebody else's, up."""
    return lambda state, instance: state.links.update({name: replace(Link("bridge", True), **changes)})  # type: ignore[arg-type]


def both(*arrangements: Event) -> Event:
    def arrange(state: State, instance: Instance) -> None:
        for each in arrangements:
            each(state, instance)

    return arrange


def link(name: str, **changes: object) -> Event:
    def arrange(state: State, instance: Instance) -> None:
        state.links[name] = replace(state.links.get(name, Link()), **changes)  # type: ignore[arg-type]

    return arrange


def lose_link(*names: str) -> Event:
    """Devices gone, and what goes with them."""

    def arrange(state: State, instance: Instance) -> None:
        for name in names:
            iproute.remove(state, name)

    return arrange


def ground(state: State, instance: Instance) -> None:
    """The Open vSwitch bridge of its ports."""
    assert state.switches is not None
    state.switches["br-ex"] = Switch("netdev")
    state.links["br-ex"] = Link("tun", True)


def plugged(tag: int | None = None) -> Event:
    """The first port in another VLAN; without a tag, in none: taken out of its switch."""

    def arrange(state: State, instance: Instance) -> None:
        assert state.switches is not None
        ports = state.switches["br-ex"].ports
        port = next(iter(ports))
        _, ids = ports.pop(port)
        if tag is not None:
            ports[port] = (tag, ids)

    return arrange


def domain(**changes: object) -> Event:
    """The instance's domain, otherwise."""

    def arrange(state: State, instance: Instance) -> None:
        for name, value in changes.items():
            setattr(state.domains[instance.domain], name, value)

    return arrange


def cut_off(state: State, instance: Instance) -> None:
    """libvirtd killed as it began the start, and started anew."""
    processes.cut_off(state.domains[instance.domain])


def forgotten(state: State, instance: Instance) -> None:
    """libvirt's status files lost: it knows of no process, and the process lives."""
    processes.forget(state, state.domains[instance.domain])


def foreign(power: str = "shut off") -> Event:
    """Somebody else's domain of the same name."""

    def arrange(state: State, instance: Instance) -> None:
        uuid = "99999999-9999-4999-8999-999999999999"
        xml = f"<domain type='kvm'>\n  <name>{instance.domain}</name>\n  <uuid>{uuid}</uuid>\n</domain>"
        state.domains[instance.domain] = Domain(instance.domain, uuid, xml, power)

    return arrange


def lose(*names: str) -> Event:
    """Files of the instance's gone."""

    def arrange(state: State, instance: Instance) -> None:
        for name in names:
            del state.files[f"{instance.directory}/{name}"]

    return arrange


def file(path: Callable[[Instance], str], content: bytes = b"half") -> Event:
    """A file at some path of the instance's."""
    return lambda state, instance: state.files.update({path(instance): File(content)})


def part(kind: str, suffix: str = "part") -> Event:
    """What an interrupted step left beside a base."""

    def arrange(state: State, instance: Instance) -> None:
        base = next(disk.base.path for disk in instance.disks if disk.base.kind == kind)
        for path in (posixpath.dirname(posixpath.dirname(base)), posixpath.dirname(base)):
            state.files.setdefault(path, Directory())
        state.files[f"{base}.{suffix}"] = File(b"half")

    return arrange


def _image_base(instance: Instance) -> str:
    return next(disk.base.path for disk in instance.disks if disk.base.kind == "image")


def truncate_base(state: State, instance: Instance) -> None:
    """The image in the cache, cut short."""
    state.files[_image_base(instance)] = File(b"cut")


def lose_base(state: State, instance: Instance) -> None:
    """The image gone from the cache, its manifest left."""
    del state.files[_image_base(instance)]


def lose_manifest(state: State, instance: Instance) -> None:
    """The manifest gone, as of an image of before there were any."""
    del state.files[f"{_image_base(instance)}.sha256"]


def lose_description(state: State, instance: Instance) -> None:
    """instance.json gone, as of an instance of before there were any."""
    del state.files[described.path(instance)]


def write_xml(state: State, instance: Instance) -> None:
    """libvirt.xml as it is rendered now."""
    state.files[write_domain_xml.path(instance)] = File(rendering.xml(instance).encode())


def directory(state: State, instance: Instance) -> None:
    """The instance's directory, empty."""
    state.files[instance.directory] = Directory()


def half_removed(state: State, instance: Instance) -> None:
    """The instance's directory under the name that it is removed by."""
    moved = {path: node for path, node in state.files.items() if path == instance.directory or path.startswith(f"{instance.directory}/")}
    for path in moved:
        del state.files[path]
    state.files |= {path.replace(instance.directory, f"{instance.directory}_del"): node for path, node in moved.items()}
