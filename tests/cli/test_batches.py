"""What a plan says of the order in which it is worked off, and of the handlers that come after."""

from __future__ import annotations

import json

import pytest

from tests.cli.world import PLAYBOOK, Operator

ROLLING = PLAYBOOK.replace(
    "  hosts: compute\n",
    """  hosts: compute
  serial: [1, 2]
  handlers:
    - {name: reload, command: ["true", reload]}
    - {name: tell, command: ["true", tell], run_once: true}
""",
).replace("tags: [web]}", "tags: [web], notify: [reload, tell]}")


@pytest.fixture
def rolling(operator: Operator) -> Operator:
    (operator.folder / "site.yaml").write_text(ROLLING)
    return operator


def told(operator: Operator, *flags: str) -> list[str]:
    """The lines of a plan that tell of its batches, and the last."""
    lines = operator("plan", "site.yaml", *flags).out.splitlines()
    return [line for line in lines if line.startswith(("Batch", "    handler"))] + lines[-1:]


def test_batches_and_handlers_as_they_come(rolling: Operator) -> None:
    assert told(rolling) == [
        "Batch 1 of 2 (Web): web-1",
        "    handler reload: on n1",
        "    handler tell: on n1",
        "Batch 2 of 2 (Web): web-2, web-3",
        "    handler reload: on n2, n1",
        "    handler tell: on n2",
        "Plan: 3 to create, 0 to change, 0 to destroy.",
    ]
    rolling.ok("apply", "site.yaml")
    ran = {
        name: [entry.argv[-1] for entry in host.journal if entry.step.startswith("handlers")] for name, host in rolling.fleet.hosts.items()
    }
    assert ran == {"n1": ["reload", "tell", "reload"], "n2": ["reload", "tell"]}  # as it was told
    assert told(rolling) == ["No changes: 3 of 3 instances are as wanted."]


def test_programs_have_the_same(rolling: Operator) -> None:
    planned = json.loads(rolling.ok("plan", "site.yaml", "-o", "json").out)
    assert planned["batches"][1] == {
        "play": "Web",
        "size": 2,
        "instances": ["web-2", "web-3"],
        "handlers": [{"name": "reload", "hosts": ["n2", "n1"]}, {"name": "tell", "hosts": ["n2"]}],
    }
    rolling.ok("apply", "site.yaml")
    planned = json.loads(rolling.ok("plan", "site.yaml", "-o", "json").out)
    assert [(each["instances"], each["handlers"]) for each in planned["batches"]] == [(["web-1"], []), (["web-2", "web-3"], [])]


def test_a_batch_without_anything_to_do_says_so(rolling: Operator) -> None:
    rolling.ok("apply", "site.yaml")
    rolling.ok("stop", "web-3")
    assert told(rolling)[:3] == ["Batch 1 of 2 (Web): nothing to do", "Batch 2 of 2 (Web): web-3", "    handler reload: on n1"]


def test_a_handler_that_an_earlier_run_left_is_something_to_do(rolling: Operator) -> None:
    rolling.fleet.fail("n1", "true reload", code=1, stderr="no such zone")
    assert rolling("apply", "site.yaml").code == 3
    rolling.fleet.heal("n1")
    rolling.ok("apply", "site.yaml", "--limit", "n2")
    assert rolling("plan", "site.yaml", "--detailed-exitcode").code == 2
    rolling.ok("apply", "site.yaml")
    assert rolling("plan", "site.yaml", "--detailed-exitcode").code == 0


def test_a_shuffled_order_is_not_foretold(rolling: Operator) -> None:
    (rolling.folder / "site.yaml").write_text(ROLLING.replace("  serial:", "  order: shuffle\n  serial:"))
    assert told(rolling)[:3] == [
        "Batch 1 of 2 (Web): any 1, in another order with each run",
        "    handler reload: where it is notified",
        "    handler tell: where it is notified",
    ]
    planned = json.loads(rolling.ok("plan", "site.yaml", "-o", "json").out)
    assert planned["batches"][0] == {
        "play": "Web",
        "size": 1,
        "instances": None,
        "handlers": [{"name": "reload", "hosts": None}, {"name": "tell", "hosts": None}],
    }


def test_a_play_that_says_nothing_of_it_has_no_lines_of_it(operator: Operator) -> None:
    assert told(operator) == ["Plan: 3 to create, 0 to change, 0 to destroy."]


def test_a_plan_file_shows_it_as_well(rolling: Operator) -> None:
    rolling.ok("plan", "site.yaml", "-o", "web.plan")
    saved = json.loads((rolling.folder / "web.plan").read_text())
    assert "Batch 2 of 2 (Web): web-2, web-3" in saved["shown"]
    assert rolling.ok("apply", "web.plan").err.endswith("3 changed, 0 unchanged, 0 failed\n")
