"""Flows that are cut with what let them through: none is forgotten when it could not be, and no host has thousands of commands to run for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.firewall import restore
from orchestrator.facts import ipset
from orchestrator.model import names
from orchestrator.model.fabric import Fabric
from orchestrator.states.steps.fabric import ensure_rules
from tests.fakes.host import FakeFleet
from tests.samples import firewall, grounds, groups, instances, situations


def made(fabric: Fabric) -> FakeFleet:
    fleet = FakeFleet([instances.HOST.name])
    grounds.perform(fleet, firewall.RULES, fabric)
    return fleet


def planned(fleet: FakeFleet, fabric: Fabric) -> tuple[Action, ...]:
    return ensure_rules.plan(fabric, situations.look(fleet, ensure_rules.needs(fabric))).actions


def cuts(action: Action) -> list[str]:
    assert isinstance(action, Command)
    return [word for word in action.argv[4:] if word.startswith("-f ipv")]


@pytest.mark.parametrize("after", [firewall.LESS, firewall.ALONE], ids=["rule", "member"])
def test_a_cut_that_failed_is_planned_again(after: Fabric) -> None:
    fleet = made(firewall.BOTH)
    host = fleet.hosts[instances.HOST.name]
    host.cut.clear()
    wanted = planned(fleet, after)
    host.missing.add("conntrack")
    assert situations.run(fleet, wanted)[-1].code != 0
    host.missing.clear()
    assert planned(fleet, after) == wanted
    situations.run(fleet, wanted)
    assert host.cut == [flow for action in wanted for flow in cuts(action)] != []
    assert planned(fleet, after) == ()


def test_a_lost_member_is_cut_once_for_all_ports() -> None:
    ports = [groups.port(number, "web") for number in range(1, 9)]
    rule = replace(groups.WEB, protocol=None, port_min=None, port_max=None, remote_group="web", remote_cidr=None)
    lost = tuple(f"10.20.7.{number}" for number in range(1, 101))
    group = groups.group("web", (rule,), ports)
    before = groups.fabric(*ports, groups=(replace(group, members=(*group.members, *lost)),))
    (action,) = planned(made(before), groups.fabric(*ports, groups=(group,)))
    assert len(cuts(action)) == len(lost)
    assert action.timeout > 100  # type: ignore[union-attr]


def test_with_one_guest_the_others_flows_go_on() -> None:
    before = groups.fabric(groups.ONE, groups=(replace(firewall.WEB, members=(*firewall.WEB.members, "10.20.7.7")),))
    flows = [flow for action in planned(made(before), firewall.ONE) for flow in cuts(action)]
    assert [flow.rpartition(" -w ")[0] for flow in flows] == ["-f ipv4 -d 10.20.0.10 -s 10.20.7.7"]


def test_members_are_put_in_order_once_for_all_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work for groups of thousands grows with them, and not with the ports that look them up."""
    many = groups.fabric(*(groups.port(number, "web", "admin") for number in range(1, 21)), groups=(firewall.WEB, firewall.ADMIN))
    facts = situations.look(made(many), ensure_rules.needs(many))
    ordered, calls = ipset.ordered, list[int]()
    monkeypatch.setattr(ipset, "ordered", lambda members: calls.append(1) or ordered(members))
    ensure_rules.plan(many, facts)
    key = ipset.Key(names.owner(instances.LINEAGE))
    found = facts[key]
    assert isinstance(found, ipset.Sets)
    assert len(calls) == len(found.members) > 0


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_flows_are_those_that_ctnetlink_tells(family: str, tmp_path: Path) -> None:
    """The kernel's text of them (/proc/net/nf_conntrack) leaves some out where others end meanwhile, and took hours on a busy host until Linux 6.16."""
    tool = tmp_path / "conntrack"
    tool.write_text(f"""#!/bin/sh
case $1 in -L) echo "tcp 6 9 ESTABLISHED src=10.20.0.10 dst=10.9.9.9 sport=1 dport=22" ;; *) echo "$*" >>{tmp_path}/cut ;; esac
""")
    tool.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    flow, other = f"-f {family} -s 10.20.0.10 -w 7", f"-f {family} -s 10.20.0.11 -w 7"
    argv = ["sh", "-c", f'{restore.CUT}cut "$@"', "cut", flow, other]
    subprocess.run(argv, env={"PATH": path}, check=True, timeout=30)
    assert (tmp_path / "cut").read_text() == f"-D {flow}\n"
