"""The inspector here and the one on the host are of one mind: whatever could deceive QEMU is refused by both, what people make is taken by both."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from orchestrator.commands.command import Command
from orchestrator.drivers.images import cache, gate
from orchestrator.files import image
from orchestrator.model import errors
from tests.images import corpus

REFUSED = corpus.refused()
SHELLS = ("dash", "bash", "busybox sh")
MOST = 16 << 40


def there(path: Path, disk_format: str, most: int = MOST, shell: str = "sh") -> str:
    """What the host's inspector says against the file; nothing when it takes it."""
    command = gate.inspect(str(path), disk_format, most)
    done = run(command, shell)
    at_fault = done.stdout.startswith("the image is refused")  # and not the host
    assert done.returncode == (cache.REFUSED if at_fault else int(bool(done.stdout))), done.stdout
    assert path.exists() == (done.returncode == 0), "what is refused is removed"
    return done.stdout


def run(command: Command, shell: str = "sh", **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [*shell.split(), *command.argv[1:]]
    env = {**os.environ, **environment}
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120, env=env)


def here(path: Path, disk_format: str) -> str:
    """What the inspector here says against the file."""
    try:
        image.inspect(path, disk_format, None, {})
    except errors.SpecError as error:
        return str(error)
    return ""


def test_the_corpus_is_large_enough() -> None:
    assert len(REFUSED) >= 60


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_both(name: str, tmp_path: Path) -> None:
    disk_format, content = REFUSED[name]
    path = tmp_path / "image"
    path.write_bytes(content)
    if disk_format in image.VIRTUAL_SIZES:
        assert here(path, disk_format)
    assert re.match("the image is refused: .+\n$", there(path, disk_format))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    return list(corpus.good(tmp_path_factory.mktemp("good")))


def test_good_ones_are_taken_by_both(good: list[tuple[str, Path]]) -> None:
    assert len(good) >= 20
    assert {path.name: (here(path, each), there(path, each)) for each, path in good} == {path.name: ("", "") for _, path in good}


@pytest.mark.parametrize("shell", SHELLS)
def test_any_shell_will_do(shell: str, good: list[tuple[str, Path]], tmp_path: Path) -> None:
    for disk_format, path in good[::4]:
        assert there(path, disk_format, shell=shell) == ""
    bad = tmp_path / "image"
    for name in list(REFUSED)[::15]:
        disk_format, content = REFUSED[name]
        bad.write_bytes(content)
        assert "refused" in there(bad, disk_format, shell=shell)


def test_a_disk_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    for disk_format, content in (("raw", bytes(1 << 20)), ("qcow2", corpus.Qcow2(virtual=1 << 20).content()), ("iso", corpus.iso())):
        path = tmp_path / disk_format
        path.write_bytes(content)
        size = image.inspect(path, disk_format, None, {}).virtual_size
        assert there(path, disk_format, size) == ""
        assert f"{size} bytes, {size - 1} are allowed" in there(path, disk_format, size - 1)


def test_what_there_is_no_room_for_is_refused(tmp_path: Path) -> None:
    """A sparse file says of itself that it is larger than any disk."""
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(7 << 40)
    assert re.match(rf"no room for the image: it needs {7 << 40} bytes, the host has \d+\n$", there(path, "raw"))


def test_no_name_is_understood_as_anything_else(tmp_path: Path) -> None:
    for name in ("-n", "a b", "$(id)", "a'b\"c", "`id`", "a\nb", "%s%n", "\\1", "v=1", "a;id"):
        path = tmp_path / name
        path.write_bytes(bytes(1024))
        assert there(path, "raw") == "", name
        assert there(path, "qcow2") != "", name


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(bytes(512))
    (tmp_path / "link").symlink_to("target")
    done = run(gate.inspect(str(tmp_path / "link"), "raw", MOST))
    assert (done.returncode, "not a regular file" in done.stdout) == (1, True)
    assert (tmp_path / "target").exists()
