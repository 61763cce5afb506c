"""Do rules see what passes a host's bridges, and can its flows be cut? And which devices are there, to tell whose rules are still needed."""

from __future__ import annotations

from collections.abc import Sequence, Set

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen
from orchestrator.model import errors

CALLS = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
"""net.bridge.*: 1 when frames that a bridge forwards pass the rules (ip-sysctl, br_netfilter)."""

# No process is begun but the one that reads.
SCRIPT = """for each; do value=none; { read -r value <"/proc/sys/net/bridge/$each"; } 2>/dev/null; echo "$value"; done
command -v conntrack >/dev/null && echo conntrack || echo none
for each in /sys/class/net/*; do echo "${each##*/}"; done; echo '= end'"""


class Key(Struct, frozen=True):
    """The host."""

    def __str__(self) -> str:
        return "bridge netfilter"


class BridgeNf(Seen, frozen=True, eq=False):
    """`calls` are CALLS' values: "0", "1", or "none" where the kernel has none. `devices` come and go by themselves, so they are not compared."""

    ASIDE = frozenset({"devices"})

    calls: tuple[str, ...]
    conntrack: bool
    devices: tuple[str, ...] = ()

    def without(self, gone: Set[str]) -> BridgeNf:
        """What is left when these devices are gone."""
        return BridgeNf(self.calls, self.conntrack, tuple(name for name in self.devices if name not in gone))


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "read-bridge-nf", *CALLS)),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, BridgeNf]:
    lines = records[0].output.decode("utf-8", "replace").splitlines()
    if len(lines) < 4 or lines[-1] != "= end":
        raise errors.HostError(
            "the host does not tell whether its bridges are filtered", why=repr(lines[-1:]), hint="see `orchestrator doctor`"
        )
    found = BridgeNf(tuple(lines[:2]), lines[2] == "conntrack", tuple(sorted(lines[3:-1])))
    return dict.fromkeys(keys, found)
