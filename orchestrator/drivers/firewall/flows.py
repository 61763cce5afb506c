"""Flows that began under a rule which is gone: their conntrack entries go too, or what is forbidden now would go on (neutron ip_conntrack.py)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping

from orchestrator.drivers.firewall import chains
from orchestrator.facts.rules import Rule, Rules, rule
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Port

TRACKED = {"tcp": "tcp", "udp": "udp", "sctp": "sctp", "icmp": "icmp", "ipv6-icmp": "icmpv6"}
"""Protocols as conntrack calls them."""
ENDS = {"i": ("-d", "-s"), "o": ("-s", "-d")}
"""Which end of a flow the guest is, and which the other one, when the flow began under a rule of its chain `i` or `o`."""


def of_rules(fabric: Fabric, version: int, found: Rules, wanted: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Of every port: flows that a rule of its let through which goes now; all of them when nothing judged the port before."""
    return tuple(dict.fromkeys(each for port in chains.secured(fabric) for each in _of_port(fabric, port, version, (found, wanted))))


def _of_port(fabric: Fabric, port: Port, version: int, rules: tuple[Rules, Mapping[str, tuple[str, ...]]]) -> Iterator[str]:
    found, wanted = rules
    for letter in ENDS:
        path = f"filter/{chains.port(fabric, letter, port)}"
        before = found.chains.get(path)
        after = {rule(text) for text in wanted[path]}
        gone = (each for each in before if each not in after) if before is not None else (Rule("-j RETURN", ""),)
        for each in gone:
            if each.spec.endswith("-j RETURN") and "--ctstate" not in each.spec:
                yield from _flows(fabric, port, version, (letter, each))


def _flows(fabric: Fabric, port: Port, version: int, which: tuple[str, Rule]) -> Iterator[str]:
    """As narrow as conntrack can name them: a range of ports it cannot."""
    letter, gone = which
    guest, other = ENDS[letter]
    words = gone.spec.split(" ")
    told = {option: value for option, value in itertools.pairwise(words) if option in ("-s", "-d", "-p", "--dport")}
    more = [other, told[other]] if other in told else []
    more += ["-p", TRACKED[told["-p"]]] if told.get("-p") in TRACKED else []
    more += ["--dport", told["--dport"]] if told.get("--dport", ":").isdigit() else []
    for address in chains.addresses(port, version):
        yield " ".join([*_family(version), guest, address, *more, "-w", str(chains.zone(fabric, port))])


def of_members(fabric: Fabric, lost: Mapping[str, Collection[str]], wanted: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Flows of addresses that a set has `lost`, where a wanted rule of a port here looks that set up: as many in a zone as there are addresses,
    however many ports. Only with one guest is it named: the others' flows may go on.
    """
    guests: dict[tuple[str, str, int], set[str]] = {}
    for port in chains.secured(fabric):
        for letter in ENDS:
            for name in sets(wanted[f"filter/{chains.port(fabric, letter, port)}"]) & set(lost):
                own = chains.addresses(port, chains.version(name))
                if own or not port.fixed_ips:  # without any, it may have every one
                    guests.setdefault((name, letter, chains.zone(fabric, port)), set()).update(own or ("",))
    return tuple(dict.fromkeys(each for which, own in sorted(guests.items()) for each in _of_lost(which, own, lost[which[0]])))


def _of_lost(which: tuple[str, str, int], guests: Collection[str], lost: Iterable[str]) -> Iterator[str]:
    name, letter, zone = which
    guest, other = ENDS[letter]
    end = [guest, *guests] if len(guests) == 1 and "" not in guests else []
    for member in lost:
        yield " ".join([*_family(chains.version(name)), *end, other, member, "-w", str(zone)])


def sets(rules: Iterable[str]) -> set[str]:
    """The sets that rules look up."""
    return {each.partition("--match-set ")[2].split(" ")[0] for each in rules if "--match-set " in each}


def _family(version: int) -> tuple[str, str]:
    return ("-f", f"ipv{version}")
