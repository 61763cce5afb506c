"""What a session says, byte by byte: records, noise, the end. Pure and incremental; nothing depends on where chunks begin or on EOF."""

from __future__ import annotations

import base64
import binascii
import contextlib

from orchestrator.commands.command import Batch, Record

OUTPUT_LIMIT = 1024 * 1024
ERROR_LIMIT = 64 * 1024
NOISE_LIMIT = 4 * 1024


class Stream:
    """Reads one session's answer to `batch`; feed it until `ended`.

    `greeted`: the session text runs, so what came before (motd, sudo's refusal, an rc file's echo) was `noise`, whose tail is kept.
    `refused`: why nothing was started, as (reason, text). `lost`: the job's process died on the host, or was given up before it came.
    """

    def __init__(self, batch: Batch, marker: bytes) -> None:
        self.greeted = self.ended = self.lost = False
        self.refused: tuple[str, str] | None = None
        self.reads: list[Record] = []
        self._batch, self._marker = batch, marker + b" "
        self._buffer = bytearray()
        self._noise, self._output, self._error, self._reason = bytearray(), bytearray(), bytearray(), bytearray()
        self._sink, self._limit = self._noise, 0
        self._refusal = ""

    @property
    def noise(self) -> str:
        """The last of what was said before the session text ran."""
        unread = b"" if self.greeted else self._buffer
        return (self._noise + unread).decode(errors="replace").strip()

    def feed(self, data: bytes) -> list[Record]:
        """Take the next bytes; returns the records of lanes that they complete."""
        self._buffer += data
        records: list[Record] = []
        while not self.ended:
            at = self._buffer.find(self._marker)
            if at < 0:
                self._keep(max(0, len(self._buffer) - len(self._marker) + 1))
                break
            line_end = self._buffer.find(b"\n", at)
            if line_end < 0:
                break
            line = self._buffer[at + len(self._marker) : line_end].decode(errors="replace")
            self._keep(at)
            del self._buffer[: line_end + 1 - at]
            with contextlib.suppress(ValueError, IndexError):  # a control line that is none: noise like any other
                records += self._control(line.split(" "))
        return records

    def _keep(self, size: int) -> None:
        """Move the first `size` bytes of the buffer to where payload goes now, up to that place's limit."""
        if self._sink is self._noise:
            self._noise += self._buffer[:size]
            del self._noise[:-NOISE_LIMIT]
        else:
            self._sink += self._buffer[: min(size, self._limit - len(self._sink))]
        del self._buffer[:size]

    def _control(self, words: list[str]) -> list[Record]:
        match words:
            case ["hello"]:
                self.greeted, self._sink, self._limit = True, bytearray(), 0
            case ["read", _]:
                self._output, self._error = bytearray(), bytearray()
                self._sink, self._limit = self._output, OUTPUT_LIMIT
            case ["error"]:
                self._sink, self._limit = self._error, ERROR_LIMIT
            case ["code", code]:
                self._read(int(code))
            case ["again", index]:
                del self.reads[int(index) :]
                self._sink, self._limit = bytearray(), 0
            case ["lane", number, index, kind, code, output]:
                key = self._batch.lanes[int(number)].key
                return [Record(key, int(index), kind, int(code), _decoded(output))]
            case ["refused", reason]:
                self._refusal = reason
                self._sink, self._limit = self._reason, ERROR_LIMIT
            case ["lost"]:
                self.lost = True
            case ["end"]:
                self.ended = True
                self.refused = (self._refusal, self._reason.decode(errors="replace")) if self._refusal else None
            case _:
                pass  # a heartbeat: nothing but the sign of life it already was
        return []

    def _read(self, code: int) -> None:
        error = self._error.decode(errors="replace")
        self.reads.append(Record("", len(self.reads), "done", code, bytes(self._output), error))
        self._sink, self._limit = bytearray(), 0


def _decoded(output: str) -> bytes:
    """A record's output; a host whose base64 is missing or broken costs the output, not the record."""
    try:
        return base64.b64decode(output)
    except binascii.Error:
        return b""
