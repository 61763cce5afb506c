"""What a lab keeps on disk: the places of its files, its record, and the lock that lets one command at a time change labs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from orchestrator.model import errors

STORAGE = 1
"""The number of the host that keeps volumes for all: every lab has it."""
_NAME = re.compile(r"[a-z0-9]{1,5}")  # interface names have 15 characters


class Folder(Struct, frozen=True):
    """The folder of one lab; nothing but the lab's own namespaces lives outside of it."""

    path: Path

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.path.name

    @property
    def key(self) -> Path:
        """The private key that opens every host as root."""
        return self.path / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys, as ssh reads them."""
        return self.path / "known_hosts"

    @property
    def inventory(self) -> Path:
        """The inventory of the lab's hosts."""
        return self.path / "inventory.yaml"

    def host(self, number: int) -> Path:
        """What host `number` does not share with this machine."""
        return self.path / f"{self.name}{number}"


class Record(Struct, frozen=True):
    """What was decided when the lab was made: its subnet (a /24, as `10.x.y`), and how many hosts it was asked to have."""

    subnet: str
    hosts: int

    def address(self, number: int) -> str:
        """The management address of host `number`; 0 is this machine's."""
        return f"{self.subnet}.{10 + number if number else 1}"


def root(environ: Mapping[str, str]) -> Path:
    """The folder of all labs: $ORCHESTRATOR_LAB_DIR, or below the XDG state folder."""
    if chosen := environ.get("ORCHESTRATOR_LAB_DIR"):
        return Path(chosen).absolute()
    home = environ.get("HOME") or "/root"  # a service without HOME: labs are root's
    state = environ.get("XDG_STATE_HOME") or f"{home}/.local/state"
    return Path(state).absolute() / "orchestrator" / "lab"


def named(root: Path, name: str) -> Folder:
    """The folder of the lab of that name, there or not. Raises UsageError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        why = "a lab's name has 1 to 5 characters of a-z and 0-9"
        raise errors.UsageError(f"bad lab name {name!r}", "--name", why, "such as `--name lab`")
    return Folder(root / name)


def read(folder: Folder) -> Record | None:
    """The lab's record; None when there is no such lab."""
    try:
        found = json.loads((folder.path / "lab.json").read_text())
        return Record(str(found["subnet"]), int(found["hosts"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        hint = f"remove the lab with `orchestrator lab down --name {folder.name}`"
        raise errors.OrchestratorError("damaged record", str(folder.path / "lab.json"), str(error), hint) from error


def write(folder: Folder, record: Record) -> None:
    """Keep the record; makes the lab's folder, for its owner's eyes only."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep(folder.path / "lab.json", json.dumps({"schema_version": 1, "subnet": record.subnet, "hosts": record.hosts}) + "\n")


def keep(path: Path, text: str) -> None:
    """Make the file have this text, whole or not at all; a file that has it is not touched."""
    if path.exists() and path.read_text() == text:
        return
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def records(root: Path) -> Iterator[Record]:
    """The records of all labs in the folder; damaged ones are passed over."""
    for path in sorted(root.glob("*/lab.json")):
        with contextlib.suppress(errors.OrchestratorError):
            if found := read(Folder(path.parent)):
                yield found


@contextlib.contextmanager
def lock(root: Path, subject: str) -> Iterator[None]:
    """Hold the lock of that subject, after waiting for whoever has it; the kernel lets it go with the process.

    Programs that are run meanwhile hold it too: they may outlive a killed command, and must not meet the next one.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(root / f".{subject}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(handle, True)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
