"""Programs of this machine: run one, or say why it could not be done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from orchestrator.model import errors

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAST_WORDS = 600  # characters of a program's complaint worth showing


def run(argv: Sequence[str], where: str, folder: Path | None = None, data: bytes | None = None) -> bytes:
    """What the program wrote to stdout. Raises OrchestratorError with its complaint when it is missing or fails."""
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            check=False,
            close_fds=False,  # what is meant to be inherited is the labs' lock
            env={**os.environ, "PATH": _PATH, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise errors.OrchestratorError(f"cannot run {argv[0]}", where, "no such program here") from error
    if done.returncode:
        complaint = (done.stderr or done.stdout).decode(errors="replace").strip()[-_LAST_WORDS:]
        raise errors.OrchestratorError(f"`{' '.join(argv)}` failed", where, complaint or f"exit code {done.returncode}")
    return done.stdout


def succeeds(argv: Sequence[str], where: str) -> bool:
    """Whether the program ended with exit code 0; what it wrote is of no interest."""
    try:
        run(argv, where)
    except errors.OrchestratorError:
        return False
    return True


def start(argv: Sequence[str], where: str, log: Path) -> None:
    """Start a program that goes into the background by itself; what it writes goes to the log, which begins anew.

    Of this process's environment it gets nothing.
    """
    with log.open("wb") as out:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, env={"PATH": _PATH, "LANG": "C.UTF-8"})
    if done.returncode:
        raise errors.OrchestratorError(f"`{' '.join(argv)}` failed", where, log.read_text(errors="replace").strip()[-_LAST_WORDS:])
