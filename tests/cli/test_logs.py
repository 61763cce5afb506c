"""The console log, read over a real connection to this very machine."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import main
from orchestrator.cli import logs, run
from orchestrator.cli.interruption import Interruption
from orchestrator.model.decision import Decision
from orchestrator.ports.store import Placement
from tests.cli.world import Operator
from tests.samples import instances


@pytest.fixture
def here(operator: Operator) -> Operator:
    """An instance whose host is this machine, without a guest."""
    operator.write("inventory", "here ansible_connection=local\n")
    wiring = main.Wiring(Interruption(""))
    made = structs.replace(instances.new(1), host="here", directory=str(operator.folder / "web-1"))
    started = wiring.store.begin("apply", ["web-1"])
    wiring.store.place(started, lambda seen: [Placement(made, "active", Decision("n1", "here"))])
    wiring.store.finish(started, "ok", "")
    wiring.close()
    (operator.folder / "web-1").mkdir()
    return operator


def invoke(*argv: str) -> tuple[int, bytes, str]:
    wiring = main.Wiring(Interruption(""))
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.closing(wiring):
        code = run.run(argv, wiring, Interruption(""))
    return code, out.buffer.getvalue(), err.getvalue()  # type: ignore[attr-defined]


def test_every_byte_of_it(here: Operator) -> None:
    content = bytes(range(256)) + b"\nGUEST UP boots=1\nTICK 1\n"
    Path(here.folder, "web-1/console.log").write_bytes(content)
    assert invoke("logs", "web-1") == (0, content, "")
    assert invoke("logs", "-n", "2", "web-1")[1] == b"GUEST UP boots=1\nTICK 1\n"
    assert invoke("logs", "web-1", "-n", "0")[0] == 64


def test_the_last_mebibyte(here: Operator) -> None:
    Path(here.folder, "web-1/console.log").write_bytes(b"a" * 100 + b"b" * (1 << 20))
    assert invoke("logs", "web-1")[1] == b"b" * (1 << 20)


def test_there_is_none(here: Operator) -> None:
    code, out, err = invoke("logs", "web-1")
    assert (code, out) == (1, b"")
    assert f"here: {here.folder}/web-1/console.log: instance 'web-1' has no console log" in err
    assert "there is one once it was started" in err


def test_a_guest_does_not_steer_a_terminal() -> None:
    content = b"\x1b]0;title\x07a\x9bb\xc2\x9bc\r\n\xc3\xa9\td\x7f\re\n"
    assert logs.harmless(content) == "\\x1b]0;title\\x07a\ufffdb\\x9bc\n\xe9\td\\x7f\\re\n"
