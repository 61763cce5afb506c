"""`orchestrator explain`: why an instance is where it is, where new ones would go, and what would be without a host."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.world import PLAYBOOK, Operator
from tests.fakes.host import FakeFleet

Golden = Callable[[str, str], None]
GIANTS = PLAYBOOK.replace("ram: 64", "ram: 6000").replace("tiny", "large").replace("web-", "db-")
"""n1 and n2 take two of them each."""


def trips(operator: Operator) -> dict[str, int]:
    return {name: host.trips for name, host in operator.fleet.hosts.items()}


def test_why_an_instance_is_on_its_host(operator: Operator, golden: Golden) -> None:
    operator.ok("apply", "site.yaml")
    before, store = trips(operator), operator.ok("describe", "instance", "web-2", "-o", "json").json
    golden("cli/explain-name.txt", operator.ok("explain", "web-2").out)
    golden("cli/explain-name-whole.txt", operator.ok("explain", "web-2", "-v").out)
    assert trips(operator) == {name: count + 2 for name, count in before.items()}
    assert operator.ok("describe", "instance", "web-2", "-o", "json").json == store


def test_where_new_instances_would_go_and_what_would_help_those_that_fit_nowhere(operator: Operator, golden: Golden) -> None:
    operator.ok("apply", "site.yaml")
    operator.write("giants.yaml", GIANTS)
    found = operator("explain", "giants.yaml", "-e", "count=5")
    assert found.code == 3
    golden("cli/explain-file.txt", found.out)
    planned = operator("plan", "giants.yaml", "-e", "count=5", "-o", "json").json
    chosen = {
        each["name"]: each["now"]["chosen"] for each in instances(operator("explain", "giants.yaml", "-e", "count=5", "-o", "json").json)
    }
    assert chosen == {each["name"]: each["host"] or None for each in planned["changes"]}  # type: ignore[index]
    assert operator.ok("get", "instances", "-o", "name").out.split() == ["web-1", "web-2", "web-3"]


def test_what_fits_nowhere_is_told_by_apply_and_the_others_are_made(operator: Operator) -> None:
    operator.write("giants.yaml", GIANTS)
    done = operator("apply", "giants.yaml", "-e", "count=5")
    assert done.code == 3
    lacking = "memory: needs 6000 MiB, 3872 of 15872 free"
    assert done.err.splitlines()[-2:] == [
        f"db-5: failed: no valid host: n1: {lacking}, n2: {lacking}",
        "4 changed, 0 unchanged, 1 failed",
    ]
    outcomes = operator("apply", "giants.yaml", "-e", "count=5", "-o", "json").json["outcomes"]  # type: ignore[index, call-overload]
    assert [each["status"] for each in outcomes] == ["unchanged"] * 4 + ["failed"]


@pytest.mark.parametrize("verb", [("plan",), ("apply", "--check"), ("apply", "--diff")], ids=" ".join)
def test_nobody_takes_a_plan_without_room_for_a_whole_one(operator: Operator, verb: tuple[str, ...]) -> None:
    operator.write("giants.yaml", GIANTS)
    assert operator(*verb, "giants.yaml", "-e", "count=4").code == 0
    assert operator(*verb, "giants.yaml", "-e", "count=5").code == 3


def test_the_document_has_all_of_it(operator: Operator) -> None:
    operator.write("giants.yaml", GIANTS)
    document = operator("explain", "giants.yaml", "-e", "count=5", "-o", "json").json
    assert (document["schema_version"], document["fits"], document["without"]) == (1, False, [])  # type: ignore[index]
    first, last = instances(document)[0]["now"], instances(document)[4]["now"]
    assert {"raw", "normalised", "multiplier", "weighted", "weigher"} == set(first["hosts"][0]["weights"][0])
    assert last["chosen"] is None
    assert last["smallest_change"] == {"host": "n1", "change": "2128 MiB more memory"}
    (lacking,) = [each for each in last["hosts"][0]["verdicts"] if not each["fits"]]
    assert (lacking["filter"], lacking["why"]) == ("ram", "memory: needs 6000 MiB, 3872 of 15872 free")


def test_names_choose_of_what_playbooks_say(operator: Operator) -> None:
    assert operator.ok("explain", "web-3", "site.yaml").out.startswith("web-3: would go to n1: ")
    wrong = operator("explain", "web-4", "site.yaml")
    assert (wrong.code, "no instance of these playbooks 'web-4'; did you mean 'web-3'?" in wrong.err) == (1, True)


def test_those_that_exist_are_told_of_with_what_was_decided_then(operator: Operator) -> None:
    operator.ok("apply", "site.yaml", "-e", "count=1")
    operator.fleet.unreachable("n2")
    assert operator.ok("explain", "site.yaml", "-e", "count=1").out == "web-1 is on n1: 2 of 2 hosts fit; first of 2 equals\n"
    found = operator.ok("explain", "site.yaml").out
    assert "not on n2: not reached: n2: cannot connect to n2" in found


def test_without_a_host(operator: Operator, golden: Golden) -> None:
    operator.ok("apply", "site.yaml")
    golden("cli/explain-without.txt", operator.ok("explain", "--without", "n1").out)
    operator.write("giants.yaml", GIANTS)
    operator.ok("apply", "giants.yaml")
    found = operator("explain", "--without", "n2", "giants.yaml", "-e", "count=4")
    assert found.code == 3
    golden("cli/explain-without-room.txt", found.out)
    both = operator("explain", "--without", "n1", "--without", "n2")
    assert both.code == 3
    assert "Without n1, n2: 0 of 6 instances that would need a host find one." in both.out
    assert operator("explain", "--without", "n2", "-o", "json").json["without"] == ["n2"]  # type: ignore[index, call-overload]


def test_what_is_asked_wrongly_is_told(operator: Operator) -> None:
    for argv, code, words in (
        ((), 64, "say what to explain"),
        (("web-9",), 1, "no instance or file 'web-9'"),
        (("--without", "n3"), 1, "no host 'n3'; see"),
        (("--without", "n1", "web-1"), 64, "all instances of the host are looked at"),
    ):
        done = operator("explain", *argv)
        assert (done.code, words in done.err) == (code, True), done


@pytest.fixture
def fleet(operator: Operator) -> list[str]:
    """Two hundred hosts, most of them too small."""
    names = [f"n{number:03}" for number in range(200)]
    operator.fleet = FakeFleet(names)
    hosts = "\n".join(
        f"    {name}: {{physical_networks: {{phys0: br-phys0}}, virt_type: qemu, reserved_memory_mb: {reserved(name)}}}" for name in names
    )
    operator.write("inventory", f"compute:\n  hosts:\n{hosts}\n")
    return names


def reserved(name: str) -> int:
    return 512 if int(name[1:]) < 20 else 16000 + int(name[1:])


def test_two_hundred_hosts_can_be_read(operator: Operator, fleet: list[str]) -> None:
    operator.write("giants.yaml", GIANTS)
    short = operator.ok("explain", "giants.yaml", "-e", "count=1", "-f", "50").out.splitlines()
    assert len(short) == 8
    assert short[0].startswith("db-1: would go to n000: 20 of 200 hosts fit")
    assert short[-2] == "      n005, n006, n007 and 12 more: weight 3 and less"
    assert short[-1] == "      not on n020, n021, n022 and 177 more: memory: needs 6000 MiB, 364 of 364 free (on n020)"
    whole = operator.ok("explain", "giants.yaml", "-e", "count=1", "-v", "-f", "50").out
    assert len(re.findall(r"^      n\d+: ", whole, re.MULTILINE)) == 200
    planned = operator.ok("plan", "giants.yaml", "-e", "count=1", "-f", "50").out
    assert "      not on n020, n021, n022 and 17 more: memory: needs 6000 MiB, 364 of 364 free (on n020)" in planned


def instances(document: object) -> list[dict[str, Any]]:
    return document["instances"]  # type: ignore[index, no-any-return]
