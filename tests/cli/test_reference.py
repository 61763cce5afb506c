"""docs/reference.md says what the commands say; its tables name every exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.cli import run
from orchestrator.model import errors
from orchestrator.services import report
from tests.cli import reference

FILE = Path(__file__).parents[2] / "docs/reference.md"


def test_verbs_flags_and_settings_are_those_of_the_commands(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--regen"):
        FILE.write_text(reference.filled(FILE.read_text()))
    assert FILE.read_text() == reference.filled(FILE.read_text()), "write it anew with `pytest --regen`, and look at the diff"


def test_every_exit_code_is_told() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", FILE.read_text(), re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OrchestratorError)]
    used = {kind.exit_code for kind in kinds} | set(report.EXIT_CODES.values()) | {0, 2, 143, run.USAGE, run.PIPE}
    assert told == used
