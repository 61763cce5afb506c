"""A plan in a file: made from anywhere, carried out exactly, or refused."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.world import Operator


@pytest.fixture
def planned(operator: Operator) -> Operator:
    done = operator.ok("plan", "site.yaml", "-e", "count=2", "-o", "two.plan")
    assert done.out.endswith("Plan: 2 to create, 0 to change, 0 to destroy.\n")
    assert done.err == "saved; make it so with: orchestrator apply two.plan\n"
    return operator


def test_what_was_planned_is_done_from_anywhere(planned: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert planned.ok("apply", "../two.plan").err.endswith("2 changed, 0 unchanged, 0 failed\n")


def test_only_its_owner_reads_it(planned: Operator) -> None:
    path = planned.folder / "two.plan"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    saved = json.loads(path.read_text())
    assert (saved["schema_version"], saved["kind"], saved["variables"]) == (1, "orchestrator plan", ["count=2"])
    assert saved["shown"][-1] == "Plan: 2 to create, 0 to change, 0 to destroy."
    assert [each.name for each in planned.folder.glob(".two*")] == []


def test_a_stale_one_is_refused_and_nothing_done(planned: Operator) -> None:
    planned.ok("apply", "site.yaml", "-e", "count=1")
    before = planned.ok("get", "vm", "-o", "json").out
    done = planned("apply", "two.plan")
    assert (done.code, "the plan is stale" in done.err) == (1, True)
    assert planned.ok("get", "vm", "-o", "json").out == before


@pytest.mark.parametrize("flags", [("-e", "count=1"), ("-i", "inventory"), ("-t", "web"), ("--skip-tags", "web"), ("-l", "n1")])
def test_what_it_was_made_with_cannot_be_said_otherwise(planned: Operator, flags: tuple[str, str]) -> None:
    done = planned("apply", "two.plan", *flags)
    assert (done.code, "cannot be given with a plan file" in done.err) == (64, True)


@pytest.mark.parametrize(
    "changes",
    [{"kind": "other"}, {"schema_version": 2}, {"fingerprint": 3}, {"playbooks": "site.yaml"}, {"variables": [1]}, {"limit": None}],
    ids=str,
)
def test_damaged_ones_are_refused(planned: Operator, changes: dict[str, object]) -> None:
    path = planned.folder / "two.plan"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    done = planned("apply", "two.plan")
    assert (done.code, "not a plan file that this program can read" in done.err) == (65, True)
    path.write_text(path.read_text()[:100])
    assert planned("apply", "two.plan").code == 65


def test_it_cannot_be_written(operator: Operator) -> None:
    done = operator("plan", "site.yaml", "-o", "gone/two.plan")
    assert (done.code, "gone/two.plan: cannot write the plan: No such file" in done.err) == (1, True)


def test_a_changed_fingerprint_is_stale(planned: Operator) -> None:
    path = planned.folder / "two.plan"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "0" * 64}))
    assert planned("apply", "two.plan").code == 1
    assert planned.ok("get", "vm", "-o", "name").out == ""
