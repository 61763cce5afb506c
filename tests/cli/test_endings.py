"""Every way an invocation can end: the exit code, the words, and never a traceback on the terminal."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import get, output
from orchestrator.model import errors
from tests.cli import world
from tests.cli.world import Operator

USAGE = {
    (): "Usage: orchestrator",
    ("lab",): "Usage: orchestrator lab",
    ("gett",): "orchestrator: no verb 'gett'; did you mean 'get'?; see `orchestrator --help`",
    ("get",): "orchestrator get: Missing argument 'KIND'; see `orchestrator get --help`",
    ("get", "ships"): "no kind 'ships'; kinds are instances, hosts,",
    ("get", "vm", "--frob"): "orchestrator get: No such option '--frob'",
    ("get", "vm", "-o", "xml"): "orchestrator get: Invalid value for '-o'",
    ("get", "flavors", "-l", "n1"): "--limit means nothing to flavors",
    ("get", "vm", "-l", " "): "it takes a pattern of hosts",
    ("-t", "web", "get", "vm"): "orchestrator: --tags means nothing to 'get'",
    ("-e", "a=1", "start", "web-1"): "orchestrator: --var means nothing to 'start'",
    ("apply",): "Missing argument 'FILE...'",
    ("apply", "-f", "0", "site.yaml"): "it takes a whole number, 1 to 1000",
    ("apply", "-f", "many", "site.yaml"): "it takes a whole number, 1 to 1000",
    ("apply", "--wait", "-1", "site.yaml"): "it takes a number of seconds",
    ("apply", "--wait", "nan", "site.yaml"): "it takes a number of seconds",
    ("apply", "--timeout", "4", "site.yaml"): "it takes a number of seconds, 5 to 3600",
    ("apply", "-e", "count", "site.yaml"): "not a variable; write -e name=value",
    ("apply", "-e", "a-b=1", "site.yaml"): "'a-b' cannot be the name of a variable",
    ("apply", "-e", "{count: [}", "site.yaml"): "cannot read the variables",
    ("apply", "-t", ",", "site.yaml"): "it takes tags",
    ("plan", "-o", "yaml", "site.yaml"): "a plan has no form 'yaml'",
    ("start",): "say which instances; give names, or --host HOST, or --all",
    ("start", "web-1", "--all"): "say which instances",
    ("destroy",): "Missing argument 'FILE...|NAME...'",
    ("reboot", "web-1"): "only hard reboots are known",
    ("--state", "nothing://", "get", "vm"): "nothing://",
    ("completion", "tcsh"): "'tcsh' is not one of 'bash', 'zsh', 'fish'",
}
FILES = {
    ("apply", "gone.yaml"): "gone.yaml: cannot read the file: No such file or directory",
    ("apply", "."): "not a regular file",
    ("apply", "empty.yaml"): "empty.yaml:1:1: no plays",
    ("apply", "wrong.yaml"): "wrong.yaml:4:7: unknown key 'flavr'",
    ("apply", "object.json"): "object.json: not a playbook, and not a plan file that this program can read",
    ("apply", "-i", "gone", "site.yaml"): "gone: cannot read the file",
    ("apply", "-e", "@gone", "site.yaml"): "gone: cannot read the file",
    ("apply", "--var-file", "empty.yaml", "site.yaml"): "empty.yaml:1:1: variables are a mapping",
    ("validate", "wrong.yaml"): "did you mean 'flavor'?",
}
NOTHING = {
    ("start", "web-9"): "no instance 'web-9'; see `orchestrator get instances`",
    ("start", "--all"): "there is no instance; see `orchestrator get instances`",
    ("start", "--host", "n9"): "there is no instance on host 'n9'",
    ("apply", "-l", "n9", "site.yaml"): "no host or group 'n9'",
    ("apply", "-l", "n*:!n*", "site.yaml"): "matches no host",
    ("get", "vm", "-l", "n9"): "no host or group 'n9'",
    ("get", "vm", "web-9"): "no instance 'web-9'",
    ("get", "flavor", "big"): "no flavor 'big'; see `orchestrator get flavors`",
    ("describe", "host", "n9"): "no host 'n9'; see `orchestrator get hosts`",
    ("events", "web-9"): "no instance 'web-9'",
    ("logs", "web-9"): "no instance 'web-9'",
    ("graph", "web-9"): "no instance 'web-9'",
    ("destroy", "--yes", "web-9"): "no instance or file 'web-9'",
}
WRONG = "- hosts: compute\n  instances:\n    - name: a\n      flavr: tiny\n"


@pytest.fixture
def files(operator: Operator) -> Operator:
    operator.write("empty.yaml", "")
    operator.write("object.json", '{"a": 1}')
    operator.write("wrong.yaml", WRONG)
    return operator


@pytest.mark.parametrize(("argv", "words"), USAGE.items(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_wrong_usage(operator: Operator, argv: tuple[str, ...], words: str) -> None:
    done = operator(*argv)
    assert (done.code, done.out) == (64, "")
    assert words in done.err
    assert not [host for host in operator.fleet.hosts.values() if host.trips]


@pytest.mark.parametrize(("argv", "words"), FILES.items(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_wrong_files(files: Operator, argv: tuple[str, ...], words: str) -> None:
    done = files(*argv)
    assert (done.code, done.out) == (65, "")
    assert words in done.err
    assert not [host for host in files.fleet.hosts.values() if host.trips]


@pytest.mark.parametrize(("argv", "words"), NOTHING.items(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_what_matches_nothing_is_an_error(operator: Operator, argv: tuple[str, ...], words: str) -> None:
    done = operator(*argv)
    assert (done.code, done.out) == (1, "")
    assert words in done.err


def test_every_error_of_a_file_at_once_a_line_each(operator: Operator) -> None:
    operator.write(
        "wrong.yaml", "- hosts: compute\n  instances:\n    - {name: a, flavor: x, image: y}\n    - {name: a b, flavor: x, image: y}\n"
    )
    lines = operator("validate", "wrong.yaml").err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("wrong.yaml:") for line in lines)


def test_no_inventory(operator: Operator) -> None:
    (operator.folder / "inventory").unlink()
    done = operator("apply", "site.yaml")
    assert (done.code, "no inventory; give one with -i" in done.err) == (64, True)
    assert operator.ok("get", "hosts", "-o", "json").json == []


def test_a_store_that_is_none(operator: Operator) -> None:
    for text in ("", "not a database, by no means, whatever it is called"):
        assert operator("get", "vm", "--state", operator.write("state.db", text)).code == 1
    sqlite3.connect(operator.folder / "other.db").execute("CREATE TABLE t (x)")
    assert "a database of something else" in operator("--state", "other.db", "get", "vm").err
    assert operator("--state", ".", "get", "vm").code == 1


def test_another_run_holds_the_instance(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    wiring = world.Wired(world.Interruption(""), operator.fleet, operator.ids)
    run = wiring.store.begin("apply", ["web-1"])
    try:
        done = operator("stop", "web-1")
        assert (done.code, f"pid {os.getpid()}" in done.err) == (75, True)
        assert operator.ok("stop", "web-2").code == 0
        assert operator("stop", "web-1", "--wait", "5").code == 75
    finally:
        wiring.store.finish(run, "ok", "")
        wiring.close()


def test_what_nobody_thought_of_is_one_line_and_a_file(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("deep down\nsecond line")

    monkeypatch.setattr(output, "table", broken)
    done = operator("get", "vm")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith("internal error: ZeroDivisionError: deep down")
    file = Path(line.split("details are in ")[1])
    assert file.parent == operator.folder / ".local/state/orchestrator"
    assert "Traceback" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory; details"),
        (OSError(24, "Too many open files"), "the system refuses: Too many open files; details"),
        (RecursionError("maximum recursion depth exceeded"), "internal error: RecursionError"),
        (errors.OrchestratorError("a\x1b[2Jb", why="c\nd"), "a\\x1b[2Jb: c"),
    ],
)
def test_what_the_system_refuses(operator: Operator, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(get.chosen, "check", broken)
    done = operator("get", "vm")
    assert (done.code, words in done.err) == (1, True), done


def command(*argv: str) -> list[str]:
    return [sys.executable, "-c", "from orchestrator.main import main; main()", *argv]


def test_a_reader_that_has_seen_enough(operator: Operator) -> None:
    names = operator.write("hosts", "\n".join(f"host{number}" for number in range(20_000)))
    first = subprocess.Popen(
        command("inventory", "list", "-i", names),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=world.environment(operator.folder),
    )
    assert first.stdout is not None
    assert first.stderr is not None
    assert first.stdout.readline().startswith("NAME")
    first.stdout.close()
    said = first.stderr.read()
    assert (first.wait(60), said) == (141, "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_no_room_for_the_answer(operator: Operator, stream: str) -> None:
    with Path("/dev/full").open("w") as full:
        files = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        argv = ("version",) if stream == "stdout" else ("get", "ships")
        done = subprocess.run(command(*argv), **files, env=world.environment(operator.folder), text=True, timeout=60)  # type: ignore[call-overload]
    assert done.returncode == (1 if stream == "stdout" else 64)
    if stream == "stdout":
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(operator: Operator, closed: str) -> None:
    script = f'"$@" {closed}'
    done = subprocess.run(["/bin/sh", "-c", script, "sh", *command("version")], env=world.environment(operator.folder), timeout=60)
    assert done.returncode == 0


def test_no_home(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    done = operator("get", "vm")
    assert (done.code, done.err) == (64, "no place for the store: HOME is not set; name one with --state PATH\n")
    assert operator.ok("get", "vm", "--state", "here.db").code == 0


def test_a_working_directory_that_is_gone(operator: Operator) -> None:
    folder = operator.folder / "gone"
    folder.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    environment = world.environment(operator.folder)
    done = subprocess.run(
        ["/bin/sh", "-c", script, str(folder), *command("get", "vm")], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)
