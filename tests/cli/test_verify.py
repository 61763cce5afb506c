"""`verify` and `watch` as they are typed: what they print, for people and for programs, and how they end."""

from __future__ import annotations

import json

from tests.cli.world import Operator
from tests.fakes.state import Domain

OTHERS = "11111111-2222-4333-8444-555555555555"


def crash(operator: Operator, name: str) -> str:
    """Its host."""
    (found,) = [each for each in operator("get", "instances", "-o", "json").json if each["name"] == name]  # type: ignore[attr-defined]
    domain = next(each.name for each in operator.fleet.hosts[found["host"]].domains.values() if each.uuid == found["uuid"])
    operator.fleet.kill_qemu(found["host"], domain)
    return str(found["host"])


def test_all_is_as_recorded(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    done = operator.ok("verify")
    assert (done.out, done.err) == ("", "3 instances on 2 hosts: all is as recorded\n")
    empty = {"schema_version": 1, "findings": [], "foreign": [], "skipped": {}, "unreachable": {}}
    assert operator.ok("verify", "-o", "json").json == empty
    assert operator.ok("watch", "--once").out == ""


def test_what_is_not_is_named_and_mended(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    host = crash(operator, "web-1")
    operator.fleet.hosts[host].domains["others"] = Domain("others", OTHERS, "<domain/>", "running")
    named = operator("verify")
    assert (named.code, named.out) == (
        2,
        f"web-1 ({host}): domain-crashed: expected running, found shut off (crashed) -> [loses nothing] start it\n",
    )
    assert f"not ours: others ({host}): running" in named.err
    found = operator("verify", "-o", "json").json
    assert isinstance(found, dict)
    assert found["findings"] == [
        {
            "kind": "process",
            "name": "web-1",
            "host": host,
            "cause": "domain-crashed",
            "detail": "expected running, found shut off (crashed)",
            "repair": "loses nothing",
            "remedy": "start it",
        }
    ]
    assert [each["cause"] for each in found["foreign"]] == ["foreign-domain"]
    operator.ok("verify", "--repair")
    operator.ok("verify")
    assert sum(operator.fleet.hosts[host].starts.values()) > 1


def test_some_instances_or_a_host_alone(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    host = crash(operator, "web-1")
    other = next(name for name in operator.fleet.hosts if name != host)
    operator.ok("verify", "--host", other)
    operator.ok("verify", "--limit", other)
    assert operator("verify", "web-1").code == 2
    assert operator.ok("verify", "web-2").out == ""
    assert operator("verify", "web-9").code == 1
    assert operator("verify", "--host", "n9").code == 1
    assert operator("verify", "web-1", "--host", host).code == 64


def test_hosts_that_do_not_answer(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    operator.fleet.unreachable("n2")
    done = operator("verify")
    assert done.code == 4
    assert "host n2: not reached" in done.err
    assert "n2" not in done.out
    assert operator("watch", "--once").code == 4


def test_a_watch_once_by_its_policies(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    crash(operator, "web-1")
    seen = operator("watch", "--once", "--policy", "report", "-o", "json")
    assert seen.code == 2
    (note,) = map(json.loads, seen.out.splitlines())
    assert (note["schema_version"], note["kind"], note["name"], note["finding"]["cause"]) == (1, "found", "web-1", "domain-crashed")
    done = operator("watch", "--once")
    assert done.code == 0
    assert [line.split()[3].rstrip(":") for line in done.out.splitlines()] == ["found", "changed", "gone"]
