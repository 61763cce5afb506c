"""One batch's conversation with one host, whatever carries its bytes: what to send, what was heard, what the end of it means."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator.commands import quoting, script, stream
from orchestrator.commands.command import Batch, Record, Transfer
from orchestrator.model import errors

CHUNK = 2 * (32 * 1024 - 64)
"""Bytes: two of the packets that OpenSSH's sshd takes at most, so that none goes nearly empty."""

REFUSALS = {
    "prepare": ("cannot prepare the job", "changing a host needs root there: set ansible_become, or ansible_user: root"),
    "stage": ("cannot receive a file", "is the disk full?"),
    "busy": ("an earlier job still runs", "it has an hour; look for it in /run/orchestrator/jobs there"),
}


class Exchange:
    """`payload` is to be sent, all that comes back goes to `hear` until it says it has ended, and `results` is the outcome.

    When the conversation breaks off instead, `cut` is the error to raise.
    """

    def __init__(self, where: str, batch: Batch, on_record: Callable[[Record], None]) -> None:
        self.script = script.compose(batch, secrets.token_hex(16))
        self.where = where
        self._batch, self._on_record = batch, on_record
        self._stream = stream.Stream(batch, self.script.marker)
        self._sent = False
        for transfer in self.script.transfers:
            _check(transfer)

    def payload(self) -> Iterator[bytes]:
        """All that goes to the session's stdin, in pieces. Raises HostError when a file has shrunk since it was measured."""
        pieces = self._pieces()
        piece = next(pieces)
        for following in pieces:
            yield piece
            piece = following
        self._sent = True  # with the last piece on its way the host may begin
        yield piece

    def hear(self, data: bytes) -> bool:
        """Take what the host said; True once it has said all."""
        for record in self._stream.feed(data):
            self._on_record(record)
        return self._stream.ended

    def results(self) -> tuple[Record, ...]:
        """The reads' records. Raises HostError when the host refused the batch, OutcomeUnknown when the job died there."""
        if self._stream.refused is not None:
            reason, text = self._stream.refused
            what, hint = REFUSALS.get(reason, (reason, ""))
            raise errors.HostError(what, where=self.where, why=text.strip().partition("\n")[0], hint=f"nothing was changed; {hint}")
        if self._stream.lost:
            raise errors.OutcomeUnknown("the job ended before its work did", where=self.where, why="was it killed there?")
        return tuple(self._stream.reads)

    def cut(self, why: str) -> errors.HostError:
        """The connection is gone before the end: what is known then."""
        if self._batch.lanes and self._sent:
            return errors.OutcomeUnknown("connection lost while changes were under way", where=self.where, why=why)
        return errors.Unreachable("connection lost", where=self.where, why=why, hint="nothing was changed")

    def closed(self, why: str) -> errors.HostError:
        """The session has ended by itself without an end: before its text ran, the login shell or sudo refused; after it, it was killed."""
        if self._stream.greeted:
            return self.cut(why)
        said = self._stream.noise.splitlines()
        if refusals := [line for line in said if line.startswith("sudo:")]:
            hint = "let the user run it without a password (NOPASSWD in sudoers), or set ansible_become: false"
            return errors.HostError("sudo -n refused", where=self.where, why=quoting.line(refusals[-1]), hint=hint)
        words = quoting.line("\n".join(said[-3:])) or "it ended without a word"
        return errors.HostError("no POSIX shell answered", where=self.where, why=words, hint="a login there must run `sh -c`, with dd")

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.script.text), CHUNK):
            yield self.script.text[start : start + CHUNK]
        for transfer in self.script.transfers:
            yield from _contents(transfer)


def _check(transfer: Transfer) -> None:
    """A file must be as long as announced before anything is sent."""
    try:
        size = Path(transfer.source).stat().st_size
    except OSError as error:
        raise errors.HostError("cannot read the file to transfer", where=transfer.source, why=str(error.strerror)) from error
    if size != transfer.size:
        raise errors.HostError("the file to transfer has changed", where=transfer.source, why=f"{size} bytes, not {transfer.size}")


def _contents(transfer: Transfer) -> Iterator[bytes]:
    left = transfer.size
    try:
        with Path(transfer.source).open("rb") as file:
            while left and (piece := file.read(min(left, CHUNK))):
                left -= len(piece)
                yield piece
    except OSError as error:
        raise errors.HostError("cannot read the file to transfer", where=transfer.source, why=str(error.strerror)) from error
    if left:
        raise errors.HostError("the file to transfer has shrunk", where=transfer.source, why=f"{left} bytes are missing")
