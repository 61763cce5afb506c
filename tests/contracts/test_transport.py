"""What every transport does, whatever carries it: SSH to a real sshd, this machine, the in-memory host."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from orchestrator.commands.command import Action, Batch, Command, Lane, Record, Transfer, Upload
from orchestrator.connections import local, ssh
from orchestrator.facts import compute
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.ports.transport import Transport
from tests.fakes import host as fake

EVERY = bytes(range(256))


class Wire(Struct):
    """A transport, a host it reaches, and a folder there."""

    transport: Transport
    host: Host
    folder: str
    heard: list[Record]

    def run(self, batch: Batch) -> tuple[Record, ...]:
        return self.transport.run(self.host, batch, self.heard.append)

    def lanes(self, *lanes: Lane, reads: tuple[Command, ...] = (), job: str = "", epoch: int = 1) -> list[Record]:
        """The records of a batch of these lanes."""
        self.heard.clear()
        self.run(Batch(job or str(uuid.uuid4()), epoch, lanes, reads))
        return list(self.heard)

    def lane(self, *actions: Action) -> list[Record]:
        return self.lanes(Lane(f"instance/{uuid.uuid4()}", actions))

    def read(self, *argv: str, stdin: str = "") -> Record:
        return self.run(Batch("reading", 0, reads=(Command(argv, stdin),)))[0]


@pytest.fixture(params=["ssh", "local", "fake"])
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wire]:
    transport: Transport
    match request.param:
        case "ssh":
            transport, host = ssh.SshTransport(), request.getfixturevalue("server").host()
        case "local":
            transport, host = local.LocalTransport(), Host("h1", "localhost", connection="local")
        case _:
            transport, host = fake.FakeFleet(["h1"]), Host("h1", "h1")
    made = Wire(transport, host, str(tmp_path / "on_host"), [])
    made.lane(Command(("mkdir", "-p", "--", made.folder)))
    yield made
    transport.close()


def done(key: str, index: int, code: int = 0, output: bytes = b"") -> Record:
    return Record(key, index, "done", code, output)


def test_reads_in_order_with_code_and_both_outputs(wire: Wire) -> None:
    batch = Batch("j", 0, reads=(Command(("printf", "a\\n")), Command(("false",)), Command(("cat", "/nowhere")), Command(("true",))))
    first, second, third, fourth = wire.run(batch)
    assert first == Record("", 0, "done", 0, b"a\n")
    assert second == Record("", 1, "done", 1)
    assert (third.index, third.code, third.output) == (2, 1, b"")
    assert "/nowhere" in third.error
    assert fourth == Record("", 3)


def test_read_passes_every_byte(wire: Wire) -> None:
    for content in (EVERY, EVERY + b"\n\n", b"\n", b"\0", b"", b"no newline", "näh\n".encode()):
        wire.lane(Upload(f"{wire.folder}/bytes", content))
        assert wire.read("cat", "--", f"{wire.folder}/bytes").output == content


def test_read_is_cut_at_one_mebibyte(wire: Wire) -> None:
    content = EVERY * 8192
    wire.lane(Upload(f"{wire.folder}/large", content))
    assert wire.read("cat", "--", f"{wire.folder}/large").output == content[: 1 << 20]


HOSTILE = (
    "",
    " ",
    "a b",
    "'",
    "''\"\"",
    "\\",
    "\\'",
    "$(touch /tmp/orchestrator-canary)",
    "`touch /tmp/orchestrator-canary`",
    "; touch /tmp/orchestrator-canary;",
    "$HOME ${x:-y} $$ $'\\n'",
    "a\nb\n",
    "\n",
    "a\tb\rc\x1b[31m\x07",
    "*?[a-z]{a,b}~",
    "!history !! #comment",
    "&& || > < | & ( )",
    "-rf",
    "--",
    "é漢字🎉\u202e",
    "%s %n %d \\x41 \\101 \\c",
    "EOF\nEOF",
    "x" * 5000,
    "\x7f\x01",
)


def test_hostile_arguments_arrive_as_they_are(wire: Wire) -> None:
    for text in HOSTILE:
        assert wire.read("printf", "%s", text).output == text.encode(), text
        assert wire.read("cat", stdin=text).output == text.encode(), text
    assert not Path("/tmp/orchestrator-canary").exists()


def test_actions_run_in_order_and_their_outputs_come_back(wire: Wire) -> None:
    key = f"instance/{uuid.uuid4()}"
    actions = (
        Command(("printf", "one")),
        Command(("false",), accepts=(0, 1)),
        Command(("cat",), stdin="from stdin\n"),
        Command(("cat", "/nowhere"), accepts=(1,)),
    )
    records = wire.lanes(Lane(key, actions))
    assert records[:3] == [done(key, 0, 0, b"one"), done(key, 1, 1), done(key, 2, 0, b"from stdin\n")]
    assert records[3].code == 1
    assert b"/nowhere" in records[3].output


def test_lane_stops_at_its_first_failure(wire: Wire) -> None:
    records = wire.lane(Command(("true",)), Command(("false",)), Command(("mkdir", "--", f"{wire.folder}/never")))
    assert [(record.index, record.code) for record in records] == [(0, 0), (1, 1)]
    assert wire.read("stat", "-c", "%F", "--", f"{wire.folder}/never").code != 0


def test_output_of_an_action_is_its_tail(wire: Wire) -> None:
    text = "".join(f"{number:07}\n" for number in range(1000))
    (record,) = wire.lane(Command(("cat",), stdin=text))
    assert record.output == text.encode()[-2000:]


def test_upload_is_exact_with_its_mode(wire: Wire) -> None:
    cases = {"binary": (EVERY * 9, 0o644), "text": (b"it's\n$(x)\n\n", 0o600), "empty": (b"", 0o640), "program": (b"#!/bin/sh\n", 0o755)}
    for name, (content, mode) in cases.items():
        path = f"{wire.folder}/{name} file"
        for again in (b"", content):  # a file that is there is replaced
            records = wire.lane(Upload(path, again, 0o444), Upload(path, content, mode))
            assert [record.code for record in records] == [0, 0]
            assert wire.read("stat", "-c", "%a %s", "--", path).output == f"{mode:o} {len(content)}\n".encode()
            assert wire.read("sha256sum", "--", path).output.split()[0] == hashlib.sha256(content).hexdigest().encode()
            assert wire.read("stat", "-c", "%F", "--", f"{path}.part").code != 0


def test_upload_that_fails_is_recorded_and_leaves_nothing(wire: Wire) -> None:
    (record,) = wire.lane(Upload(f"{wire.folder}/no/such/folder/file", b"x"))
    assert record.code != 0
    assert b"no/such/folder/file" in record.output


def test_transfer_of_fifty_megabytes(wire: Wire, tmp_path: Path) -> None:
    source = tmp_path / "image"
    with source.open("wb") as file:
        for number in range(50):
            file.write(hashlib.sha256(str(number).encode()).digest() * 32768)
    size = source.stat().st_size
    part, final = f"{wire.folder}/_base/image.part", f"{wire.folder}/_base/image"
    key = f"shared/{uuid.uuid4()}"
    lane = Lane(key, (Transfer(str(source), part, size), Command(("mv", "-T", "--", part, final))))
    other = Lane(f"instance/{uuid.uuid4()}", (Command(("true",)),), after=(key,))
    assert [record.code for record in wire.lanes(other, lane)] == [0, 0, 0]
    assert wire.read("stat", "-c", "%s", "--", final).output == f"{size}\n".encode()
    with source.open("rb") as file:
        expected = hashlib.file_digest(file, "sha256").hexdigest()
    assert wire.read("sha256sum", "--", final).output.split()[0] == expected.encode()


def test_transfer_of_a_missing_file_starts_nothing(wire: Wire) -> None:
    lane = Lane("instance/t", (Command(("mkdir", "--", f"{wire.folder}/never")), Transfer("/nowhere/image", f"{wire.folder}/x", 9)))
    with pytest.raises(errors.HostError, match="/nowhere/image"):
        wire.lanes(lane)
    assert wire.read("stat", "-c", "%F", "--", f"{wire.folder}/never").code != 0


def test_lanes_after_others_and_those_skipped(wire: Wire) -> None:
    good, bad = f"shared/{uuid.uuid4()}", f"shared/{uuid.uuid4()}"
    folder = Command(("mkdir", "--", f"{wire.folder}/parent"))
    below = Command(("mkdir", "--", f"{wire.folder}/parent/child"))
    never = Command(("mkdir", "--", f"{wire.folder}/never"))
    first, second, third = (f"instance/{uuid.uuid4()}" for _ in range(3))
    records = wire.lanes(
        Lane(first, (below,), after=(good,)),
        Lane(second, (never,), after=(good, bad)),
        Lane(third, (Command(("true",)),)),
        Lane(good, (folder,)),
        Lane(bad, (Command(("false",)),)),
    )
    kinds = {(record.lane, record.kind, record.code) for record in records}
    assert kinds == {(good, "done", 0), (bad, "done", 1), (third, "done", 0), (first, "done", 0), (second, "skipped", 0)}
    assert wire.read("stat", "-c", "%F", "--", f"{wire.folder}/never").code != 0


def test_reads_follow_lanes_that_failed(wire: Wire) -> None:
    lane = Lane(f"instance/{uuid.uuid4()}", (Command(("false",)),))
    (record,) = wire.run(Batch(str(uuid.uuid4()), 1, (lane,), (Command(("printf", "seen")),)))
    assert record.output == b"seen"


def test_older_epoch_is_fenced(wire: Wire) -> None:
    key = f"instance/{uuid.uuid4()}"
    lane = Lane(key, (Command(("true",)),))
    assert wire.lanes(lane, epoch=7) == [done(key, 0)]
    assert wire.lanes(lane, epoch=7) == [done(key, 0)]
    assert wire.lanes(lane, epoch=6) == [Record(key, 0, "fenced", 0, b"epoch 7 > 6")]
    assert wire.lanes(lane, epoch=10) == [done(key, 0)]
    assert wire.lanes(lane, epoch=9) == [Record(key, 0, "fenced", 0, b"epoch 10 > 9")]


def test_the_newest_job_of_each_store_is_kept(wire: Wire) -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4())

    def newest() -> set[tuple[str, int, str]]:
        key = compute.Key("/")
        (found,) = compute.parse([key], [wire.read(*compute.commands([key])[0].argv)]).values()
        return {(mark.store, mark.epoch, mark.job) for mark in found.newest if mark.store in (one, two)}

    def act(store: str, epoch: int, job: str) -> None:
        wire.run(Batch(job, epoch, (Lane(f"instance/{uuid.uuid4()}", (Command(("true",)),)),), store=store))

    first, second, third = (f"{uuid.uuid4()}-n1 'x'" for _ in range(3))
    assert newest() == set()
    act(one, 3, first)
    act(two, 9, second)
    assert newest() == {(one, 3, first), (two, 9, second)}
    act(two, 8, third)  # of a run that began before: the newer one's stays
    act(one, 11, third + "2")
    assert newest() == {(one, 11, third + "2"), (two, 9, second)}


def test_shared_lanes_have_no_epoch(wire: Wire) -> None:
    key = f"shared/{uuid.uuid4()}"
    lane = Lane(key, (Command(("true",)),))
    assert wire.lanes(lane, epoch=7) == wire.lanes(lane, epoch=6) == [done(key, 0)]


def test_what_another_job_made_meanwhile_is_not_made_again(wire: Wire) -> None:
    """Its actions, which would fail a second time, count as done, and who comes after goes on."""
    key, path, after = f"shared/{uuid.uuid4()}", f"{wire.folder}/made", f"instance/{uuid.uuid4()}"
    making = Lane(key, (Command(("true",)), Command(("mkdir", "--", path))), unless=path)
    assert wire.lanes(making) == [done(key, 0), done(key, 1)]
    again = wire.lanes(making, Lane(after, (Command(("true",)),), after=(key,)))
    assert again == [done(key, 0), done(key, 1), done(after, 0)]


def test_same_job_runs_once_and_tells_the_same(wire: Wire) -> None:
    key, job = f"instance/{uuid.uuid4()}", str(uuid.uuid4())
    lane = Lane(key, (Command(("mkdir", "--", f"{wire.folder}/once")), Command(("printf", "told"))))
    first = wire.lanes(lane, job=job)
    assert first == [done(key, 0), done(key, 1, 0, b"told")]
    assert wire.lanes(lane, job=job) == first


def test_job_given_up_never_starts(wire: Wire) -> None:
    job = str(uuid.uuid4())
    wire.run(Batch("look", 1, attach=(job,)))
    with pytest.raises(errors.OutcomeUnknown):
        wire.lanes(Lane("instance/late", (Command(("mkdir", "--", f"{wire.folder}/never")),)), job=job)
    assert wire.read("stat", "-c", "%F", "--", f"{wire.folder}/never").code != 0


def test_timeout_ends_a_command(wire: Wire) -> None:
    (record,) = wire.lane(Command(("sleep", "100"), timeout=1), Command(("mkdir", "--", f"{wire.folder}/never")))
    assert record.code == 124
    (read,) = wire.run(Batch("j", 0, reads=(Command(("sleep", "100"), timeout=1),)))
    assert read.code == 124


def test_unknown_program_is_127(wire: Wire) -> None:
    (record,) = wire.lane(Command(("orchestrator-no-such-program",)))
    assert record.code == 127
    assert wire.read("orchestrator-no-such-program").code == 127


def test_trips_are_counted(wire: Wire) -> None:
    before = wire.transport.trips("h1")
    wire.read("true")
    wire.lane(Command(("true",)), Command(("true",)))
    assert wire.transport.trips("h1") == before + 2


def test_empty_batch(wire: Wire) -> None:
    assert wire.run(Batch("nothing", 0)) == ()
