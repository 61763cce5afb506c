"""Reads in one shell: each answers as if it had been alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from orchestrator.commands import command, script, session, stream
from orchestrator.commands.command import Batch, Command, Record

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def env(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Where `sh` is this shell."""
    (tmp_path / "sh").symlink_to(str(shutil.which(request.param)))
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def sh(text: str, *words: str) -> Command:
    return Command(("sh", "-c", text, "name", *words))


def told(env: dict[str, str], *reads: Command) -> list[Record]:
    """What they say, run by this machine's `sh`."""
    batch = Batch(str(uuid.uuid4()), 1, reads=reads)
    made = script.compose(batch, uuid.uuid4().hex)
    done = subprocess.run(["sh", "-c", session.BOOTSTRAP], env=env, input=made.text, capture_output=True, check=True, timeout=30)  # noqa: S607 - PATH says which
    heard = stream.Stream(batch, made.marker)
    heard.feed(done.stdout)
    assert heard.ended, done.stdout
    return heard.reads


def test_each_ends_as_it_would_alone(env: dict[str, str]) -> None:
    reads = (
        sh('printf "%s|" "$#" "$@"; n=5 m=6; cd /tmp; get() { :; }; set -u; echo "it has ended ill" >&2; exit 3', "it's", "two\nlines", ""),
        sh('echo "$#${n-} $PWD ${LC_ALL}"; cat; unset nothing; exec printf "%s" "no newline"'),
        Command(("printf", r"\377\000%s", "a")),
        sh('f() { return 4; }; for each in 1 2; do echo "$each"; done | while read -r each; do echo "<$each>"; done; f'),
        Command(("ls", "/nowhere")),
        sh("kill -9 $(sh -c 'echo $PPID') 2>/dev/null; :"),
        sh('echo "last $m"'),
    )
    together = told(env, *reads)
    alone = [told(env, read)[0] for read in reads[:-2]]
    assert [(each.code, each.output, each.error) for each in together[:-2]] == [(each.code, each.output, each.error) for each in alone]
    assert together[0].output == b"3|it's|two\nlines||"
    assert together[-1].code == 0
    assert len(together) == len(reads)


def test_one_that_hangs_leaves_the_others_their_time(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LIMIT", 1)
    reads = [Command(("sh", "-c", text), timeout=1) for text in ("echo one", "echo two; sleep 5; echo never", "echo three")]
    found = told(env, *reads)
    assert [each.output for each in found] == [b"one\n", b"two\n", b"three\n"]
    assert (found[0].code, found[2].code) == (0, 0)
    assert found[1].code in (124, 143)


def test_what_has_a_limit_of_its_own_has_a_process_of_its_own(env: dict[str, str]) -> None:
    if Path(str(shutil.which("sh", path=env["PATH"]))).readlink().name == "busybox":
        pytest.skip("its timeout may not be given several")
    found = told(env, sh("echo $$"), sh("echo $$"), Command(("sh", "-c", "echo $$"), timeout=30), sh("echo $$"), sh("echo $$"))
    first, second, alone, *others = (each.output for each in found)
    assert first == second
    assert others[0] == others[1]
    assert len({first, alone, others[0]}) == 3


def test_more_than_one_argument_holds_is_read_too(env: dict[str, str]) -> None:
    words = ["x" * 1000] * 200
    found = told(env, *(sh('echo "$#"', *words) for _ in range(2)))
    assert [each.output for each in found] == [b"200\n"] * 2


def test_who_let_one_wait_in_vain_is_asked_no_more(env: dict[str, str], tmp_path: Path) -> None:
    """A daemon that hangs takes the time of one read, not of each; what others are asked is asked."""

    def ask(whom: str, text: str) -> Command:
        return Command(("sh", "-c", f"{text}; echo {whom} >>{tmp_path}/asked"), timeout=1, asks=whom)

    found = told(
        env, ask("well", ":"), ask("libvirt", "sleep 9"), sh("echo beside"), ask("libvirt", ":"), ask("well", ":"), ask("libvirt", ":")
    )
    assert [each.code == 0 for each in found] == [True, False, True, False, True, False]
    assert [each.code for each in found[3::2]] == [124, 124]
    assert found[3].error == "libvirt was asked before, and did not answer in time"
    assert found[2].output == b"beside\n"
    assert (tmp_path / "asked").read_text() == "well\nwell\n"
