"""A batch as what goes over the wire: the text for the stdin of a small bootstrap, and the files that follow there.

Pure. On stdin: the length of the session's text and that text, then, if the batch changes anything, the job's text and the bytes of its transfers,
all of known length: a connection cut anywhere before the last byte starts nothing.
"""

from __future__ import annotations

import base64
import itertools
import shlex
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.commands import job as job_text
from orchestrator.commands import quoting
from orchestrator.commands import session as session_text
from orchestrator.commands.command import Action, Batch, Command, Lane, Transfer, Upload

PATIENCE = 30
"""Seconds a lane waits for its lock before it gives up as `locked`."""
MAKING = 7200
"""The same of a patient lane, or one with `unless`: longer than anybody makes such a thing."""

ONE_ARGUMENT = 100_000
"""Bytes of reads that a shell gets as one argument; Linux takes 131,071."""


class Script(Struct, frozen=True):
    """`text`, then `transfers` in this order, are for the stdin of `sh -c` with session.BOOTSTRAP; `marker` begins each control line of the answer."""

    text: bytes
    transfers: tuple[Transfer, ...]
    marker: bytes


def compose(batch: Batch, nonce: str) -> Script:
    """The script of `batch`. `nonce`: letters and digits nobody can guess, new for each sending: no output can pretend to be a control line."""
    marker = f"--{nonce}"
    job = encoded(_job(batch, marker, nonce)) if batch.lanes else b""
    session = encoded(_session(batch, marker, nonce, len(job)))
    return Script(b"%d\n" % len(session) + session + job, transfers(batch), marker.encode())


def transfers(batch: Batch) -> tuple[Transfer, ...]:
    """The batch's transfers in the order of its lanes: the order of their bytes on the wire."""
    return tuple(action for lane in batch.lanes for action in lane.actions if isinstance(action, Transfer))


def encoded(text: str) -> bytes:
    """Text as bytes; what os.fsdecode made of odd bytes becomes these bytes again."""
    return text.encode("utf-8", "surrogateescape")


def _staged(transfer: Transfer, nonce: str) -> str:
    return f"{transfer.path}.{nonce}"


def _staged_paths(batch: Batch, nonce: str) -> tuple[str, ...]:
    return tuple(_staged(transfer, nonce) for transfer in transfers(batch))


def _session(batch: Batch, marker: str, nonce: str, job_length: int) -> str:
    parts = [f"m={marker}", session_text.START]
    if batch.lanes or batch.attach:
        parts.append(session_text.CLAIM)
    parts += [f"attach {quoting.word(quoting.filename(job))}" for job in batch.attach]
    if batch.lanes:
        parts += _launch(batch, nonce, job_length)
    if batch.reads:
        reads = list(_reads(batch))
        if any(read.startswith("together ") for read in reads):
            parts += [session_text.TOGETHER, f"one_shell={quoting.word(session_text.ONE_SHELL)}"]
        parts += [
            session_text.READ,
            *((session_text.CONSULT,) if any(read.asks for read in batch.reads) else ()),
            "{",
            *reads,
            "} </dev/null",
        ]
    parts.append("finish")
    if batch.lanes:
        parts.append("prune")
    return _joined(parts)


def _launch(batch: Batch, nonce: str, length: int) -> Iterator[str]:
    files = transfers(batch)
    staged = quoting.words(_staged_paths(batch, nonce))
    yield f"job={quoting.word(quoting.filename(batch.job))}"
    yield session_text.RUN
    yield f"b=$(dd bs=65536 count={length} iflag=fullblock,count_bytes); [ ${{#b}} = {length} ] || exit 1"
    if files:
        yield f"trap {quoting.word(f'rm -f -- {staged}')} EXIT"
    for transfer in files:
        yield f"stage {transfer.size} {quoting.word(_staged(transfer, nonce))}"
    yield "launch"
    if files:
        yield f"rm -f -- {staged}"


def _reads(batch: Batch) -> Iterator[str]:
    """Neighbours are read together, but for what may hang, and those with a limit of their own."""
    for alone, group in itertools.groupby(enumerate(batch.reads), key=lambda read: read[1].alone):
        found = list(group)
        lines = [f"{_stdin(read)}{_get(read)} {index} {read.timeout} {quoting.words(read.argv)}" for index, read in found]
        text = "\n".join(lines)
        if alone or len(found) == 1 or len(encoded(text)) > ONE_ARGUMENT:
            yield from lines
        else:
            yield f"together {found[0][0]} {max(read.timeout for _, read in found)} {quoting.word(text)}"


def _get(read: Command) -> str:
    return f"consult {quoting.word(read.asks)}" if read.asks else "get"


def _job(batch: Batch, marker: str, nonce: str) -> str:
    name = quoting.filename(batch.job)
    parts = [
        f"m={marker} job={quoting.word(name)} d={quoting.word(f'/run/orchestrator/jobs/{name}')}",
        f"epoch={batch.epoch}",
        job_text.START,
        *(_newest(batch) if batch.store else ()),
        job_text.JOURNAL,
        job_text.ACTIONS,
        *((job_text.ASK,) if any(map(_asked, batch.lanes)) else ()),
        job_text.LANES,
        *((_pipes(batch), job_text.SLOTS) if len(batch.lanes) > 1 else ()),
    ]
    begin = "start" if len(batch.lanes) > 1 else "lane"
    for number, lane in enumerate(batch.lanes):
        begun = f"! made {quoting.word(lane.unless)} {len(lane.actions)} || return 0" if lane.unless else ":"
        parts += [f"lane_{number}() {{ {begun}", *_actions(lane, nonce), "}"]
    for rank in (False, True):
        parts += [f"{begin} {_lane(batch, number)}" for number, lane in enumerate(batch.lanes) if bool(lane.after) is rank]
        parts.append("wait")
    if staged := quoting.words(_staged_paths(batch, nonce)):
        parts.append(f"rm -f -- {staged}")
    parts.append('true >"$d/done"')
    return _joined(parts)


def _pipes(batch: Batch) -> str:
    """One process for all that the lanes would make, each its own (`meet` does for a lane alone)."""
    asked = (f'"$d/{number}.asked" "$d/{number}.said"' for number, lane in enumerate(batch.lanes) if _asked(lane))
    return " ".join(('mkfifo "$d/slots"', *asked))


def _newest(batch: Batch) -> tuple[str, ...]:
    return f"store={quoting.word(quoting.filename(batch.store))} told={quoting.word(quoting.line(batch.job))}", job_text.NEWEST


def _lane(batch: Batch, number: int) -> str:
    lane, keys = batch.lanes[number], [lane.key for lane in batch.lanes]
    parents = " ".join(str(keys.index(key)) for key in lane.after)
    key = quoting.word(quoting.line(lane.key))
    return f"{number} {MAKING if lane.unless or lane.patient else PATIENCE} {key} {quoting.word(quoting.filename(lane.key))} {parents}".rstrip()


def _actions(lane: Lane, nonce: str) -> Iterator[str]:
    asked = _asked(lane)
    for index, action in enumerate(lane.actions):
        otherwise = action.otherwise if isinstance(action, Command) else ()
        if otherwise:
            yield f"otherwise={quoting.word(quoting.words(otherwise))}"
        yield f"{_action(index, action, nonce, index in asked)} || return"
        if otherwise:
            yield "otherwise="


def _asked(lane: Lane) -> tuple[int, ...]:
    """Places of the actions that one virsh can do, if they are several."""
    uris = {index: action.argv[:4] for index, action in enumerate(lane.actions) if isinstance(action, Command) and _is_asked(action)}
    found = tuple(index for index, uri in uris.items() if uri == next(iter(uris.values())))
    return found if len(found) > 1 else ()


def _is_asked(command: Command) -> bool:
    """Whether virsh can be told it as a line: nothing comes by stdin, and a line stays one."""
    plain = command.argv[:3] == ("virsh", "-q", "-c") and len(command.argv) > 4 and not command.stdin and not command.secret
    return plain and not any(quoting.CONTROL.search(word) for word in command.argv)


def _action(index: int, action: Action, nonce: str, asked: bool) -> str:
    told = f"{quoting.word(quoting.line(action.step or '-'))} {quoting.word(quoting.line(action.shown()))}"
    match action:
        case Command():
            begin = f"{index} {action.timeout} '{' '.join(str(code) for code in action.accepts)}' {told}"
            if asked:
                return f"ask {begin} {quoting.words((action.argv[3], shlex.join(action.argv[4:])))}"
            return f"{_stdin(action)}act {begin} {quoting.words(action.argv)}"
        case Upload():
            target = f"{0o777 & ~action.mode:o} {action.mode:o} {quoting.word(action.path)}"
            return f"put {index} {told} {target} {_printed(action.content)}"
        case Transfer():
            return f"place {index} {told} {quoting.words((_staged(action, nonce), action.path))}"


def _stdin(command: Command) -> str:
    """What comes before a command on its line: nothing, or a pipe from its stdin's text. printf is the shell's own: `ps` never sees it."""
    return f"{_printed(encoded(command.stdin))} | " if command.stdin else ""


def _printed(content: bytes) -> str:
    """A shell command that prints `content`: as it stands if a shell can hold it, else through base64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"decode {base64.b64encode(content).decode()}"
    return f"printf %s {quoting.word(text)}"


def _joined(parts: list[str]) -> str:
    """One text without a newline at its end: `$(...)` strips it, and the bootstrap compares lengths."""
    return "\n".join(part.strip("\n") for part in parts)
