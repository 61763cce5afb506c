"""What is wrong with what a host's instances share: each step of its fabric planned on what the ones before it leave, and what it would change named."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.facts import bridge_nf, dhcp, fdb, gather, ipset, link, rules
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.fabric import Fabric
from orchestrator.planning import mismatch
from orchestrator.planning.finding import Finding, Repair
from orchestrator.states import step as steps
from orchestrator.states.fabric import FABRIC

REMEDIES = {
    "missing": "make it again",
    "down": "switch it on",
    "unplugged": "plug it back into its bridge",
    "left-over": "take it away: nothing needs it",
    "foreign": "take out what is not ours of our own chains",
}
"""By the last word of a cause."""


def of(fabric: Fabric, facts: Facts) -> Iterator[Finding]:
    """What is wrong, in the order in which it would be mended. All of it is mended live, but for what a host cannot have."""
    predicted = dict(facts)
    for name in FABRIC:
        step = steps.find_fabric(name)
        try:
            todo, expected = step.plan(fabric, predicted), step.expects(fabric, predicted)
        except errors.HostError as problem:
            yield _cannot(fabric, facts, name, problem)
            continue
        if todo.actions:
            told = [
                found for key, value in expected.items() if predicted.get(key) != value for found in _told(fabric, key, value, predicted)
            ]
            yield from told or [_finding(fabric, f"{name.partition('ensure_')[2] or 'network'}-differ", fabric.host, todo.why)]
        predicted.update(expected)


def _cannot(fabric: Fabric, facts: Facts, step: str, problem: errors.HostError) -> Finding:
    calls = facts.get(bridge_nf.Key())
    off = step == "fabric.ensure_rules" and isinstance(calls, bridge_nf.BridgeNf) and set(calls.calls) != {"1"}
    cause = "bridge-nf-off" if off else "host-unfit"
    return Finding("host", fabric.host, fabric.host, cause, f"{problem.what}: {problem.why}", Repair.CANNOT, problem.hint)


def _finding(fabric: Fabric, cause: str, name: str, detail: str) -> Finding:
    remedy = next((text for word, text in REMEDIES.items() if cause.endswith(word)), "make it as it should be")
    return Finding("network", name, fabric.host, cause, detail, Repair.LIVE, remedy)


def _told(fabric: Fabric, key: Key, wanted: object, facts: Facts) -> Iterator[Finding]:
    found = facts.get(key)
    words = mismatch.words(key, wanted, facts)
    if isinstance(key, link.Key):
        yield _finding(fabric, _device(key.name, wanted, found), key.name, words)
    elif isinstance(key, fdb.Key) and isinstance(wanted, tuple):
        there = found if isinstance(found, tuple) else None
        if there is not None:  # else it is the device that is missing
            yield from (_finding(fabric, "peer-missing", key.name, f"nothing is sent to {peer}") for peer in wanted if peer not in there)
            yield from (_finding(fabric, "peer-left-over", key.name, f"{peer} is sent to") for peer in there if peer not in wanted)
    elif isinstance(wanted, rules.Rules) and isinstance(found, rules.Rules) and isinstance(key, rules.Key):
        yield from _rules(fabric, key, wanted, found)
    elif isinstance(wanted, ipset.Sets) and isinstance(found, ipset.Sets):
        yield from _sets(fabric, wanted, found)
    elif isinstance(key, dhcp.Key) and isinstance(wanted, dhcp.Site):
        down = isinstance(found, dhcp.Site) and not found.servers and bool(wanted.servers)
        cause = "dhcp-down" if down else "dhcp-differs" if isinstance(found, dhcp.Site) else "namespace-missing"
        yield _finding(fabric, cause, dhcp.namespace(key.owner, key.network), "no dnsmasq serves it" if down else words)
    else:
        noun = gather.kind(key).__name__.rpartition(".")[2]
        yield _finding(fabric, f"{noun}-{'left-over' if wanted is None else 'missing' if found is None else 'differs'}", str(key), words)


def _device(name: str, wanted: object, found: object) -> str:
    kind = wanted.kind if isinstance(wanted, link.Link) else found.kind if isinstance(found, link.Link) else ""
    noun = {"tun": "tap", "": "uplink"}.get(kind, kind)
    if not isinstance(wanted, link.Link):
        return f"{noun}-left-over"
    if not isinstance(found, link.Link):
        return f"{noun}-missing"
    if found.master != wanted.master:
        return f"{noun}-unplugged"
    return f"{noun}-down" if wanted.up and not found.up else f"{noun}-differs"


def _rules(fabric: Fabric, key: rules.Key, wanted: rules.Rules, found: rules.Rules) -> Iterator[Finding]:
    for path, chain in wanted.chains.items():
        there = found.chains.get(path)
        lacking = [each for each in chain if each not in (there or ())]
        strange = [each for each in there or () if each not in chain]
        if there is None or lacking:
            what = "the chain" if there is None else f"{len(lacking)} of {len(chain)} rules, the first `{lacking[0].text}`,"
            yield _finding(fabric, "rules-missing", path, f"{key.tool}: {what} is not there")
        if strange:
            yield _finding(fabric, "rules-foreign", path, f"{key.tool}: `{strange[0].text}` is none of ours")
        if there is not None and not lacking and not strange and there != chain:
            yield _finding(fabric, "rules-differ", path, f"{key.tool}: they are in another order")
    for path in found.chains:
        if path not in wanted.chains:
            yield _finding(fabric, "rules-left-over", path, f"{key.tool}: no port needs the chain")
    for place in dict.fromkeys((*wanted.hooks, *found.hooks)):
        here, leads = wanted.hooks.get(place, ()), found.hooks.get(place, ())
        if here != leads:
            gone = [each for each in here if each not in leads]
            cause = "jump-missing" if gone else "jump-differs"
            yield _finding(
                fabric,
                cause,
                place,
                f"{key.tool}: expected to lead into {', '.join(here) or 'none of ours'}, found {', '.join(leads) or 'none'}",
            )


def _sets(fabric: Fabric, wanted: ipset.Sets, found: ipset.Sets) -> Iterator[Finding]:
    for name, members in wanted.members.items():
        there = found.members.get(name)
        if there is None:
            yield _finding(fabric, "set-missing", name, f"it is to hold {', '.join(members) or 'nobody yet'}")
            continue
        yield from (_finding(fabric, "member-missing", name, f"{each} is not in it") for each in members if each not in there)
        yield from (_finding(fabric, "member-left-over", name, f"{each} is in it") for each in there if each not in members)
    yield from (_finding(fabric, "set-left-over", name, "no rule looks it up") for name in found.members if name not in wanted.members)
