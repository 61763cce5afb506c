"""Checksums of image files, kept from one command to the next, and never for another content."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from pathlib import Path

import pytest

from orchestrator.files import digests, image


class Reads:
    """Counts how often a file's content is gone through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = image._digest

        def counted(descriptor: int, algorithms: tuple[str, ...]) -> dict[str, str]:
            self.count += 1
            return real(descriptor, algorithms)

        monkeypatch.setattr(image, "_digest", counted)
        monkeypatch.setattr(digests, "SETTLED", 0.02)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    file = tmp_path / "a:disk.raw"
    write(file, bytes(512))
    return file


def write(file: Path, content: bytes) -> None:
    """Content that has been there for a while: several ticks of any file system's clock."""
    file.write_bytes(content)
    time.sleep(0.05)


def digest(folder: Path | None, file: Path, checksum: str | None = None) -> str:
    """As one command would work it out."""
    with digests.kept(folder) as known:
        return image.inspect(file, "raw", checksum, known).digest


def test_a_file_is_read_once(tmp_path: Path, disk: Path, reads: Reads) -> None:
    folder = tmp_path / "cache" / "orchestrator"
    assert digest(folder, disk) == digest(folder, disk) == hashlib.sha256(bytes(512)).hexdigest()
    assert reads.count == 1
    assert digest(folder, disk, f"sha512:{hashlib.sha512(bytes(512)).hexdigest()}")
    assert reads.count == 2, "another algorithm"
    digest(folder, disk, f"sha512:{hashlib.sha512(bytes(512)).hexdigest()}")
    assert reads.count == 2
    assert stat.S_IMODE((folder / digests.FILE).stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == [digests.FILE], "no draft is left"


@pytest.mark.parametrize("way", ["in place", "with its time put back", "another in its place"])
def test_a_changed_file_is_read_again(tmp_path: Path, disk: Path, reads: Reads, way: str) -> None:
    before = disk.stat()
    digest(tmp_path, disk)
    file = disk if way != "another in its place" else tmp_path / "other"
    file.write_bytes(b"\1" * 512)
    if way != "in place":
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    file.rename(disk)
    assert digest(tmp_path, disk) == hashlib.sha256(b"\1" * 512).hexdigest()
    assert reads.count == 2


def test_what_was_written_just_now_is_not_kept(tmp_path: Path, disk: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more within the same tick of the file system's clock, and nobody could tell."""
    monkeypatch.setattr(digests, "SETTLED", 3600.0)
    digest(tmp_path, disk)
    digest(tmp_path, disk)
    assert reads.count == 2
    assert not (tmp_path / digests.FILE).exists()


def test_files_that_are_gone_are_forgotten(tmp_path: Path, disk: Path, reads: Reads) -> None:
    other = tmp_path / "other.raw"
    write(other, bytes(1024))
    digest(tmp_path, disk)
    disk.unlink()
    digest(tmp_path, other)
    (key,) = json.loads((tmp_path / digests.FILE).read_text())
    assert image.path_of(key) == other


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"sha256:/x": 1}', b'{"a": "' + b"0" * 64 + b'", "sha256:\\u0000:1:1:1:1:1": "' + b"0" * 64 + b'"}'],
    ids=["empty", "cut", "list", "binary", "deep", "number", "strange keys"],
)  # fmt: skip
def test_a_damaged_cache_is_none(tmp_path: Path, disk: Path, reads: Reads, content: bytes) -> None:
    (tmp_path / digests.FILE).write_bytes(content)
    assert digest(tmp_path, disk) == digest(tmp_path, disk) == hashlib.sha256(bytes(512)).hexdigest()
    assert reads.count == 1, "and it is mended"


@pytest.mark.parametrize("trouble", ["no folder", "folder is a file", "cache is a directory", "cache is a fifo", "open to others"])
def test_a_cache_that_cannot_be_used_is_none(tmp_path: Path, disk: Path, reads: Reads, trouble: str) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    path = folder / digests.FILE
    if trouble == "folder is a file":
        folder.rmdir()
        folder.touch()
    elif trouble == "cache is a directory":
        path.mkdir()
    elif trouble == "cache is a fifo":
        os.mkfifo(path)
    elif trouble == "open to others":
        digest(folder, disk)
        path.write_text(path.read_text().replace(hashlib.sha256(bytes(512)).hexdigest(), "0" * 64))
        path.chmod(0o666)
    assert digest(None if trouble == "no folder" else folder, disk) == hashlib.sha256(bytes(512)).hexdigest()


def test_what_was_learned_before_an_error_is_kept(tmp_path: Path, disk: Path, reads: Reads) -> None:
    with pytest.raises(image.WrongChecksum):
        digest(tmp_path, disk, f"sha256:{'0' * 64}")
    digest(tmp_path, disk)
    assert reads.count == 1
