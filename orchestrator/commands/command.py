"""Commands, and the batch that carries them to one host in one round trip."""

from __future__ import annotations

import hashlib
import shlex

from msgspec import Struct

SCRIPT_LIMIT = 1000
"""Characters of a script that is shown whole."""


LIMIT = 60
"""Seconds that a command has whose limit nobody thought about."""


class Command(Struct, frozen=True):
    """One process on the host. Its stdin is never shown: secrets go there, argv is public."""

    argv: tuple[str, ...]
    stdin: str = ""
    accepts: tuple[int, ...] = (0,)  # exit codes that mean success
    timeout: int = LIMIT  # seconds; then TERM, and KILL 5 s later
    step: str = ""
    secret: str = ""  # the name of a secret that is its stdin: put in where it is sent, and nowhere before (ports/secrets.py)
    otherwise: tuple[str, ...] = ()  # is run when it did not succeed: the exit code that counts is then this one's, its output comes behind
    asks: str = ""  # of a read: whose answer it waits for. Once a look has waited for it in vain, the rest of the look asks it no more

    @property
    def alone(self) -> bool:
        """Of a read: it is one by itself, for it may hang, or has a limit of its own."""
        return bool(self.asks or self.stdin) or self.timeout != LIMIT

    def shown(self) -> str:
        """The command as an operator could type it; of a long fixed script only which one it is, so that what it is given can be seen."""
        return " || ".join(_shown(argv) for argv in (self.argv, self.otherwise) if argv)


def _shown(argv: tuple[str, ...]) -> str:
    if argv[:2] == ("sh", "-c") and len(argv[2]) > SCRIPT_LIMIT:
        which = f"# {len(argv[2])} characters, sha256 {hashlib.sha256(argv[2].encode()).hexdigest()[:12]}"
        return shlex.join(("sh", "-c", which, *argv[3:]))
    return shlex.join(argv)


class Upload(Struct, frozen=True):
    """A small file put in place whole: temporary name, fsync, rename."""

    path: str
    content: bytes
    mode: int = 0o644
    step: str = ""

    def shown(self) -> str:
        return f"upload {shlex.quote(self.path)} ({len(self.content)} bytes)"


class Transfer(Struct, frozen=True):
    """A large file of the controller's, streamed to `path`. `size` in bytes.

    A temporary name: the commands after it check what came, and write through to the disk what they make of it.
    """

    source: str
    path: str
    size: int
    step: str = ""

    def shown(self) -> str:
        return f"transfer {shlex.quote(self.source)} to {shlex.quote(self.path)} ({self.size} bytes)"


Action = Command | Upload | Transfer


class Lane(Struct, frozen=True):
    """Actions that run in order, up to the first that fails, under the host-side lock `key`; lanes run side by side.

    A lane whose `after` names a lane that failed is skipped. `parent` lanes come first, so `after` may only name lanes without `after`.

    `unless` is a path that the last action makes: when something is there once the lane has its lock, another job has done all of it meanwhile,
    and every action counts as done. Such a lane, and one that is `patient`, waits for its lock as long as the other job may take.
    """

    key: str  # instance/<uuid>, or shared/<what> for what several instances use
    actions: tuple[Action, ...]
    after: tuple[str, ...] = ()
    unless: str = ""
    patient: bool = False


class Batch(Struct, frozen=True):
    """One round trip to one host: wait for `attach`, run `lanes`, then `reads`.

    `job` names the work on the host, so that it can be found again after a lost connection; `epoch` fences: a host that has seen a higher one
    for a lane's key refuses the lane. A batch without lanes changes nothing on the host and leaves no file there. `store`, the lineage of the one that
    knows of the job: the host keeps the newest job of each (facts/compute.py), so that an older store is known as one.
    """

    job: str
    epoch: int
    lanes: tuple[Lane, ...] = ()
    reads: tuple[Command, ...] = ()
    attach: tuple[str, ...] = ()  # jobs of earlier batches that may still run
    store: str = ""


class Record(Struct, frozen=True):
    """What became of one action. `lane` is its lane's key, "" for reads; `index` its place there.

    `kind`: done (it ran: see `code`), fenced (a newer epoch was here), locked (another job held the lane's lock too long), skipped (a lane it
    comes after failed). Output of actions is stdout and stderr in one, its last 2,000 bytes; of reads stdout (1 MiB at most) and stderr apart.
    """

    lane: str
    index: int
    kind: str = "done"
    code: int = 0
    output: bytes = b""
    error: str = ""
