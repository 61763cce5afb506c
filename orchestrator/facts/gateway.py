"""The ways out of namespaces that we made on a host: the cable from each, its rules inside, and the host's for it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import dhcp
from orchestrator.facts.seen import Seen
from orchestrator.model import errors

OUT = "out"
"""The namespace's own end of the cable to its host."""
TRANSIT = "169.254.128.0/17"
"""Where the two ends of each cable have their addresses (link-local, RFC 3927, as neutron's DVR): they never leave the host."""
CHAINS = (("filter", ("INPUT", "FORWARD")), ("nat", ("POSTROUTING",)))
"""Chains that we hook into, by table."""

# One fixed script, its arguments are data: owner, transit network. Where there is no iptables there are no rules; where it fails, there is no answer.
# Most hosts have neither rules nor namespaces of ours: there, as few processes are begun as can tell.
SCRIPT = (
    f"{dhcp.NAMESPACES}\n"
    'rules() { ! command -v iptables-save >/dev/null || iptables-save "$@"; }\n'
    "! command -v iptables-restore >/dev/null || echo iptables\n"
    'forward=; read -r forward </proc/sys/net/ipv4/ip_forward; echo "forward $forward"\n'
    'ip -4 -o address show to "$2" | while read -r _ d _ a _; do echo "near ${d%@*} ${a%/*}"; done\n'
    'r=$(rules) || exit 1; case $r in *" $1gw-"*) for t in filter nat; do r=$(rules -t $t) || exit 1; '
    'printf "%s\\n" "$r" | grep -e "^-A $1gw-" -e "^-A [A-Z]* -j $1gw-" | sed "s/^/outside $t /"; done ;; esac\n'
    'names=$(namespaces); case $names in *"$1-net-"*) ;; *) echo end-of-gateways; exit ;; esac; printf "%s\\n" "$names" | '
    f'sed -n "s/^\\($1-net-[0-9a-f-]\\{{{dhcp.DIGITS}\\}}\\)\\( .*\\)\\{{0,1\\}}\\$/\\1/p" | sort | while read -r n; do\n'
    f'i=${{n##*-net-}} d=gw${{n##*-net-}}; a=$(ip -n "$n" -4 -o address show dev {OUT} 2>/dev/null) || continue\n'
    'echo "network $i"; set -- $a; [ "$#" -lt 4 ] || echo "far ${4%/*}"\n'
    f'[ -z "$(ip -n "$n" -o link show dev {OUT} up)" ] || echo end; [ -z "$(ip -o link show dev "$d" up 2>/dev/null)" ] || echo end\n'
    'set -- $(ip -n "$n" route show default); [ "$#" -lt 3 ] || echo "via $3"\n'
    'echo "inner $(nsenter --net="/run/netns/$n" cat /proc/sys/net/ipv4/ip_forward)"\n'
    'for t in filter nat; do r=$(nsenter --net="/run/netns/$n" sh -c \'command -v iptables-save >/dev/null && iptables-save -t "$1"\' rules $t); '
    'printf "%s\\n" "$r" | sed -n -e "s/^:\\([A-Z]* [A-Z]*\\) .*/inside $t \\1/p" -e "s/^-A/inside $t -A/p"; done; done; echo end-of-gateways'
)


class Key(Struct, frozen=True):
    """What there is of `owner`'s; with `network` (the first characters of its id) its Gateway."""

    owner: str
    network: str = ""

    def __str__(self) -> str:
        return f"gateway of {dhcp.namespace(self.owner, self.network)}" if self.network else "gateways"


class Found(Seen, frozen=True, eq=False):
    """The host's side. `taken`: its transit addresses, by device; `devices`: those that rules of ours name."""

    ASIDE = frozenset({"taken", "devices"})

    iptables: bool
    taken: tuple[tuple[str, str], ...] = ()
    devices: tuple[str, ...] = ()


class Gateway(Struct, frozen=True):
    """A way out: the addresses of the cable's ends, `near` the host's; where the namespace's default route leads; whether both hand packets on.

    `inside`: the namespace's policies and rules, as iptables-save has them behind their table; `outside`: the host's rules that name the cable, and
    the hooks of our chains.
    """

    near: str = ""
    far: str = ""
    up: bool = False
    via: str = ""
    forwards: bool = False
    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()


def device(network: str) -> str:
    """The host's end of the cable: 13 characters, the kernel allows 15."""
    return f"gw{network}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("sh", "-c", SCRIPT, "gateways", owner, TRANSIT)) for owner in _owners(keys))


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, object]:
    every = {owner: _host(owner, record) for owner, record in zip(_owners(keys), records, strict=True)}
    return {key: every[key.owner][1].get(key.network) if key.network else every[key.owner][0] for key in keys}


def _owners(keys: Sequence[Key]) -> list[str]:
    return sorted({key.owner for key in keys})


def _host(owner: str, record: Record) -> tuple[Found, dict[str, Gateway]]:
    *lines, last = record.output.decode("utf-8", "replace").splitlines() or [""]
    if last != "end-of-gateways":
        raise errors.HostError("the host's gateways cannot be looked at", why=record.error.strip(), hint="see `iptables-save` on the host")
    heads: list[tuple[str, str]] = []
    inner: dict[str, list[tuple[str, str]]] = {}
    said = heads
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "network":
            said = inner.setdefault(rest, [])
        else:
            said.append((word, rest))
    taken = tuple((each.partition(" ")[0], each.partition(" ")[2]) for each in _all(heads, "near"))
    rules = sorted((each for each in _all(heads, "outside") if f" -A {owner}gw-" in each), key=lambda rule: rule.split()[:3])  # by chain
    hooks = tuple(sorted(each for each in _all(heads, "outside") if f" -A {owner}gw-" not in each))
    devices = sorted({word for each in rules for word in each.split() if word.startswith("gw")})
    forwards = ("forward", "1") in heads
    gateways = {
        network: Gateway(
            near=dict(taken).get(device(network), ""),
            far=next(iter(_all(lines_, "far")), ""),
            up=lines_.count(("end", "")) == 2,
            via=next(iter(_all(lines_, "via")), ""),
            forwards=forwards and ("inner", "1") in lines_,
            inside=tuple(_all(lines_, "inside")),
            outside=tuple(each for each in rules if device(network) in each.split()),
            hooks=hooks,
        )
        for network, lines_ in inner.items()
    }
    return Found(("iptables", "") in heads, taken, tuple(devices)), gateways


def _all(lines: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for each, rest in lines if each == word]
