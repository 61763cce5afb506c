"""An operator with a folder, an inventory, a playbook and two in-memory hosts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli import world


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> world.Operator:
    for name in [name for name in os.environ if name.startswith(("ORCHESTRATOR_", "XDG_", "NO_COLOR"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    world.settle(tmp_path)
    return world.Operator(tmp_path, capsys)
