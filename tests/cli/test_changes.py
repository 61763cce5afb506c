"""Edited entries on the command line: what a plan says of each change, and how consent is given."""

from __future__ import annotations

import json

import pytest

from tests.cli.world import PLAYBOOK, Operator

LARGER = PLAYBOOK.replace("ram: 64", "ram: 128").replace("metadata: {role: web}", "metadata: {role: db}")
RAM = "flavor.ram 64 -> 128 (reboot)"
HELD = f"{RAM}: not done: needs --allow reboot"


@pytest.fixture
def edited(operator: Operator) -> Operator:
    """An instance that runs, and its entry edited since: another role, more memory."""
    operator.ok("apply", "site.yaml", "-e", "count=1")
    (operator.folder / "site.yaml").write_text(LARGER)
    return operator


def plan(operator: Operator, *flags: str) -> list[str]:
    return operator.ok("plan", "site.yaml", "-e", "count=1", *flags).out.splitlines()


def test_a_plan_tells_each_change_with_its_class(edited: Operator) -> None:
    lines = plan(edited)
    assert lines[:2] == [f"~ instance web-1: {HELD}", "~ instance web-1: metadata.role web -> db (live)"]
    assert lines[-1] == "Plan: 0 to create, 1 to change, 0 to destroy, held back: 1."
    assert f"~ instance web-1: {RAM}" in plan(edited, "--allow", "reboot")


def test_what_waits_for_consent_is_pending(edited: Operator) -> None:
    assert edited.ok("apply", "site.yaml", "-e", "count=1").err.splitlines()[-2:] == [f"web-1: {HELD}", "1 changed, 0 unchanged, 0 failed"]
    assert edited("plan", "site.yaml", "-e", "count=1", "--detailed-exitcode").code == 2
    edited.ok("apply", "site.yaml", "-e", "count=1", "--allow", "reboot")
    assert edited("plan", "site.yaml", "-e", "count=1", "--detailed-exitcode").code == 0


def test_programs_are_told_too(edited: Operator) -> None:
    planned = json.loads(edited.ok("plan", "site.yaml", "-e", "count=1", "-o", "json").out)
    ram = {
        "field": "flavor.ram",
        "was": "64",
        "will": "128",
        "class": "reboot",
        "done": False,
        "held": "needs --allow reboot",
        "allow": "reboot",
    }
    role = {"field": "metadata.role", "was": "web", "will": "db", "class": "live", "done": True, "held": None, "allow": None}
    assert planned["changes"][0]["edits"] == [ram, role]
    done = json.loads(edited.ok("apply", "site.yaml", "-e", "count=1", "-o", "json").out)
    assert done["withheld"] == {"web-1": [ram]}


def test_a_plan_file_holds_its_consent(edited: Operator) -> None:
    plan(edited, "--allow", "reboot", "-o", "./larger.plan")
    refused = edited("apply", "larger.plan", "--allow", "rebuild")
    assert (refused.code, "--allow cannot be given with a plan file" in refused.err) == (64, True)
    assert edited.ok("apply", "larger.plan").err.endswith("1 changed, 0 unchanged, 0 failed\n")
    assert plan(edited) == ["No changes: 1 of 1 instances are as wanted."]


def test_a_plan_that_was_made_without_consent_is_another_one(edited: Operator) -> None:
    plan(edited, "-o", "./held.plan")
    assert HELD in edited.ok("apply", "held.plan").err


@pytest.mark.parametrize("word", ["everything", "", "reboot,restart"])
def test_there_are_three_classes_to_allow(edited: Operator, word: str) -> None:
    done = edited("apply", "site.yaml", "--allow", word)
    assert (done.code, "there are reboot, rebuild, destroy" in done.err) == (64, True)


@pytest.mark.parametrize(("answer", "ram"), [("y\n", 128), ("n\n", 64)])
def test_on_a_terminal_consent_is_asked_for(edited: Operator, monkeypatch: pytest.MonkeyPatch, answer: str, ram: int) -> None:
    asked = []

    def confirm(question: str, **settings: object) -> bool:
        asked.append(question)
        return answer == "y\n"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setenv("TERM", "dumb")
    edited.ok("apply", "site.yaml", "-e", "count=1")
    assert asked == ["Make these (reboot)?"]
    found = json.loads(edited.ok("get", "vm", "-o", "json").out)
    assert (len(found), plan(edited)[0].startswith("No changes")) == (1, ram == 128)
