"""What is asked for often is quick: heavy libraries are imported by the verbs that need them, and by no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli import world
from tests.cli.world import Operator

SCRIPT = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); from orchestrator.main import main; main()"
HEAVY = {"paramiko", "jinja2", "alembic", "sqlalchemy", "rich", "transitions", "yaml", "pycdlib"}


@pytest.mark.parametrize(
    ("argv", "allowed"),
    [
        ("--help", set()),
        ("version", set()),
        ("get --help", set()),
        ("graph", set()),
        ("completion bash", set()),
        ("get instances", set()),
        ("get images -o yaml", set()),
        ("events web-1", set()),
        ("get hosts", {"yaml"}),
        ("inventory list", {"yaml"}),
    ],
)
def test_imports(operator: Operator, argv: str, allowed: set[str]) -> None:
    operator.ok("get", "instances")  # to make a store takes more than to read one
    command = [sys.executable, "-c", SCRIPT, *argv.split()]
    done = subprocess.run(command, env=world.environment(operator.folder), capture_output=True, text=True, timeout=60)
    assert not (set(done.stderr.split()) & HEAVY) - allowed


def test_get_wakes_nothing_but_the_store(operator: Operator) -> None:
    """Most of its time is Python's own and click's; no room of ours that it has no use for is to add to it."""
    operator.ok("get", "instances", "--state", str(operator.folder / "state.db"))
    command = [sys.executable, "-c", SCRIPT, "get", "instances", "--state", str(operator.folder / "state.db")]
    done = subprocess.run(command, env=world.environment(operator.folder), capture_output=True, text=True, timeout=60)
    rooms = {name.split(".")[1] for name in done.stderr.split() if name.startswith("orchestrator.")}
    assert rooms == {"main", "cli", "store", "ports", "commands", "model"}
    assert "orchestrator.store.reading" in done.stderr.split()
    assert not [name for name in done.stderr.split() if name.startswith(("orchestrator.store.commits", "sqlalchemy", "asyncio"))]


def test_garbage_is_looked_for_by_who_makes_much(operator: Operator) -> None:
    """A short command makes none: neither while it works nor at its end, where Python would look through all that was imported, is there a search."""
    said = "import atexit, gc, sys; found = []; gc.callbacks.append(lambda phase, told: found.append(gc.get_threshold()[0])); "
    told = "atexit.register(lambda: print(found.count(GARBAGE), len(gc.get_objects()) < gc.get_freeze_count(), file=sys.stderr)); "
    command = [sys.executable, "-c", f"{said}from orchestrator.main import GARBAGE, main; {told}main()", "get", "instances"]
    done = subprocess.run(command, env=world.environment(operator.folder), capture_output=True, text=True, timeout=60)
    assert done.stderr.split()[-2:] == ["0", "True"], done.stderr
