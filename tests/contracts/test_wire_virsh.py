"""A lane's virsh commands, told one after the other to a single virsh: each ends as if it had one of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.commands import script, session, stream
from orchestrator.commands.command import Batch, Command, Lane, Record
from tests.contracts import wires

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="jobs change hosts as root")

STUB = """#!/bin/dash
# Told lines as virsh without a terminal is: {echo} what it reads, complains of what it does not know. Each of its kind leaves a line in `started`.
echo "$$" >>@HERE@/started
[ "$#" = 3 ] || { [ "$4" = alone ]; exit; }
while printf 'virsh # '; IFS= read -r line; do
  [ -z "$ECHO" ] || printf '%s\\n' "$line"
  echo "$line" >>@HERE@/told
  case $line in
  good*) ;;
  bad) echo 'error: it is bad' >&2 ;;
  hangs) exec sleep 60 ;;
  stays) trap '' TERM; while :; do sleep 0.1; done ;;
  dies) echo 'error: Disconnected' >&2; exit 1 ;;
  *) echo "error: unknown command: '$line'" >&2 ;;
  esac
done
"""
Run = Callable[..., list[Record]]


@pytest.fixture(params=["dash", "bash", "busybox", "dash, no echo"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a lane with this shell, where virsh is STUB."""
    shell, _, quiet = request.param.partition(", ")
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    (tmp_path / "sh").symlink_to(str(shutil.which(shell)))
    (tmp_path / "virsh").write_text(STUB.replace("@HERE@", str(tmp_path)))
    (tmp_path / "virsh").chmod(0o755)
    return lambda *actions: told(actions, {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ECHO": "" if quiet else "1"})


def told(actions: tuple[Command, ...], env: dict[str, str]) -> list[Record]:
    """What became of a lane, run by this machine's `sh`."""
    batch = Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), actions),))
    made = script.compose(batch, uuid.uuid4().hex)
    done = subprocess.run(["sh", "-c", session.BOOTSTRAP], env=env, input=made.text, capture_output=True, check=True, timeout=30)  # noqa: S607 - PATH says which
    heard = stream.Stream(batch, made.marker)
    records = heard.feed(done.stdout)
    assert heard.ended, done.stdout
    assert not heard.refused, heard.refused
    return records


def virsh(*words: str, accepts: tuple[int, ...] = (0,), timeout: int = 30, otherwise: tuple[str, ...] = ()) -> Command:
    return Command(("virsh", "-q", "-c", "qemu:///system", *words), accepts=accepts, timeout=timeout, otherwise=otherwise)


def codes(records: list[Record]) -> list[int]:
    return [record.code for record in records]


def test_one_process_is_told_all_of_them(run: Run, tmp_path: Path) -> None:
    heard = run(virsh("good", "it's a 'path'"), Command(("printf", "x")), virsh("good"), virsh("bad", accepts=(0, 1)), virsh("good"))
    assert codes(heard) == [0, 0, 0, 1, 0]
    assert [record.output for record in heard] == [b"", b"x", b"", b"error: it is bad\n", b""]
    assert gone(tmp_path) == 1
    told = (tmp_path / "told").read_text().splitlines()
    assert told[::2] == ["""good 'it'"'"'s a '"'"'path'"'"''""", "good", "bad", "good"]


def test_what_fails_ends_the_lane(run: Run, tmp_path: Path) -> None:
    heard = run(virsh("good"), virsh("bad"), virsh("good"))
    assert codes(heard) == [0, 1]
    assert b"error: it is bad" in heard[1].output
    assert "good" not in (tmp_path / "told").read_text().splitlines()[2:]


def test_one_that_does_not_answer_has_its_time(run: Run, tmp_path: Path) -> None:
    heard = run(virsh("good"), virsh("hangs", timeout=1, accepts=(124,)), virsh("good"))
    assert codes(heard) == [0, 124, 0], "another virsh is told what comes then"
    assert gone(tmp_path) == 2


@pytest.mark.parametrize("run", ["dash"], indirect=True)
def test_one_that_does_not_want_to_end_is_killed(run: Run, tmp_path: Path) -> None:
    assert codes(run(virsh("good"), virsh("stays", timeout=1))) == [0, 124]
    assert gone(tmp_path) == 1


def gone(folder: Path) -> int:
    """How many there were, once none is left."""
    started = (folder / "started").read_text().split()
    wires.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), 6)
    return len(started)


def test_one_that_dies_is_a_failure(run: Run) -> None:
    heard = run(virsh("good"), virsh("dies"))
    assert codes(heard) == [0, 1]
    assert b"error: Disconnected" in heard[1].output


def test_what_comes_otherwise_has_the_last_word(run: Run) -> None:
    well, ill = ("sh", "-c", "echo well"), ("sh", "-c", "echo ill; exit 3")
    heard = run(
        virsh("bad", otherwise=well), virsh("good", otherwise=ill), Command(("false",), otherwise=well), virsh("bad", otherwise=ill)
    )
    assert codes(heard) == [0, 0, 0, 3]
    assert [record.output.splitlines()[-1:] for record in heard] == [[b"well"], [], [b"well"], [b"ill"]]


def test_a_real_virsh(tmp_path: Path) -> None:
    """libvirt's own test driver forgets everything with its process."""
    if not shutil.which("virsh"):
        pytest.skip("no virsh here")
    test = ("virsh", "-q", "-c", "test:///default")
    long = tmp_path / ("long " * 40)
    actions = (
        Command((*test, "destroy", "--domain", "test")),
        Command((*test, "destroy", "--domain", "test"), accepts=(1,)),
        Command((*test, "define", "--file", str(long)), accepts=(1,)),
        Command((*test, "domstate", "--domain", "test")),
    )
    heard = told(actions, dict(os.environ))
    assert codes(heard) == [0, 1, 1, 0]
    assert [record.output for record in heard[::3]] == [b"", b"shut off\n"], "without its prompts"
    assert b"domain is not running" in heard[1].output
    assert str(long).encode() in heard[2].output
