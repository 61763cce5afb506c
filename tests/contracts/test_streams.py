"""A command's stdin and stdout beside the batches: over SSH and here, for as long as it is wanted, and not beyond."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.commands.command import Batch, Command
from orchestrator.connections import choose, events
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.ports.events import Heard
from tests.contracts import wires


@pytest.fixture
def transport() -> Iterator[choose.ChosenTransport]:
    made = choose.ChosenTransport()
    yield made
    made.close()


def read(far: events.Far, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += far.recv(size - len(found))
    return found


def test_what_is_sent_comes_back_and_batches_go_on_beside_it(host: Host, transport: choose.ChosenTransport) -> None:
    with transport.stream(host, ("cat",)) as far:
        data = bytes(range(256)) * 100
        rest = data
        while rest:
            rest = rest[far.send(rest) :]
        assert read(far, len(data)) == data
        (record,) = transport.run(host, Batch("beside", 0, reads=(Command(("echo", "beside")),)), wires.ignore)
        assert record.output == b"beside\n"
    assert transport.trips(host.name) == 1, "a stream is no round trip"


def test_the_command_ends_with_the_block(host: Host, transport: choose.ChosenTransport, tmp_path: Path) -> None:
    mark = str(tmp_path / "ended")
    with transport.stream(host, ("sh", "-c", 'cat; : >"$1"', "sh", mark)):
        assert not Path(mark).exists()
    wires.until(Path(mark).exists)


def test_its_end_there_is_seen(host: Host, transport: choose.ChosenTransport) -> None:
    with transport.stream(host, ("true",)) as far:
        assert far.recv(1) == b""


def test_a_host_that_is_not_there_is_unreachable(transport: choose.ChosenTransport) -> None:
    with pytest.raises(errors.Unreachable), transport.stream(Host("gone", "127.0.0.1", port=1, user="root"), ("cat",)):
        pass


def test_what_leads_nowhere_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that ends at once, as where there is no libvirt; then one that says nothing."""
    pytest.importorskip("libvirt")
    monkeypatch.setattr(events, "PAUSE", 0.05)
    local = choose.ChosenTransport()
    commands = iter([("true",), ("sleep", "60")])

    def stream(host: Host, argv: Sequence[str]) -> contextlib.AbstractContextManager[events.Far]:
        return local.stream(host, next(commands, ("true",)))

    heard: list[Heard] = []
    made = events.LibvirtEvents(stream, silence=1.0)
    made.listen(Host("here", "127.0.0.1", connection="local"), heard.append)
    wires.until(lambda: len(heard) >= 3)
    made.close()
    assert {each.kind for each in heard} == {"lost"}
    assert all(each.detail for each in heard)
