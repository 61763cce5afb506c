"""Typed reading of one variable: each function returns the value, or raises SpecError with the place where it was written."""

from __future__ import annotations

import ipaddress
import math
import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from orchestrator.files import yaml
from orchestrator.model.errors import SpecError, SpecErrors

T = TypeVar("T")
Read = Callable[[str, yaml.Node], T]
TRUE, FALSE = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")  # Ansible's
PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[01][0-9a-f]\.[0-7])", re.IGNORECASE)  # domain:bus:slot.function
PATH = re.compile(r"(/[A-Za-z0-9._@+-]+)+")
WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
BACKENDS = ("local", "iscsi", "rbd")
DEVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # dev_valid_name of the kernel, and safe in a command line


def refuse(name: str, node: yaml.Node, expected: str, hint: str = "") -> NoReturn:
    """Raise the error for a variable that is not what was expected."""
    shown = repr(node.text) if isinstance(node, yaml.Scalar) else "a list" if isinstance(node, yaml.Sequence) else "a mapping"
    raise SpecError(f"variable '{name}' is {shown}", str(node.mark), f"expected {expected}", hint)


def text(name: str, node: yaml.Node) -> str:
    """The written text: not empty, one line, no Jinja."""
    if not isinstance(node, yaml.Scalar) or isinstance(node.value, bool) or node.value is None:
        refuse(name, node, "text")
    if "{{" in node.text or "{%" in node.text:
        refuse(name, node, "a plain value", "expressions are not evaluated in inventories; write the value itself")
    if not node.text.strip() or yaml.CONTROL.search(node.text) or "\n" in node.text:
        refuse(name, node, "text on one line")
    return node.text


def matching(pattern: re.Pattern[str], expected: str) -> Read[str]:
    """Text that matches the whole pattern."""

    def read(name: str, node: yaml.Node) -> str:
        found = text(name, node)
        return found if pattern.fullmatch(found) else refuse(name, node, expected)

    return read


def satisfying(test: Callable[[str], bool], expected: str) -> Read[str]:
    """Text that the test accepts."""

    def read(name: str, node: yaml.Node) -> str:
        found = text(name, node)
        return found if test(found) else refuse(name, node, expected)

    return read


def choice(choices: Mapping[str, T], expected: str) -> Read[T]:
    """One of the words of `choices`: what it stands for."""

    def read(name: str, node: yaml.Node) -> T:
        found = text(name, node)
        return choices[found] if found in choices else refuse(name, node, expected)

    return read


def whole(low: int, high: int) -> Read[int]:
    """A whole number from `low` to `high`."""

    def read(name: str, node: yaml.Node) -> int:
        found = text(name, node)
        if not re.fullmatch(r"[0-9]{1,18}", found) or not low <= int(found) <= high:
            refuse(name, node, f"a whole number from {low} to {high}")
        return int(found)

    return read


def ratio(name: str, node: yaml.Node) -> float:
    """A number above 0 and up to 1000."""
    found = text(name, node)
    if not yaml.FLOAT.fullmatch(found) or not 0 < float(found) <= 1000:
        refuse(name, node, "a number above 0 and up to 1000", "such as 1.5")
    return float(found)


def truth(name: str, node: yaml.Node) -> bool:
    """Yes or no, in any of Ansible's spellings."""
    word = node.text.lower() if isinstance(node, yaml.Scalar) else ""
    if word not in TRUE + FALSE:
        refuse(name, node, "true or false")
    return word in TRUE


def words(name: str, node: yaml.Node) -> tuple[str, ...]:
    """A list of names, or one text with commas between them."""
    one = matching(WORD, "a name of letters, digits, '.', '-' and '_'")
    if isinstance(node, yaml.Sequence):
        return tuple(dict.fromkeys(one(name, item) for item in node.items))
    parts = (yaml.Scalar(part.strip(), part.strip(), node.mark) for part in text(name, node).split(","))
    return tuple(dict.fromkeys(one(name, part) for part in parts))


def directory(name: str, node: yaml.Node) -> str:
    """An absolute path in its normal form, of characters that need no quoting anywhere."""
    found = text(name, node).rstrip("/")
    if not PATH.fullmatch(found) or posixpath.normpath(found) != found:
        hint = "such as /var/lib/nova/instances"
        refuse(name, node, "an absolute path without '..', of letters, digits and . _ @ + -", hint)
    return found


def own_address(name: str, node: yaml.Node) -> str:
    """An IP address that a host can have, in its usual form."""
    found = text(name, node)
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        refuse(name, node, "an IP address", "without prefix length")
    if address.is_unspecified or address.is_loopback or address.is_multicast or "%" in found:
        refuse(name, node, "an address of the host that other hosts reach")
    return str(address)


def networks(name: str, node: yaml.Node) -> dict[str, str]:
    """A mapping of physical networks to bridges or interfaces (names as the kernel takes them: at most 15 characters)."""
    if not isinstance(node, yaml.Mapping):
        refuse(name, node, "a mapping of network names to interfaces", "such as {physnet1: eth1}")
    device = matching(DEVICE, "a bridge or interface: at most 15 letters, digits, '.', '-' and '_'")
    network = matching(WORD, "a name of letters, digits, '.', '-' and '_'")
    return each(name, node, network, device)


def volume_backends(name: str, node: yaml.Node) -> dict[str, dict[str, str]]:
    """A mapping of backends of volumes to their options, each one text as it was written."""
    if not isinstance(node, yaml.Mapping):
        refuse(name, node, "a mapping of backends to their options", "such as {rbd: {pool: volumes}}")
    return each(name, node, choice({word: word for word in BACKENDS}, f"one of {', '.join(BACKENDS)}"), _options)


def reason(name: str, node: yaml.Node) -> str:
    """Why something is so: a text, or only that it is; "" when it is not."""
    if isinstance(node, yaml.Scalar) and node.text.lower() in TRUE + FALSE:
        return "the inventory says so" if truth(name, node) else ""
    return text(name, node)


def metrics(name: str, node: yaml.Node) -> dict[str, float]:
    """A mapping of names to numbers, each of any sign."""
    if not isinstance(node, yaml.Mapping):
        refuse(name, node, "a mapping of names to numbers", "such as {cpu.percent: 12.5}")
    return each(name, node, matching(WORD, "a name of letters, digits, '.', '-' and '_'"), _number)


def _number(name: str, node: yaml.Node) -> float:
    found = text(name, node)
    if not yaml.FLOAT.fullmatch(found) or not math.isfinite(float(found)):
        refuse(name, node, "a number", "such as 12.5")
    return float(found)


def pci_devices(name: str, node: yaml.Node) -> dict[str, tuple[str, ...]]:
    """A mapping of aliases to lists of PCI addresses with their domain. Each device is named once: it can be given to one guest only."""
    if not isinstance(node, yaml.Mapping):
        refuse(name, node, "a mapping of aliases to PCI addresses", "such as {gpu: [0000:81:00.0]}")
    taken: dict[str, str] = {}
    alias = matching(WORD, "an alias of letters, digits, '.', '-' and '_'")

    def devices(word: str, inner: yaml.Node) -> tuple[str, ...]:
        items = inner.items if isinstance(inner, yaml.Sequence) else (inner,)
        return tuple(device(word, item) for item in items)

    def device(word: str, item: yaml.Node) -> str:
        found = PCI.fullmatch(text(word, item))
        if not found:
            refuse(word, item, "PCI addresses as lspci -D prints them", "such as 0000:81:00.0")
        address = f"{found[1] or '0000'}:{found[2]}".lower()
        if address in taken:
            raise SpecError(f"device {address} is named twice", str(item.mark), f"{taken[address]} has it", "leave one out")
        taken[address] = word
        return address

    return each(name, node, alias, devices)


def _options(name: str, node: yaml.Node) -> dict[str, str]:
    if not isinstance(node, yaml.Mapping):
        refuse(name, node, "a mapping of options to texts", "such as {pool: volumes}")
    return each(name, node, matching(WORD, "an option's name of letters, digits, '.', '-' and '_'"), option)


def option(name: str, node: yaml.Node) -> str:
    """Text; true and false are these words."""
    if isinstance(node, yaml.Scalar) and isinstance(node.value, bool):
        return "true" if node.value else "false"
    return text(name, node)


def each(name: str, node: yaml.Mapping, key: Read[str], value: Read[T]) -> dict[str, T]:
    """Each pair of the mapping, or every error of it at once."""
    errors: list[SpecError] = []
    found: dict[str, T] = {}
    for word, inner in node.items:
        try:
            found[key(name, word)] = value(f"{name}.{word.text}", inner)
        except SpecErrors as error:
            errors.extend(error.errors)
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecErrors(errors)
    return found
