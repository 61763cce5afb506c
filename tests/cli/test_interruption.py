"""Ctrl-C and SIGTERM: a safe point first, at once when asked twice, nothing lost, and how to go on is said."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.cli.interruption import again
from tests.cli import world

ROOT = Path(__file__).parents[2]


class Controller:
    """The command in a process of its own; its hosts and store are in a folder."""

    def __init__(self, folder: Path) -> None:
        world.settle(folder)
        self.folder = folder
        self.environment = {**world.environment(folder), "FLEET": str(folder / "fleet"), "PYTHONPATH": str(ROOT)}

    def start(self, *argv: str, slow: float = 0.0, grace: float = 10.0) -> subprocess.Popen[str]:
        environment = {**self.environment, "SLOW": str(slow), "GRACE": str(grace)}
        command = [sys.executable, "-m", "tests.cli.slow", *argv]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True)

    def run(self, *argv: str) -> tuple[int, str, str]:
        process = self.start(*argv)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def begun(self) -> None:
        """Wait until a host has begun something."""
        mark = self.folder / "fleet" / "begun"
        deadline = time.monotonic() + 60
        while not mark.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")])
def test_once_waits_for_a_safe_point(controller: Controller, number: signal.Signals, code: int, word: str) -> None:
    process = controller.start("apply", "site.yaml", "-e", "db_password=hunter2", "-f", "1", slow=0.05)
    controller.begun()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "stopping: what runs on the hosts gets 10 s to end" in err
    assert "hunter2" not in err
    assert err.splitlines()[-1] == f"{word}; resume with: orchestrator apply site.yaml -e db_password=... -f 1"
    _, states, _ = controller.run("get", "vm")
    assert "ERROR" not in states
    assert "ACTIVE" in states, "what was begun came to its end"
    assert "BUILDING" in states, "the other host was not begun with"
    _, runs, _ = controller.run("get", "runs")
    assert "interrupted" in runs
    done, _, err = controller.run("apply", "site.yaml")
    assert (done, err.splitlines()[-1]) == (0, "1 changed, 2 unchanged, 0 failed")


def test_too_late_to_keep_anything_from_being_done(controller: Controller) -> None:
    process = controller.start("apply", "site.yaml", "-e", "count=1", slow=0.05)
    controller.begun()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-2:] == [
        "1 changed, 0 unchanged, 0 failed",
        "interrupted, but everything was done all the same: nothing is left to resume",
    ]
    _, runs, _ = controller.run("get", "runs", "-o", "json")
    assert [run["status"] for run in json.loads(runs)] == ["ok"]
    done, _, err = controller.run("apply", "site.yaml", "-e", "count=1")
    assert (done, err.splitlines()[-1]) == (0, "0 changed, 1 unchanged, 0 failed")


def test_twice_ends_at_once_and_loses_nothing(controller: Controller) -> None:
    process = controller.start("apply", "site.yaml", slow=3600)
    controller.begun()
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted; resume with: orchestrator apply site.yaml"
    done, _, err = controller.run("apply", "site.yaml")
    assert (done, err.splitlines()[-1]) == (0, "3 changed, 0 unchanged, 0 failed")


def test_what_takes_too_long_is_not_waited_for(controller: Controller) -> None:
    process = controller.start("apply", "site.yaml", slow=3600, grace=0.2)
    controller.begun()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "terminated; resume with" in err
    done, _, err = controller.run("apply", "site.yaml")
    assert (done, err.splitlines()[-1]) == (0, "3 changed, 0 unchanged, 0 failed")


def test_a_plan_file_is_stale_after_an_interruption_so_its_playbooks_are_named(controller: Controller) -> None:
    assert controller.run("plan", "site.yaml", "-o", "site.plan", "-t", "web")[0] == 0
    process = controller.start("apply", "site.plan", "-f", "1", slow=0.05)
    controller.begun()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    folder = controller.folder
    assert err.splitlines()[-1].endswith(f"resume with: orchestrator apply -i {folder}/inventory -t web {folder}/site.yaml")


def test_a_terminal_is_asked_and_shown_a_live_view(controller: Controller) -> None:
    code, shown = on_terminal(controller, ["apply", "site.yaml"], b"", slow=0.02)
    assert code == 0
    assert b"web-1" in shown
    assert b"\x1b[?25l" in shown, "the cursor is hidden while the view lives"
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l"), "and comes back"
    assert b"3 changed" in shown
    code, shown = on_terminal(controller, ["destroy", "web-1"], b"n\r")
    assert (code, b"nothing was destroyed" in shown) == (1, True)
    code, shown = on_terminal(controller, ["destroy", "web-1"], b"\x03")
    assert (code, b"interrupted" in shown) == (130, True)
    code, shown = on_terminal(controller, ["destroy", "web-1", "--no-color"], b"y\r")
    assert (code, b"1 changed" in shown, re.findall(rb"\x1b\[[0-9;]*m", shown)) == (0, True, [])


def on_terminal(controller: Controller, argv: list[str], typed: bytes, slow: float = 0.0) -> tuple[int, bytes]:
    """Exit code and all that a terminal showed; `typed` once it asks, and again each second that it does not answer."""
    ours, theirs = pty.openpty()
    environment = {**controller.environment, "SLOW": str(slow), "TERM": "xterm"}
    command = [sys.executable, "-m", "tests.cli.slow", *argv]
    process = subprocess.Popen(
        command, cwd=controller.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=lambda: own(theirs)
    )
    os.close(theirs)
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 1)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
        elif b"[y/N]" in shown:  # and waits by now: Python may sleep through a signal that comes just before it begins to read
            os.write(ours, typed)
    os.close(ours)
    return process.wait(timeout=60), shown


def own(terminal: int) -> None:
    """The terminal becomes the new process's own, so that Ctrl-C reaches it."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["apply", "my file.yaml"], "orchestrator apply 'my file.yaml'"),
        (["apply", "-e", "count=3", "a"], "orchestrator apply -e count=3 a"),
        (["apply", "-e", "db_password=x", "a"], "orchestrator apply -e db_password=... a"),
        (["apply", "-eapi_token=x y", "a"], "orchestrator apply -e... a"),
        (["apply", "--var=user_passwd=x", "a"], "orchestrator apply --var=user_passwd=... a"),
        (["apply", "--var", '{"secret": "x"}', "a"], "orchestrator apply --var ... a"),
        (["apply", "-e", "@vault.yaml", "a"], "orchestrator apply -e @vault.yaml a"),
    ],
)
def test_what_is_to_be_typed_again_holds_no_secret(argv: list[str], shown: str) -> None:
    assert again(argv) == shown
