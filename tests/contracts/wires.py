"""What the tests of the wire share: batches in a word, controllers that can be killed, waiting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from orchestrator.commands.command import Batch, Command, Lane, Record
from orchestrator.model.host import Host
from orchestrator.ports.transport import Transport

RUN = Path("/run/orchestrator")
JOURNAL = Path("/var/log/orchestrator/journal.log")

CLIENT = """
import json, sys
from orchestrator.commands.command import Batch, Command, Lane, Transfer
from orchestrator.connections import choose
from orchestrator.model.host import Host
given = json.load(sys.stdin)
actions = tuple(Transfer(**words) if "source" in words else Command(tuple(words["argv"])) for words in given["actions"])
batch = Batch(given["job"], 1, (Lane(given["key"], actions),))
choose.ChosenTransport().run(Host(**given["host"]), batch, lambda record: print(record.index, flush=True))
"""


def unique(kind: str = "instance") -> str:
    return f"{kind}/{uuid.uuid4()}"


def ignore(record: Record) -> None:
    """Records nobody asks for."""


def sh(text: str, *words: str, timeout: int = 60) -> Command:
    return Command(("sh", "-c", text, "sh", *words), timeout=timeout)


def until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def client(host: Host, job: str, *actions: dict[str, object]) -> subprocess.Popen[str]:
    """A controller of its own, so that it can be killed. Its first line comes with the first record."""
    words = {
        name: value
        for name, value in msgspec.to_builtins(host).items()
        if name in ("name", "address", "port", "user", "connection", "ssh_options")
    }
    given = {"host": {**words, "private_key_file": host.private_key_file}, "job": job, "key": unique(), "actions": actions}
    process = subprocess.Popen([sys.executable, "-c", CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    return process


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def records(transport: Transport, host: Host, *lanes: Lane) -> list[Record]:
    heard: list[Record] = []
    transport.run(host, Batch(str(uuid.uuid4()), 1, lanes), heard.append)
    return heard
