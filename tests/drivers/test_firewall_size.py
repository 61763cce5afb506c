"""What a host says of its rules is read whole, however many guests it has."""

from __future__ import annotations

import uuid

from msgspec.structs import replace

from orchestrator.commands.command import Record
from orchestrator.commands.stream import OUTPUT_LIMIT
from orchestrator.drivers.firewall import layout
from orchestrator.facts import gather, rules
from orchestrator.model import names
from tests.fakes import netfilter
from tests.fakes.host import FakeFleet
from tests.samples import firewall, groups, instances

TOOLS = ("iptables", "ip6tables", "ebtables")


def test_rules_of_a_thousand_ports_are_read_whole() -> None:
    ids = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(1000)]
    ports = [
        replace(groups.port(1, "web", "admin"), id=each, tap=f"tap{each[:11]}", mac=f"fa:16:3e:{each[:2]}:{each[2:4]}:{each[4:6]}")
        for each in ids
    ]
    fabric = groups.fabric(*ports, groups=(firewall.WEB, firewall.ADMIN))
    keys = [rules.Key(tool, names.owner(instances.LINEAGE)) for tool in TOOLS]
    state = FakeFleet([instances.HOST.name]).hosts[instances.HOST.name]
    for tool, found in zip(TOOLS, (layout.rules(fabric, 4), layout.rules(fabric, 6), layout.frames(fabric)), strict=True):
        for path, each in found.items():
            table, _, chain = path.partition("/")
            tables = state.filters.setdefault(tool, {})
            tables.setdefault(table, {name: [] for name in netfilter.BUILT_IN[tool][table]})[chain] = list(each)
    answers = [netfilter.SCRIPTS[rules.SCRIPT](state, command.argv[4:]).out for command in gather.commands(keys)]
    assert max(map(len, answers)) < OUTPUT_LIMIT / 2  # these ports have the same few addresses; others have more to tell
    facts = gather.parse(keys, [Record("", number, "done", 0, each) for number, each in enumerate(answers)])
    read = facts[keys[0]]
    assert isinstance(read, rules.Rules)
    assert len(read.chains) == len(layout.rules(fabric, 4))
