"""Files that a playbook names: relative to the playbook's own folder, `~` is the home folder."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.files import text
from orchestrator.model import errors


def path(name: str, folder: Path) -> Path:
    """The absolute path of `name` in a playbook in `folder`. SpecError without a place."""
    try:
        return Path(os.path.abspath(folder / Path(name).expanduser()))  # noqa: PTH100 - normalises `..`, follows no link
    except RuntimeError as error:
        raise errors.SpecError(f"home folder in '{name}' is not known", why=str(error), hint="give an absolute path") from None


def content(file: Path) -> str:
    """The text of `file` (regular, at most 1 MiB, UTF-8). SpecError with the file as its place."""
    if os.path.isdir(file):  # noqa: PTH112 - of a name that is too long Path would raise OSError
        raise errors.SpecError("not a regular file", str(file), "it is a directory")
    return text.read(file)


def read(name: str, folder: Path) -> str:
    """The text of the file that a playbook in `folder` calls `name`. SpecError without a place."""
    try:
        return content(path(name, folder))
    except errors.SpecError as error:
        raise errors.SpecError(f"{error.what} '{name}'", why=error.why, hint=error.hint) from None
