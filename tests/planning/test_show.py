"""A plan as text, in the cases that a fresh fleet does not have: drift, blocked ways, hosts that were not reached, odd contents."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.commands.command import Action, Command, Transfer, Upload
from orchestrator.model import errors
from orchestrator.model.decision import Decision, Weight
from orchestrator.model.instance import Record
from orchestrator.planning import show
from orchestrator.planning.course import Course
from orchestrator.planning.leg import Leg
from orchestrator.planning.plan import UNREACHABLE, Change, Plan
from orchestrator.states.instance import TABLE
from tests.samples import instances

ACTIONS: tuple[Action, ...] = (
    Command(("printf", "%s", "two words\nand a line"), stdin="secret", step="s"),
    Upload("/etc/motd", "héllo\n\x1b[2Jend".encode(), step="s"),
    Upload("/disk.config", b"\0\1", step="s"),
    Upload("/latin", b"\xe9", step="s"),
    Transfer("/images/a b.qcow2", "/var/base.part", 5 << 30, step="s"),
)


def course(*legs: Leg, problem: errors.HostError | None = None) -> Course:
    record = Record(instances.new(1), "ACTIVE", "active", None, 1, "active", None, "", "", "")
    return Course(record, ("stop",), (), TABLE.state("STOPPED"), legs, problem=problem)


def leg(state: str, step: str, why: str, *actions: Action) -> Leg:
    return Leg(state, step, why, actions, (), None)


LEGS = (
    leg("powering-off", "teardown.shut_down_domain", "domain is running", *ACTIONS),
    leg("powering-off", "teardown.nothing", "already so"),
)
PLAN = Plan(
    (
        Change(
            "new-1",
            "n1",
            "create",
            "no instance of this name yet",
            course(*LEGS),
            Decision("n1", "most free memory\non n1", rejected={"n2": "disk: full\nof files"}),
        ),
        Change("web-1", "n1", "stop", "it is to be stopped", course(*LEGS)),
        Change("web-2", "n1", "none", "domain is running", notes=("bridge is missing", "libvirt.xml differs")),
        Change("web-3", "n1", "none", "domain is running"),
        Change("web-4", "n2", UNREACHABLE, "n2: cannot connect: Connection refused"),
        Change("web-5", "n1", "destroy", "it is to be absent", course(*LEGS[1:])),
        Change("web-6", "n1", "hard-reboot", "its domain is off", course(problem=errors.HostError("disk is missing", "n1", "no file"))),
    ),
    unreachable={"n2": "cannot connect: Connection refused"},
)


@pytest.mark.parametrize("whole", [False, True], ids=["short", "whole"])
def test_every_kind_of_change(golden: Callable[[str, str], None], whole: bool) -> None:
    golden(f"plan/{'whole' if whole else 'short'}.txt", "\n".join(show.lines(PLAN, whole)) + "\n")


def test_what_goes_to_a_commands_stdin_is_not_shown() -> None:
    assert "secret" not in "\n".join(show.lines(PLAN, whole=True))


def test_no_line_steers_a_terminal() -> None:
    assert not any("\x1b" in line or "\n" in line for line in show.lines(PLAN, whole=True))


@pytest.mark.parametrize(
    ("verbs", "summary"),
    [
        ([], "No changes: 0 of 0 instances are as wanted."),
        (["none", "none"], "No changes: 2 of 2 instances are as wanted."),
        (["none", UNREACHABLE], "No changes: 1 of 2 instances are as wanted."),
        (["create", "create", "none", "destroy"], "Plan: 2 to create, 0 to change, 1 to destroy."),
        (["start", "resume", UNREACHABLE], "Plan: 0 to create, 2 to change, 0 to destroy."),
    ],
)
def test_summary(verbs: list[str], summary: str) -> None:
    assert show.summary(Plan(tuple(Change(f"web-{number}", "n1", verb, "") for number, verb in enumerate(verbs)))) == summary


def test_steps_as_data_are_those_that_do_something() -> None:
    (found,) = show.steps(LEGS)
    assert (found["state"], found["step"], found["why"]) == ("powering-off", "teardown.shut_down_domain", "domain is running")
    assert found["commands"] == [action.shown() for action in ACTIONS]


WEIGHTS = (Weight("CPUWeigher", 31, 0.96875, 1), Weight("BuildFailureWeigher", 0, 0, -1000000), Weight("RAMWeigher", 15424.0, 1, 2.5))


def placed(rejected: dict[str, str], whole: bool) -> list[str]:
    return list(show.placement(Decision("n1", "", WEIGHTS, ("n2", "n3"), rejected, ("n9",)), whole))


def test_hosts_that_were_ruled_out_alike_share_a_line_when_there_are_many() -> None:
    full = {f"n{number}": f"memory: needs 64 MiB, {number} of 100 free" for number in range(10, 20)}
    zone = {"m1": "availability zone: is a, not b", "m2": "availability zone: is a, not b"}
    assert placed(full | zone, whole=False) == [
        "      failed to build it: n9",
        "      not on n10, n11, n12 and 7 more: memory: needs 64 MiB, 10 of 100 free (on n10)",
        "      not on m1, m2: availability zone: is a, not b",
    ]
    assert len(placed(full | zone, whole=True)) == 16
    assert placed(zone, whole=False)[1:] == [f"      not on {host}: availability zone: is a, not b" for host in ("m1", "m2")]


def test_weights_that_counted_are_in_the_whole() -> None:
    assert placed({}, whole=True) == [
        "      failed to build it: n9",
        "      CPUWeigher: 31, normalised 0.9688, times 1 = 0.96875",
        "      RAMWeigher: 15424, normalised 1, times 2.5 = 2.5",
        "      next best: n2, n3",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(2.0, "2"), (-0.5, "-0.5"), (1e308, f"{1e308:.0f}"), (float("inf"), "inf"), (float("nan"), "nan")]
)
def test_any_number_of_a_weigher_can_be_told(value: float, text: str) -> None:
    assert show.number(value) == text
