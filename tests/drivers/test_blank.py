"""Blank bases, made by the real tools: overlays with data may lie on a base that has to be made again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.commands.command import Command
from orchestrator.drivers.images import blank
from orchestrator.model.instance import Base

MIB = 1 << 20


def make(base: Base) -> None:
    """The actions, run as they are."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for action in blank.make(base):
        assert isinstance(action, Command)
        done = subprocess.run(action.argv, env={"PATH": path, "LC_ALL": "C"}, capture_output=True, check=False)
        assert done.returncode in action.accepts, done.stderr


@pytest.mark.parametrize(("kind", "offset", "magic"), [("ephemeral", 0x438, b"\x53\xef"), ("swap", 4086, b"SWAPSPACE2")])
def test_a_base_made_again_is_the_same_byte_for_byte(kind: str, offset: int, magic: bytes, tmp_path: Path) -> None:
    base = Base(kind, str(tmp_path / "_base" / f"{kind}_1"), 64 * MIB)
    made = []
    for _ in range(2):
        make(base)
        made.append(Path(base.path).read_bytes())
        Path(base.path).unlink()
    assert made[0] == made[1]
    assert (len(made[0]), made[0][offset : offset + len(magic)]) == (64 * MIB, magic)
    assert list(Path(base.path).parent.iterdir()) == []


def test_a_base_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    base = Base("swap", str(tmp_path / "swap_1"), MIB)
    Path(base.path).write_bytes(b"in use")
    make(base)
    assert Path(base.path).read_bytes() == b"in use"
    assert [path.name for path in tmp_path.iterdir()] == ["swap_1"]
