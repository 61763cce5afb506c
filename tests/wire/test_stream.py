"""What a session says, however it is cut into pieces."""

from __future__ import annotations

import base64
import itertools

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.commands import stream
from orchestrator.commands.command import Batch, Lane, Record

M = b"--0123456789abcdef"
BATCH = Batch("j", 1, (Lane("instance/a", ()), Lane("instance/b", ())))

payloads = st.binary(max_size=300) | st.sampled_from([b"", b"\n", M, M[:-3], b"- --0 " + M, M + b"\n", M + b"!x y\n"])


def line(text: str) -> bytes:
    return M + b" " + text.encode() + b"\n"


def said(reads: list[tuple[bytes, bytes, int]], lanes: list[tuple[int, int, bytes]], noise: bytes) -> bytes:
    parts = [noise, line("hello")]
    parts += [line(f"lane {lane} {index} done 3 {base64.b64encode(output).decode()}") for lane, index, output in lanes]
    for number, (output, error, code) in enumerate(reads):
        parts += [line(f"read {number}"), output, line("error") + error if error else b"", line(f"code {code}")]
    return b"".join([*parts, line("end")])


def fed(data: bytes, cuts: list[int]) -> tuple[stream.Stream, list[Record]]:
    """A stream that took the data in pieces."""
    found = stream.Stream(BATCH, M)
    records: list[Record] = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(places):
        records += found.feed(data[start:end])
    return found, records


@given(
    st.lists(st.tuples(payloads, st.binary(max_size=50), st.integers(0, 255)), max_size=4),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.binary(max_size=60)), max_size=4),
    payloads,
    st.lists(st.integers(0, 2000), max_size=20),
)
def test_any_cut_gives_the_same(
    reads: list[tuple[bytes, bytes, int]], lanes: list[tuple[int, int, bytes]], noise: bytes, cuts: list[int]
) -> None:
    found, records = fed(said(reads, lanes, noise), cuts)
    assert found.ended
    assert found.greeted
    assert [(read.index, read.output, read.error, read.code) for read in found.reads] == [
        (index, output, error.decode(errors="replace"), code) for index, (output, error, code) in enumerate(reads)
    ]
    assert records == [Record(BATCH.lanes[lane].key, index, "done", 3, output) for lane, index, output in lanes]


@given(st.binary(max_size=200), st.integers(0, 200), st.lists(st.integers(0, 600), max_size=9))
def test_signs_of_life_leave_no_trace(output: bytes, place: int, cuts: list[int]) -> None:
    beaten = output[:place] + line("beat") + output[place:]
    found, _ = fed(said([(beaten, b"", 0)], [], b""), cuts)
    assert [read.output for read in found.reads] == [output]


@given(st.binary(max_size=4000), st.lists(st.integers(0, 4000), max_size=9))
def test_anything_at_all_is_survived(data: bytes, cuts: list[int]) -> None:
    found, records = fed(data + line("lane 9 x") + line("lane 9 0 done 0 ") + line("lane 0 0 done x ") + line("code x"), cuts)
    assert (found.ended, records, found.reads) == (False, [], [])


def test_noise_is_kept_for_errors_until_the_greeting() -> None:
    found = stream.Stream(BATCH, M)
    found.feed(b"x" * 9000 + b"sudo: a password is required\n")
    assert found.noise.endswith("xsudo: a password is required")
    assert len(found.noise) < 5000


def test_refusal_is_told_with_its_reason() -> None:
    found, _ = fed(line("hello") + line("refused prepare") + b"mkdir: Read-only file system\n" + line("end"), [])
    assert found.refused == ("prepare", "mkdir: Read-only file system\n")
    assert not found.lost


def test_lost_job() -> None:
    found, _ = fed(line("hello") + line("lost") + line("end"), [])
    assert found.lost


def test_output_is_cut_and_memory_with_it() -> None:
    found = stream.Stream(BATCH, M)
    found.feed(line("hello") + line("read 0"))
    for _ in range(64):
        found.feed(b"x" * 65536)
    found.feed(line("error") + b"e" * 100_000 + line("code 0") + line("end"))
    assert [(len(read.output), len(read.error)) for read in found.reads] == [(1 << 20, 65536)]
    assert len(found._buffer) == 0


def test_damaged_output_costs_the_output_only() -> None:
    _, records = fed(line("hello") + line("lane 0 1 done 4 a"), [])
    assert records == [Record("instance/a", 1, "done", 4, b"")]


def test_reads_that_are_told_again_count_once() -> None:
    parts = [line("hello"), line("read 0"), b"a", line("code 0"), line("read 1"), b"b", line("code 0"), line("read 2"), b"half"]
    parts += [line("again 1"), b"late", line("read 1"), b"c", line("code 0"), line("read 2"), b"d", line("code 124"), line("end")]
    found, _ = fed(b"".join(parts), [])
    assert [(each.index, each.output, each.code) for each in found.reads] == [(0, b"a", 0), (1, b"c", 0), (2, b"d", 124)]
