"""`hard-reboot --diagnose` and `--repair` as an operator, or a program, meets them."""

from __future__ import annotations

from tests.cli.world import Operator
from tests.fakes import libvirt


def damage(operator: Operator) -> None:
    """The first guest's process ended by hand."""
    host = operator.fleet.hosts["n1"]
    libvirt.end(host, host.domains["instance-00000001"], "destroyed")


def test_what_is_wrong_is_told_a_line_each(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    assert (operator.ok("hard-reboot", "--all", "--diagnose").out, operator.ok("hard-reboot", "--all", "--repair").out) == ("", "")
    damage(operator)
    done = operator("hard-reboot", "--all", "--diagnose")
    line = "web-1 (n1): domain-destroyed: expected running, found shut off (destroyed) -> [loses nothing] start it\n"
    assert (done.code, done.out) == (2, line)


def test_programs_get_the_same(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    assert operator.ok("hard-reboot", "web-1", "--diagnose", "-o", "json").json == {"schema_version": 1, "findings": [], "unreachable": {}}
    damage(operator)
    done = operator("hard-reboot", "web-1", "--diagnose", "-o", "json")
    assert done.json == {
        "schema_version": 1,
        "findings": [
            {
                "kind": "process",
                "name": "web-1",
                "host": "n1",
                "cause": "domain-destroyed",
                "detail": "expected running, found shut off (destroyed)",
                "repair": "loses nothing",
                "remedy": "start it",
            }
        ],
        "unreachable": {},
    }
    operator.fleet.unreachable("n1")
    done = operator("hard-reboot", "web-1", "--diagnose", "-o", "json")
    assert isinstance(done.json, dict)
    assert (done.code, list(done.json["unreachable"])) == (4, ["n1"])


def test_a_repair_does_that_alone(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    damage(operator)
    done = operator("hard-reboot", "--all", "--repair")
    assert (done.code, done.out) == (0, "")
    assert "was wrong: web-1 (n1): domain-destroyed" in done.err
    assert done.err.endswith("1 changed, 2 unchanged, 0 failed\nnothing is wrong\n")


def test_where_nobody_can_be_asked_nothing_is_rebooted_without_a_yes(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    host = operator.fleet.hosts["n1"]
    tap = host.domains["instance-00000001"].taps[0]
    del host.links[tap]
    done = operator("hard-reboot", "web-1", "--repair")
    assert (done.code, host.starts["instance-00000001"]) == (2, 1)
    assert "left alone, for it needs a reboot: web-1; add --yes" in done.err
    assert operator("hard-reboot", "web-1", "--repair", "--yes").code == 0
    assert host.starts["instance-00000001"] == 2


def test_one_thing_at_a_time(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    for flags in (("--diagnose", "--repair"), ("--repair", "--serial", "1"), ("--diagnose", "--serial", "1")):
        assert operator("hard-reboot", "--all", *flags).code == 64


def test_what_is_no_number_bounds_nothing(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    assert operator("hard-reboot", "--all", "--serial", "1", "--max-fail-percentage", "nan").code == 64
    assert operator("watch", "--once", "--interval", "nan").code == 64
