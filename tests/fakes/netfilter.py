"""Packet filters and sets of addresses: iptables, ip6tables and ebtables as 1.8.9 (nf_tables) has them, ipset 7.17, conntrack.

Rules are kept as they were written, and are saved as the real tools save them. Nothing passes here that they would judge.
"""

from __future__ import annotations

import base64
import copy
import gzip
import re
import socket
from collections.abc import Callable, Iterator, Sequence

from orchestrator.drivers.firewall import restore
from orchestrator.facts import bridge_nf, ipset, rules
from orchestrator.states.steps.fabric import ensure_rules
from tests.fakes.state import Result, State, UnknownError, failed

PACKETS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
FRAMES = {"filter": ("INPUT", "FORWARD", "OUTPUT"), "nat": ("PREROUTING", "OUTPUT", "POSTROUTING")}
BUILT_IN = {"iptables": PACKETS, "ip6tables": PACKETS, "ebtables": FRAMES}
NAMES = {number: name for name, number in reversed(re.findall(r"(\S+) (\d+)", rules.NETBASE))} | rules.KNOWN
Tables = dict[str, dict[str, list[str]]]


class RefusedError(Exception):
    """What a tool says of a line that it does not take."""


def save(state: State, tool: str) -> Iterator[str]:
    """Lines of `<tool>-save`."""
    policy, ours = ("ACCEPT", "RETURN") if tool == "ebtables" else ("ACCEPT [0:0]", "- [0:0]")
    for table, chains in state.filters.get(tool, {}).items():
        yield f"*{table}"
        built_in = BUILT_IN[tool][table]
        yield from (f":{chain} {policy}" for chain in built_in)
        yield from (f":{chain} {ours}" for chain in sorted(chains) if chain not in built_in)
        for chain in (*built_in, *sorted(set(chains) - set(built_in))):
            yield from (f"-A {chain} {_printed(rule)}" for rule in chains[chain])
        yield "COMMIT"


def _printed(rule: str) -> str:
    rule = re.sub(r"(?<=-[sd] )[0-9a-f.]*:\S*(?=/)", lambda match: _address(match[0]), rule)
    return re.sub(r"(?<=-p )\d+(?= )", lambda match: NAMES.get(match[0], match[0]), rule)


def _address(text: str) -> str:
    """As the C library writes it."""
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))


def load(state: State, tool: str, lines: Sequence[str]) -> Result:
    """`<tool>-restore --noflush`: each table as a whole, or not at all."""
    before = copy.deepcopy(state.filters)
    chains: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        try:
            if line.startswith("*"):
                table = line[1:]
                chains = state.filters.setdefault(tool, {}).setdefault(table, {chain: [] for chain in BUILT_IN[tool][table]})
            elif line != "COMMIT":
                _apply(state, chains, line)
        except RefusedError as error:
            state.filters = before
            return failed(f"{tool}-restore v1.8.9 (nf_tables): {error}\nError occurred at line: {number}", 2)
    return Result()


def _apply(state: State, chains: dict[str, list[str]], line: str) -> None:
    verb, chain, rest = (*line.split(" ", 2), "")[:3]
    if verb.startswith(":"):
        chains[verb[1:]] = []
        return
    if chain not in chains:
        raise RefusedError(f"Chain '{chain}' does not exist")
    if verb in ("-F", "-X"):
        _empty(chains, verb, chain)
        return
    there = chains[chain]
    if verb == "-A":
        there.append(_known(state, chains, rest))
    elif verb == "-I":
        place, _, rule = rest.partition(" ")
        if int(place) > len(there) + 1:
            raise RefusedError("Index of insertion too big.")
        there.insert(int(place) - 1, _known(state, chains, rule))
    elif verb == "-D":
        found = [n for n, each in enumerate(there) if rest in (each, _printed(each))]
        if not found:
            raise RefusedError("Bad rule (does a matching rule exist in that chain?).")
        del there[found[0]]
    else:
        raise UnknownError


def _empty(chains: dict[str, list[str]], verb: str, chain: str) -> None:
    if verb == "-F":
        chains[chain].clear()
    elif chains[chain] or any(each.endswith(f"-j {chain}") for there in chains.values() for each in there):
        raise RefusedError(f"CHAIN_DEL failed (Device or resource busy): chain {chain}")
    else:
        del chains[chain]


def _known(state: State, chains: dict[str, list[str]], rule: str) -> str:
    """The rule, once all that it names is there."""
    target = rule.rpartition("-j ")[2].split(" ")[0]
    if target not in (*chains, "ACCEPT", "DROP", "RETURN", "CT"):
        raise RefusedError(f"Chain '{target}' does not exist")
    named = re.search(r"--match-set (\S+)", rule)
    if named and named[1] not in state.sets:
        raise RefusedError(f"Set {named[1]} doesn't exist.")
    return rule


def _restore(state: State, operands: tuple[str, ...]) -> Result:
    """restore.SCRIPT."""
    tool, lines, gone, *rest = operands
    back = next((tap for tap in gone.split() if tap in state.links), None)
    if back:
        return failed(f"{back} is there again: its rules stay")
    if tool in state.missing:
        return failed(f"sh: 1: {tool}-save: not found", 127)
    cut = _cut(state, rest[int(lines) :])
    return cut if cut.code else load(state, tool, list(_left(list(save(state, tool)), rest[: int(lines)])))


def _left(saved: Sequence[str], document: Sequence[str]) -> Iterator[str]:
    """restore.FILTER."""
    table, chains, count = "", set[str](), dict[str, int]()
    for line in saved:
        table = line if line.startswith("*") else table
        if line.startswith(":"):
            chains.add(f"{table}{line.split(' ')[0][1:]}")
        count[f"{table}{line}"] = count.get(f"{table}{line}", 0) + 1
    for line in document:
        table = line if line.startswith("*") else table
        verb, chain = (*line.split(" "), "")[:2]
        rule = table + re.sub(r"^-[AID] (\S+)( \d+)?", r"-A \1", line)
        if (verb[0] == ":" and f"{table}{verb[1:]}" in chains) or (verb in ("-F", "-X") and f"{table}{chain}" not in chains):
            continue
        if verb in ("-A", "-I", "-D"):
            if bool(count.get(rule)) is (verb != "-D"):
                continue
            count[rule] = count.get(rule, 0) + (-1 if verb == "-D" else 1)
        yield line


def _cut(state: State, flows: Sequence[str]) -> Result:
    if flows and "conntrack" in state.missing:
        return failed("sh: 1: conntrack: not found", 1)
    state.cut += flows
    return Result()


def _read_rules(state: State, tools: tuple[str, ...]) -> Result:
    """rules.SCRIPT."""
    lines: list[str] = []
    for tool in tools:
        lines.append(f"= {tool}")
        if tool in state.missing:
            lines.append(f"= trouble sh: 3: {tool}-save: not found ")
        else:
            lines += [line for line in save(state, tool) if _of_interest(line)]
    return _packed([*lines, "= end"])


def _of_interest(line: str) -> bool:
    hooks = "PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING|BROUTING"
    return bool(re.match(rf"[*]|:orc[0-9a-f]{{6}}-|-A ({hooks}|orc[0-9a-f]{{6}}-)", line))


def _read_sets(state: State, operands: tuple[str, ...]) -> Result:
    """ipset.SCRIPT."""
    if "ipset" in state.missing:
        return _packed(["= trouble sh: 1: ipset: not found ", "= end"])
    lines = [
        line for name, (family, members) in state.sets.items() for line in (_created(name, family), *(f"add {name} {e}" for e in members))
    ]
    return _packed([*(line for line in lines if re.match(r"(create|add) orc[0-9a-f]{6}-", line)), "= end"])


def _created(name: str, family: str) -> str:
    return f"create {name} hash:net family {family} hashsize 1024 maxelem 65536 bucketsize 12 initval 0x9d71dc2a"


def _restore_sets(state: State, operands: tuple[str, ...]) -> Result:
    """ensure_rules.MEMBERS; `-exist`: what is so already is no error."""
    count, *rest = operands
    cut = _cut(state, rest[int(count) :])
    if cut.code:
        return cut
    for number, line in enumerate(rest[: int(count)], 1):
        verb, name, *more = line.split(" ")
        if verb == "create":
            state.sets.setdefault(name, (more[-1], []))
        elif verb == "destroy":
            if any(f"--match-set {name} " in each for each in _every_rule(state)):
                return failed(f"ipset v7.17: Error in line {number}: Set cannot be destroyed: it is in use by a kernel component")
            state.sets.pop(name, None)
        elif name not in state.sets:
            return failed(f"ipset v7.17: Error in line {number}: The set with the given name does not exist")
        else:
            members = state.sets[name][1]
            members[:] = [each for each in members if each != more[0]] + (more if verb == "add" else [])
    return cut


def _every_rule(state: State) -> Iterator[str]:
    return (each for tables in state.filters.values() for chains in tables.values() for there in chains.values() for each in there)


def _read_bridge_nf(state: State, operands: tuple[str, ...]) -> Result:
    """bridge_nf.SCRIPT."""
    tool = "none" if "conntrack" in state.missing else "conntrack"
    return _said([*state.bridge_nf, tool, *sorted(state.links), "= end"])


def _packed(lines: Sequence[str]) -> Result:
    """packed.PACK."""
    return Result(0, base64.b64encode(gzip.compress(_said(lines).out, 1)))


def _said(lines: Sequence[str]) -> Result:
    return Result(0, "".join(f"{line}\n" for line in lines).encode())


SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {
    restore.SCRIPT: _restore,
    rules.SCRIPT: _read_rules,
    ipset.SCRIPT: _read_sets,
    bridge_nf.SCRIPT: _read_bridge_nf,
    ensure_rules.MEMBERS: _restore_sets,
}
