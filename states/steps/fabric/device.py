"""What the steps that make bridges and tunnels have in common."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.commands.command import Command
from orchestrator.facts import link
from orchestrator.facts.gather import Facts
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric, Segment

# $1 is the device, $2 its mark. Without IPv6 the host has no address of its own on the guests' networks (neutron `disable_ipv6`).
SETTLE = (
    """ip link set dev "$1" alias "$2" && { [ ! -e "/proc/sys/net/ipv6/conf/$1" ] || echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"; }"""
)
# Another run that was planned on the same facts may have made the device by now. Whether it leads where it should is looked at afterwards.
THERE = """{ [ -e "/sys/class/net/$1" ] && read -r mark rest <"/sys/class/net/$1/ifalias" && [ "$mark" = "$2" ]; }"""
# A command that was killed between `ip link add` and the mark left it: the kernel sets no alias at creation. In use by now, it is somebody's.
TAKE = f"""mark=; read -r mark rest <"/sys/class/net/$1/ifalias" || :
[ "$mark" = "$2" ] || {{ [ -z "$mark" ] && [ ! -e "/sys/class/net/$1/master" ] && [ $(($(cat "/sys/class/net/$1/flags") & 1)) = 0 ]; }} ||
{{ echo "$1 is somebody else's by now" >&2; exit 1; }}
{SETTLE}"""
# Gone by now, or another's by now: nobody's loss.
DROP = """[ ! -e "/sys/class/net/$1" ] || { read -r mark rest <"/sys/class/net/$1/ifalias" || :
[ "$mark" != "$2" ] || ip link del dev "$1"; }"""


def on_bridges(fabric: Fabric, kind: str) -> tuple[Segment, ...]:
    """Segments of a type that are Linux bridges."""
    return tuple(each for each in fabric.segments if each.network.type == kind and each.network.driver == "linuxbridge")


def marked(fabric: Fabric, facts: Facts) -> link.Marks:
    """What carries the fabric's mark, but for what is known to be gone by now."""
    found = facts[link.Marked(names.owner(fabric.lineage))]
    marks = found if isinstance(found, link.Marks) else link.Marks()
    return link.Marks({name: each for name, each in marks.devices.items() if facts.get(link.Key(name), each) is not None}, marks.strangers)


def unneeded(fabric: Fabric, facts: Facts, kind: str, wanted: set[str]) -> tuple[str, ...]:
    """Our devices of a kind that no segment needs."""
    return tuple(name for name, each in marked(fabric, facts).devices.items() if each.kind == kind and name not in wanted)


def drop(fabric: Fabric, name: str) -> Command:
    """Takes a device of ours away."""
    return Command(("sh", "-c", DROP, "remove-device", name, names.owner(fabric.lineage)))


def left(found: link.Link, form: str) -> bool:
    """Whether a device is as `ip link add` leaves one: of the very form, without a mark, in no bridge, down."""
    return not found.alias and found.form == form and not found.master and not found.up and not found.addresses


def take(fabric: Fabric, name: str) -> Command:
    """Marks a device that is as `ip link add` left it, unless it is somebody's by now."""
    return Command(("sh", "-c", TAKE, "take-device", name, names.owner(fabric.lineage)))


def refuse_strange(fabric: Fabric, name: str, found: link.Link, form: str) -> None:
    """Raises HostError when a device is not ours, or leads elsewhere."""
    if found.owner != names.owner(fabric.lineage):
        whose = f"it carries the mark {found.alias!r}" if found.alias else "it carries no mark of ours"
        raise errors.HostError(f"{name} is somebody else's", why=whose, hint=f"give the network another segmentation_id, or remove {name}")
    if found.form != form:
        raise errors.HostError(
            f"{name} leads elsewhere", why=f"it is {found.form}, and is to be {form}", hint=f"remove it: ip link del {name}"
        )


def settle(name: str, found: link.Link | None, bridge: str | None, mtu: int) -> Iterator[Command]:
    """What is missing of a device in its bridge: MTU, bridge, up; one command at most."""
    words: list[str] = []
    if found is None or found.mtu != mtu:
        words += ["mtu", str(mtu)]
    if bridge and (found is None or found.master != bridge):
        words += ["master", bridge]
    if found is None or not found.up:
        words += ["up"]
    if words:
        yield Command(("ip", "link", "set", "dev", name, *words))


def uplink(name: str, facts: Facts, mtu: int, bridge: str | None = None) -> link.Link:
    """The physical interface, fit to carry frames of `mtu` bytes and, with a `bridge`, free to be its port. Raises HostError when it is not."""
    found = facts[link.Key(name)]
    if not isinstance(found, link.Link):
        raise errors.HostError(
            f"interface {name} is missing", why="a physical network is to be reached by it", hint="mend physical_networks in the inventory"
        )
    if found.mtu < mtu:
        raise errors.HostError(
            f"interface {name} is too small for the network",
            why=f"its MTU is {found.mtu}, the network's {mtu}",
            hint=f"set the network's mtu to {found.mtu}, or on the host: ip link set {name} mtu {mtu}",
        )
    if bridge is None or found.master == bridge:
        return found
    if found.master:
        raise errors.HostError(
            f"interface {name} is in use", why=f"it is a port of {found.master}", hint=f"name {found.master} in physical_networks"
        )
    if found.addresses:
        raise errors.HostError(
            f"interface {name} carries the host's own address",
            why=f"as a port of a bridge it would no longer answer at {', '.join(found.addresses)}",
            hint="move the address to a bridge with the interface in it, and name that bridge in physical_networks",
        )
    return found
