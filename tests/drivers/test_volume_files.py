"""Files that volumes are, made by the commands themselves: nobody but root reads them, from their first byte on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Command
from orchestrator.drivers.volumes import local
from orchestrator.facts import cached, size
from orchestrator.facts.gather import Key
from orchestrator.rendering import volumes as paths
from tests.samples import volumes

SECRET = b"what only the guest may read".ljust(65536, b"\0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "volumes"


@pytest.mark.parametrize("filled", [False, True])
def test_a_file_is_private_after_each_command(folder: Path, filled: bool) -> None:
    base = folder.parent / "base"
    base.write_bytes(SECRET)
    sample = volumes.FILLED if filled else volumes.LOCAL
    volume = replace(sample, options={"directory": str(folder), "base": str(base)})
    facts: dict[Key, object] = {size.Key(paths.path(volume)): None, cached.Key(str(base)): cached.WHOLE}
    modes = []
    for action in local.plan(volume, facts)[1]:
        assert isinstance(action, Command)
        subprocess.run(action.argv, check=True, umask=0o022)
        modes += [file.stat().st_mode & 0o777 for file in folder.glob("*")]
    assert set(modes) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o711  # QEMU's user comes through, and sees nothing
    found = Path(paths.path(volume))
    assert (found.stat().st_size, list(folder.iterdir())) == (volume.bytes, [found])
    with found.open("rb") as file:
        assert file.read(len(SECRET)) == (SECRET if filled else bytes(len(SECRET)))


def test_what_an_interrupted_run_left_is_neither_kept_nor_readable(folder: Path) -> None:
    volume = replace(volumes.LOCAL, options={"directory": str(folder)})
    folder.mkdir()
    Path(f"{paths.path(volume)}.part").write_bytes(SECRET)
    for action in local.plan(volume, {size.Key(paths.path(volume)): None})[1]:
        assert isinstance(action, Command)
        subprocess.run(action.argv, check=True, umask=0o022)
    found = Path(paths.path(volume))
    assert found.stat().st_mode & 0o777 == 0o600
    with found.open("rb") as file:
        assert file.read(len(SECRET)) == bytes(len(SECRET))
