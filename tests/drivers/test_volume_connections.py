"""What is left of a connection that fails, by the real shell; and what the rbd command's ends mean."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.commands.command import Record
from orchestrator.facts import rbd
from orchestrator.model import errors
from orchestrator.states.steps.block_device_mapping import connections

IQN = "iqn.2010-10.org.openstack:volume-1"
ISCSIADM = """#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in *--login*) exit "$LOGIN_CODE";; *--logout*|*delete*) echo noise; exit 21;; esac
"""


@pytest.fixture
def initiator(tmp_path: Path) -> Path:
    """A folder whose `iscsiadm` writes down what it is asked; `sleep` takes no time."""
    for name, text in (("iscsiadm", ISCSIADM), ("sleep", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def login(folder: Path, code: int) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """How a login ends, and what iscsiadm was asked."""
    words = (IQN, "192.0.2.1:3260", "user", str(folder / "no-device"))
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "LOG": str(folder / "log"), "LOGIN_CODE": str(code)}
    argv = ("sh", "-c", connections.LOGIN, "log-in", *words)
    done = subprocess.run(argv, input="word", text=True, capture_output=True, env=environment, check=False)
    return done, [line.rpartition("3260 ")[2] for line in (folder / "log").read_text().splitlines()]


@pytest.mark.parametrize(("code", "ends", "says"), [(24, 24, ""), (0, 1, "does not appear"), (15, 1, "does not appear")])
def test_a_login_that_fails_leaves_no_session(initiator: Path, code: int, ends: int, says: str) -> None:
    done, asked = login(initiator, code)
    assert (done.returncode, asked) == (ends, ["-o new", "--login", "--logout", "-o delete"])
    assert says in done.stderr
    assert "noise" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "rbd: error opening pool 'volumes': (2) No such file or directory",
        "did not load config file, default settings are used; unable to find a keyring: (2) No such file or directory",
        "rbd: couldn't connect to the cluster!",
        "",
    ],
)
def test_only_an_image_that_is_not_there_is_absent(text: str) -> None:
    key = rbd.Key("volumes/volume-1")
    absent = Record("", 0, code=2, error="rbd: error opening image volume-1: (2) No such file or directory\n")
    assert rbd.parse([key], [absent]) == {key: None}
    with pytest.raises(errors.HostError, match="rbd image volumes/volume-1"):
        rbd.parse([key], [Record("", 0, code=2, error=text)])
