"""Where the worlds of crash tests lie."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.harness import World


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory: hundreds of worlds, each with durable writes."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        World.new(Path(folder) / "warm").warm()
        yield Path(folder)
