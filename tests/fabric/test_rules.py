"""Rules in a real kernel: what is saved is what was wanted, what is others' stays as it is, what is refused changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from orchestrator.drivers.firewall import restore
from orchestrator.facts import bridge_nf, ipset, rules
from orchestrator.model import errors
from orchestrator.model.desired import Rule
from orchestrator.states import step as steps
from orchestrator.states.steps.fabric import ensure_rules
from tests.fabric import throwaway
from tests.fabric.throwaway import Throwaway
from tests.fakes import netfilter
from tests.fakes.host import FakeFleet
from tests.samples import groups, instances, situations

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
STEPS = ("fabric.ensure_rules", "fabric.ensure_frames")
FOREIGN = """
for tool in iptables ip6tables; do
  $tool -N theirs; $tool -A theirs -p tcp -m tcp --dport 7 -m comment --comment 'orc000000-x, not ours' -j ACCEPT
  $tool -A FORWARD -j theirs; $tool -A INPUT -i lo -j ACCEPT; $tool -t raw -A PREROUTING -i lo -j ACCEPT; $tool -t mangle -A FORWARD -j ACCEPT
  $tool -P OUTPUT ACCEPT; $tool -t nat -A POSTROUTING -o nowhere -j ACCEPT
done
ebtables -t nat -N theirs; ebtables -t nat -A theirs -p IPv4 -j ACCEPT; ebtables -t nat -A PREROUTING -i nowhere -j theirs
ipset create theirs hash:ip; ipset add theirs 192.0.2.1
busybox ping -c 1 -W 1 127.0.0.1 >/dev/null; busybox ping -c 1 -W 1 ::1 >/dev/null
"""
SAVED = "iptables-save -c; ip6tables-save -c; ebtables-save -c; ipset save"


@pytest.fixture
def host() -> Iterator[Throwaway]:
    with throwaway.host() as found:
        yield found


def others(host: Throwaway) -> list[str]:
    """What is saved of anybody else's, counters and all."""
    return [line for line in host.sh(SAVED).splitlines() if not re.search("orc7c9e66-|^#", line)]


def everything() -> groups.Fabric:
    every = groups.group("every", groups.every_rule())
    web = groups.group("web", (), (groups.TWO,))
    return groups.fabric(groups.port(1, "every"), groups.TWO, groups=(every, web))


def test_every_rule_is_saved_as_it_was_wanted(host: Throwaway) -> None:
    """Plans are empty afterwards (throwaway.ensure), and one rule less is one rule less."""
    whole = everything()
    assert host.ensure(whole, *STEPS) == 4
    assert host.ensure(whole, *STEPS) == 0
    every = whole.groups["every"]
    gone = Rule("ingress", protocol="udp", port_min=1, port_max=65535)
    less = replace(whole, groups={**whole.groups, "every": replace(every, rules=tuple(each for each in every.rules if each != gone))})
    before = host.sh("iptables-save").splitlines()
    assert host.ensure(less, "fabric.ensure_rules") == 1
    after = host.sh("iptables-save").splitlines()
    assert len([line for line in before if line not in after and not line.startswith("#")]) == 1


def test_others_rules_stay_as_they_are(host: Throwaway) -> None:
    host.sh(FOREIGN)
    before = others(host)
    host.ensure(groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,)), *STEPS)
    host.ensure(groups.fabric(groups.ONE, groups.TWO, groups=(groups.WEB_GROUP, groups.ADMIN_GROUP)), *STEPS)
    host.ensure(groups.fabric(groups.TWO, network=groups.SERVED, groups=(groups.ADMIN_GROUP,)), *STEPS)
    assert [line for line in others(host) if not re.match(r"[*:]|COMMIT", line)] == [
        line for line in before if not re.match(r"[*:]|COMMIT", line)
    ]
    host.ensure(groups.fabric(), *STEPS)
    assert "orc" not in host.sh(SAVED).replace("orc000000-x, not ours", "")
    assert host.ensure(groups.fabric(), *STEPS) == 0


def test_counters_of_what_stays_are_kept(host: Throwaway) -> None:
    host.ensure(groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,)), *STEPS)
    zone = host.sh("iptables -t raw -S orc7c9e66-PREROUTING").split()[-1]
    host.sh(f"iptables -t raw -R orc7c9e66-PREROUTING 1 -i br-phys0 -j CT --zone {zone} -c 7 99")
    host.ensure(groups.fabric(groups.ONE, groups.TWO, groups=(groups.WEB_GROUP, groups.ADMIN_GROUP)), *STEPS)
    assert "[7:99]" in host.sh("iptables-save -c -t raw")


@pytest.mark.parametrize(
    "harm",
    [
        "iptables -F orc7c9e66-FORWARD",
        "iptables -D FORWARD -j orc7c9e66-FORWARD",
        "iptables -I FORWARD 1 -j ACCEPT",
        "iptables -A FORWARD -j orc7c9e66-FORWARD",
        "iptables -D FORWARD -j orc7c9e66-accept; iptables -I FORWARD 1 -j orc7c9e66-accept",
        "ip6tables -t raw -F",
        "iptables -F; iptables -X",
        "iptables -D orc7c9e66-i00000001-aa 2; iptables -A orc7c9e66-i00000001-aa -j RETURN",
        "iptables -A orc7c9e66-i00000001-aa -j orc7c9e66-fallback",
        "ipset add $(ipset list -n | grep -m 1 -- -4) 192.0.2.66",
        "ipset del $(ipset list -n | grep -m 1 -- -4) 10.20.0.10",
        "ebtables -t nat -F",
        "ebtables -t nat -I PREROUTING 1 -j ACCEPT",
        "ebtables -t nat -D orc7c9e66-m00000001-aa 1; ebtables -t nat -A orc7c9e66-m00000001-aa -j ACCEPT",
        "ip6tables -N orc7c9e66-i0000ffff-aa; ip6tables -I FORWARD 1 -j orc7c9e66-i0000ffff-aa",
        "ipset create orc7c9e66-4ffffffffff hash:net",
    ],
)
def test_what_somebody_broke_is_mended(host: Throwaway, harm: str) -> None:
    wanted = groups.fabric(groups.ONE, groups.TWO, groups=(groups.WEB_GROUP, groups.ADMIN_GROUP))
    host.ensure(wanted, *STEPS)
    mended = ours(host)
    host.sh(harm)
    assert host.ensure(wanted, *STEPS) > 0
    assert ours(host) == mended


def ours(host: Throwaway) -> list[str]:
    saved = host.sh("iptables-save; ip6tables-save; ebtables-save; ipset save | sort")
    return [line.partition(" hash:net")[0] for line in saved.splitlines() if "orc7c9e66-" in line]


def test_several_stores_judge_before_any_accepts(host: Throwaway) -> None:
    one = groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,))
    other = replace(groups.fabric(groups.port(5), groups=()), lineage="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
    host.ensure(one, *STEPS)
    host.ensure(other, *STEPS)
    assert host.ensure(one, *STEPS) == 0
    hooks = re.findall(r"^-A FORWARD -j (\S+)", host.sh("iptables-save -t filter"), re.MULTILINE)
    assert hooks == ["orcaaaaaa-FORWARD", "orc7c9e66-FORWARD", "orcaaaaaa-accept", "orc7c9e66-accept"]
    host.ensure(replace(other, ports=(), segments=()), *STEPS)
    assert host.ensure(one, *STEPS) == 0


def test_a_document_that_is_refused_changes_nothing(host: Throwaway) -> None:
    host.ensure(groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,)), *STEPS)
    before = host.sh(SAVED)
    lines = ("*filter", "-A orc7c9e66-fallback -p tcp -j ACCEPT", "-A orc7c9e66-fallback -m set --match-set none src -j DROP", "COMMIT")
    done = host.run(*restore.command("iptables", lines).argv, check=False)
    assert done.returncode != 0
    assert "Set none doesn't exist" in done.stderr
    assert unstamped(host.sh(SAVED)) == unstamped(before)


def unstamped(saved: str) -> str:
    return re.sub(r"(?m)^#.*", "", saved)


def test_what_another_run_did_meanwhile_is_not_done_twice(host: Throwaway) -> None:
    """Both planned on the same facts."""
    first = groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,))
    wanted = groups.fabric(groups.ONE, groups.TWO, groups=(groups.WEB_GROUP, groups.ADMIN_GROUP))
    for before, after in ((groups.fabric(), first), (first, wanted), (wanted, first), (first, groups.fabric())):
        host.ensure(before, *STEPS)
        facts = host.look([key for step in (ensure_rules,) for key in step.needs(after)])
        todo = ensure_rules.plan(after, facts)
        host.perform(todo.actions)
        host.perform(todo.actions)
        assert ensure_rules.plan(after, host.look(ensure_rules.needs(after))).actions == ()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables", "net.bridge.bridge-nf-call-iptables is 0"),
        ("echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables", "net.bridge.bridge-nf-call-ip6tables is 0"),
        ("mount -t tmpfs none /proc/sys/net/bridge", "br_netfilter is not loaded"),
        *((f"mount --bind /bin/false $(readlink -f /usr/sbin/{tool})", "it says nothing") for tool in ("iptables-save", "ipset")),
        ("mount -t tmpfs none /usr/sbin", "not found"),
    ],
)
def test_where_rules_would_judge_nothing_it_is_refused(host: Throwaway, harm: str, why: str) -> None:
    wanted = groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,))
    host.sh(harm)
    with pytest.raises(errors.HostError, match=why) as caught:
        ensure_rules.plan(wanted, host.look(ensure_rules.needs(wanted)))
    assert caught.value.hint
    free = groups.fabric(replace(groups.ONE, port_security=False))
    ensure_rules.plan(free, host.look(ensure_rules.needs(free)))


def test_rules_of_a_guest_that_runs_are_never_taken_away(host: Throwaway) -> None:
    """Even when nothing is known of it: with its tap gone, they go."""
    wanted = groups.fabric(groups.ONE, groups.TWO, groups=(groups.WEB_GROUP, groups.ADMIN_GROUP))
    host.ensure(wanted, *STEPS)
    host.sh(f"ip link add {groups.TWO.tap} type bridge")
    for left in (groups.fabric(groups.ONE, groups=(groups.WEB_GROUP,)), groups.fabric()):
        host.ensure(left, *STEPS)
        kept = [line for line in ours(host) if "00000002-aa" in line]
        assert len([line for line in kept if line.startswith("-A orc7c9e66-FORWARD")]) == 4  # two each of both IP versions
        assert any(line == "-A FORWARD -j orc7c9e66-FORWARD" for line in ours(host))
    host.sh(f"ip link del {groups.TWO.tap}")
    host.ensure(groups.fabric(), *STEPS)
    assert ours(host) == []


def test_facts_are_read_whole_or_not_at_all(host: Throwaway) -> None:
    for module in (rules, ipset, bridge_nf):
        key = rules.Key("iptables", "orc7c9e66") if module is rules else ipset.Key("orc7c9e66") if module is ipset else bridge_nf.Key()
        assert module.commands([key])[0].argv[0] == "sh"
    assert host.look([rules.Key("iptables", "orc7c9e66")]) == {rules.Key("iptables", "orc7c9e66"): rules.Rules()}


def test_members_come_and_go_by_themselves(host: Throwaway) -> None:
    """On every host whose rules name the group, and without any rule being touched."""
    rule = (Rule("ingress", remote_group="web"),)
    host.ensure(groups.fabric(groups.ONE, groups=(groups.group("web", rule, (groups.ONE,)),)), *STEPS)
    before = host.sh("iptables-save")
    wanted = groups.fabric(groups.ONE, groups=(groups.group("web", rule, (groups.ONE, groups.TWO)),))
    assert host.ensure(wanted, *STEPS) == 1
    assert unstamped(host.sh("iptables-save")) == unstamped(before)


def test_the_in_memory_host_saves_what_the_kernel_saves(host: Throwaway) -> None:
    """The same actions on both. Where they differ, the in-memory one is wrong."""
    fleet = FakeFleet([instances.HOST.name])
    row = (groups.ONE,), (groups.ONE, groups.TWO), (groups.TWO,), ()
    made = [everything(), *(groups.fabric(*ports, groups=(groups.WEB_GROUP, groups.ADMIN_GROUP)) for ports in row)]
    for fabric in made:
        for name in STEPS:
            step = steps.find_fabric(name)
            actions = step.plan(fabric, host.look(step.needs(fabric))).actions
            assert step.plan(fabric, situations.look(fleet, step.needs(fabric))).actions == actions
            host.perform(actions)
            situations.run(fleet, actions)
            assert situations.look(fleet, step.needs(fabric)) == host.look(step.needs(fabric))
        for tool in ("iptables", "ip6tables", "ebtables"):
            real = [line for line in host.sh(f"{tool}-save").splitlines() if "orc7c9e66" in line]
            faked = [line for line in netfilter.save(fleet.hosts[instances.HOST.name], tool) if "orc7c9e66" in line]
            assert sorted(real) == sorted(faked)
