"""The rules of the ports' security groups, and who is a member of those groups: iptables, ip6tables, ipset, conntrack (neutron iptables_firewall.py).

Rules are there before the guest starts, or the guest does not start. What changes is written in one transaction a table, so that no port is open
in between; what is removed takes the flows with it that it had let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.firewall import again, chains, flows, layout, restore, strays
from orchestrator.facts import bridge_nf, ipset, rules
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric
from orchestrator.states.step import Todo

PATIENCE = 0.0
TOOLS = {4: "iptables", 6: "ip6tables"}
Members = Mapping[str, tuple[str, ...]]
"""A set's name -> its addresses, in order."""

MEMBERS = (
    restore.CUT
    + """lines=$1; shift
document=$(printf '%s\\n' "$@" | head -n "$lines"); shift "$lines"
cut "$@" && printf '%s\\n' "$document" | ipset -exist restore && cut "$@"
"""
)
"""Flows are cut first of all, for the same reason as in restore.SCRIPT."""


def needs(fabric: Fabric) -> tuple[Key, ...]:
    owner = names.owner(fabric.lineage)
    return (*(rules.Key(tool, owner) for tool in TOOLS.values()), ipset.Key(owner), bridge_nf.Key())


def plan(fabric: Fabric, facts: Facts) -> Todo:
    _refuse(fabric, facts)
    changes = _changes(fabric, facts)
    members = _members(fabric, facts, changes)
    restored = [action for version in TOOLS for action in _restore(fabric, facts, version, changes[version])]
    actions = (*_set_lines(fabric, facts, members, before=True), *restored, *_set_lines(fabric, facts, members, before=False))
    kept = sorted({each for version in TOOLS for each in strays.of(fabric, _rules(fabric, facts, version), _devices(facts))})
    note = f"; a guest runs that nothing is known of, and keeps its rules: tap{', tap'.join(kept)}" if kept else ""
    if actions:
        return Todo(f"rules or members of groups are not as they should be{note}", actions)
    return Todo(("rules are as they should be" if chains.secured(fabric) else "no port here is to be judged") + note)


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    owner, changes = names.owner(fabric.lineage), _changes(fabric, facts)
    found: dict[Key, object] = {
        rules.Key(tool, owner): restore.needed(changes[version], _rules(fabric, facts, version)) for version, tool in TOOLS.items()
    }
    if not (sets := _sets(fabric, facts)).trouble:
        found[ipset.Key(owner)] = ipset.Needed(_members(fabric, facts, changes), before=sets)
    return found


def _refuse(fabric: Fabric, facts: Facts) -> None:
    """Raises HostError where rules would judge nothing, or could not be made: with a port that is to be judged there, no guest starts."""
    if not chains.secured(fabric):
        return
    host = facts[bridge_nf.Key()]
    assert isinstance(host, bridge_nf.BridgeNf)  # noqa: S101  # what the key stands for
    for name, value in zip(bridge_nf.CALLS, host.calls, strict=True):
        if value != "1":
            raise errors.HostError(
                "security groups would let everything through",
                why=f"net.bridge.{name} is {value}" if value != "none" else "bridged frames pass no rules: br_netfilter is not loaded",
                hint=f"on the host: {'' if value != 'none' else 'modprobe br_netfilter && '}sysctl -w net.bridge.{name}=1",
            )
    for version, tool in TOOLS.items():
        _refuse_trouble(tool, _rules(fabric, facts, version).trouble, "iptables")
    if layout.looked_up(fabric):
        _refuse_trouble("ipset", _sets(fabric, facts).trouble, "ipset")
    if not host.conntrack:
        _refuse_trouble("conntrack", "not found", "conntrack")


def _refuse_trouble(tool: str, why: str, package: str) -> None:
    if why:
        raise errors.HostError(f"{tool} does not work, and security groups need it", why=why, hint=f"on the host: apt install {package}")


def _rules(fabric: Fabric, facts: Facts, version: int) -> rules.Rules:
    found = facts[rules.Key(TOOLS[version], names.owner(fabric.lineage))]
    return found if isinstance(found, rules.Rules) else rules.Rules()


def _sets(fabric: Fabric, facts: Facts) -> ipset.Sets:
    found = facts[ipset.Key(names.owner(fabric.lineage))]
    return found if isinstance(found, ipset.Sets) else ipset.Sets()


def _devices(facts: Facts) -> tuple[str, ...]:
    host = facts[bridge_nf.Key()]
    return host.devices if isinstance(host, bridge_nf.BridgeNf) else ()


def _changes(fabric: Fabric, facts: Facts) -> Mapping[int, restore.Change]:
    """By IP version."""
    host = facts[bridge_nf.Key()]
    return _all_changes(fabric, *(facts[rules.Key(tool, names.owner(fabric.lineage))] for tool in TOOLS.values()), host)


@again.Again
def _all_changes(fabric: Fabric, four: object, six: object, host: object) -> Mapping[int, restore.Change]:
    """Of what is found of both, and of the host's devices."""
    devices = host.devices if isinstance(host, bridge_nf.BridgeNf) else ()
    there = {version: found if isinstance(found, rules.Rules) else rules.Rules() for version, found in ((4, four), (6, six))}
    return {version: _change(fabric, found, devices, version) for version, found in there.items()}


def _change(fabric: Fabric, found: rules.Rules, devices: tuple[str, ...], version: int) -> restore.Change:
    if found.trouble:  # and nothing to be judged: there is nothing of ours where the tool does not work
        return restore.Change((), found)
    kept = strays.of(fabric, found, devices)
    wanted = strays.keep(found, layout.rules(fabric, version), kept)
    return restore.change(found, wanted, layout.hooks(fabric) if wanted else {}, lambda path: layout.mine(fabric, path))


def _restore(fabric: Fabric, facts: Facts, version: int, change: restore.Change) -> Iterable[Action]:
    if change.lines:
        found = _rules(fabric, facts, version)
        cut = flows.of_rules(fabric, version, found, layout.rules(fabric, version))
        yield restore.command(TOOLS[version], change.lines, strays.gone(fabric, found, _devices(facts)), cut)


def _members(fabric: Fabric, facts: Facts, changes: Mapping[int, restore.Change]) -> Members:
    """The sets that there are to be; those that strays look up stay as they are."""
    wanted = layout.sets(fabric)
    texts = (each.spec for change in changes.values() for path in change.rules.chains.values() for each in path)
    named = {name for name in flows.sets(texts) if name not in wanted}
    return wanted | {name: each for name, each in _sets(fabric, facts).members.items() if name in named}


def _set_lines(fabric: Fabric, facts: Facts, wanted: Members, before: bool) -> Iterable[Action]:
    """Sets and members are there before rules look them up, and go after none does. Members go by themselves, with their flows."""
    if (found := _sets(fabric, facts)).trouble:
        return
    lost = {name: _less(found.members[name], wanted[name]) for name in sorted(wanted) if name in found.members}
    lines = list(_made(found.members, wanted)) if before else list(_unmade(found.members, wanted, lost))
    if lines:
        cut = () if before or not any(lost.values()) else flows.of_members(fabric, lost, _both(fabric))
        yield Command(("sh", "-c", MEMBERS, "restore-sets", str(len(lines)), *lines, *cut), timeout=restore.patience(len(cut)))


def _less(members: Iterable[str], others: Iterable[str]) -> list[str]:
    """Those that are not among the others."""
    there = set(others)
    return [each for each in members if each not in there]


def _both(fabric: Fabric) -> Mapping[str, tuple[str, ...]]:
    """Each port's rules of both IP versions."""
    four, six = layout.rules(fabric, 4), layout.rules(fabric, 6)
    return {path: (*four[path], *six[path]) for path in four}


def _made(found: Members, wanted: Members) -> Iterable[str]:
    for name, members in sorted(wanted.items()):
        if name not in found:
            family = "inet6" if name.partition("-")[2].startswith("6") else "inet"
            yield f"create {name} hash:net family {family}"
        yield from (f"add {name} {each}" for each in _less(members, found.get(name, ())))


def _unmade(found: Members, wanted: Members, lost: Mapping[str, Iterable[str]]) -> Iterable[str]:
    yield from (f"del {name} {each}" for name, members in lost.items() for each in members)
    yield from (f"destroy {name}" for name in sorted(found) if name not in wanted)
