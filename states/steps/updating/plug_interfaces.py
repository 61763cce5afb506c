"""The network interfaces of the running guest: ports plugged in, and out (nova `attach_interface`, `detach_interface`).

A tap is there exactly as long as QEMU has the interface, so that one which is gone says that the guest has let go of it.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import domain as domains
from orchestrator.facts import link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance, Port
from orchestrator.rendering import domain
from orchestrator.states.step import Todo
from orchestrator.states.steps.updating.plug_volumes import LETS_GO

PATIENCE = 5.0

# One fixed script; its arguments are data: domain's uuid, the port's MAC address and tap, seconds, URI; the interface's XML is its stdin. What comes after
# it gives the address to others, so that it ends well only when libvirt's own list has the interface no more, and its tap is gone.
UNPLUG = (
    'v() { virsh -q -c "$u" "$@"; }; u=$5; v detach-device --live --domain "$1" --file /dev/stdin; n=0; '
    'while on=$(v domiflist --domain "$1"); do case $on in *"$2"*) ;; *) [ -e "/sys/class/net/$3" ] || exit 0;; esac; '
    '[ "$n" -lt "$4" ] || { echo "the guest does not let go of it" >&2; exit 1; }; sleep 1; n=$((n+1)); done; exit 1'
)


def needs(instance: Instance) -> tuple[Key, ...]:
    return (domains.Key(instance.domain), *(link.Key(port.tap) for port in instance.ports if port.status))


def plan(instance: Instance, facts: Facts) -> Todo:
    if not any(port.status for port in instance.ports):
        return Todo("no port comes or goes")
    if not _runs(instance, facts):
        return Todo("no process has its ports")
    actions = tuple(_act(instance, port) for port in _changing(instance, facts))
    return Todo("the guest has other ports" if actions else "the guest has its ports", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    if not _runs(instance, facts):
        return {}
    return {
        link.Key(port.tap): None if port.status == "detaching" else link.Link("tun", port.bridge, True)
        for port in instance.ports
        if port.status
    }


def shares(instance: Instance) -> str | None:
    return None


def _runs(instance: Instance, facts: Facts) -> bool:
    found = facts[domains.Key(instance.domain)]
    return isinstance(found, domains.Domain) and found.uuid == instance.uuid and found.state in ("running", "paused")


def _changing(instance: Instance, facts: Facts) -> tuple[Port, ...]:
    """Ports to be plugged that have no tap, and ports to be unplugged that have one."""
    changing = (port for port in instance.ports if port.status)
    return tuple(port for port in changing if (facts[link.Key(port.tap)] is None) == (port.status == "attaching"))


def _act(instance: Instance, port: Port) -> Command:
    xml = domain.interface(instance, port)
    if port.status == "attaching":
        words = ("virsh", "-q", "-c", domains.URI, "attach-device", "--live", "--domain", instance.uuid, "--file", "/dev/stdin")
        return Command(words, stdin=xml)
    operands = (instance.uuid, port.mac, port.tap, str(LETS_GO), domains.URI)
    return Command(("sh", "-c", UNPLUG, "unplug-interface", *operands), stdin=xml, timeout=LETS_GO + 30)
