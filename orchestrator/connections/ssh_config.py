"""~/.ssh/config, with its Include lines, which paramiko's parser does not follow."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.connections import library
from orchestrator.model import errors

if TYPE_CHECKING:
    import paramiko

DEEPEST = 16
"""Files included one in another at most (OpenSSH's own limit)."""


class Config:
    """The user's configuration, read once, when first needed."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path.home() / ".ssh" / "config"
        self._parsed: paramiko.SSHConfig | None = None

    def options(self, name: str) -> Mapping[str, Any]:
        """OpenSSH's options for the host called `name`, keys in lower case. Raises HostError when the file is damaged."""
        if not self._path.is_file():
            return {}
        library.load()
        import paramiko

        try:
            if self._parsed is None:
                self._parsed = paramiko.SSHConfig.from_file(io.StringIO("\n".join(_lines(self._path))))
            return self._parsed.lookup(name)
        except ImportError as error:  # of invoke, see library.py
            raise errors.HostError("Match exec is not supported", where=str(self._path)) from error
        except (paramiko.SSHException, OSError, ValueError) as error:
            raise errors.HostError("cannot be read", where=str(self._path), why=str(error)) from error


def _lines(path: Path, depth: int = 0) -> Iterator[str]:
    """The file's lines, Include lines replaced by what they name. After those the section that they stand in goes on."""
    section = "Host *"
    for line in path.read_text(errors="surrogateescape").splitlines():
        keyword, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if keyword.lower() in ("host", "match"):
            section = line
        if keyword.lower() != "include":
            yield line
        elif depth < DEEPEST:
            for pattern in shlex.split(rest):
                for file in _matching(pattern):
                    yield from _lines(file, depth + 1)
            yield section


def _matching(pattern: str) -> list[Path]:
    """The files a pattern names, by name; relative to ~/.ssh."""
    place = Path(pattern).expanduser()
    place = place if place.is_absolute() else Path.home() / ".ssh" / place
    return sorted(file for file in place.parent.glob(place.name) if file.is_file())
