"""What ansible-core does with serial and its kin, asked of itself: `python -m tests.rolling.generate ANSIBLE_PLAYBOOK` writes ansible.json anew.

ANSIBLE_PLAYBOOK is the program, of a virtual environment of its own: nothing else here needs it. Each case is a play over six hosts, whose one task fails
on some and which are not reached at others, and a play of one host after it.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("ansible.json")
HOSTS = tuple(f"h{number}" for number in range(1, 7))
SERIAL: tuple[Any, ...] = (None, 2, "30%", [1, 2, 3])
WORDS: tuple[dict[str, Any], ...] = (
    {},
    {"max_fail_percentage": 0},
    {"max_fail_percentage": 49},
    {"max_fail_percentage": 50},
    {"any_errors_fatal": True},
)
BROKEN: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("h1",), ()),
    (("h3",), ()),
    (("h3", "h4"), ()),
    (("h1", "h2", "h3"), ()),
    ((), ("h1",)),
    ((), ("h3", "h4")),
    (("h3",), ("h4",)),
)
"""Hosts that fail, and hosts that are not reached."""
TOLD = re.compile(r"(?:PLAY \[(\w+)\]|(changed|fatal): \[(\w+)\](?::? (FAILED|UNREACHABLE))?)")


def cases() -> Iterator[dict[str, Any]]:
    """What is asked."""
    for serial in SERIAL:
        yield {"serial": serial, "failed": [], "unreachable": []}
    yield from ({"serial": serial, "failed": [], "unreachable": []} for serial in (0, "1%", ["20%", 3], [4, "50%"], 7))
    for serial, words, (failed, unreachable) in itertools.product(SERIAL, WORDS, BROKEN):
        yield {"serial": serial, **words, "failed": list(failed), "unreachable": list(unreachable)}


def ask(program: str, case: dict[str, Any]) -> dict[str, Any]:
    """The case with the batches that were begun, what came of each host, and whether the play after it was begun."""
    words = {key: value for key, value in case.items() if key not in ("failed", "unreachable") and value is not None}
    task = {"raw": "exit {{ 1 if inventory_hostname in failed else 0 }}"}
    plays = [
        {"name": "rolling", "hosts": "six", "gather_facts": False, "vars": {"failed": case["failed"]}, **words, "tasks": [task]},
        {"name": "later", "hosts": "seventh", "gather_facts": False, "vars": {"failed": []}, "tasks": [task]},
    ]
    silent = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    hosts = {name: silent if name in case["unreachable"] else {"ansible_connection": "local"} for name in HOSTS}
    inventory = {"six": {"hosts": hosts}, "seventh": {"hosts": {"h7": {"ansible_connection": "local"}}}}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "site.json").write_text(json.dumps(plays))
        Path(folder, "hosts.yaml").write_text(json.dumps({"all": {"children": inventory}}))
        environment = {**os.environ, "HOME": folder, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORKS": "3"}
        argv = [program, "-i", "hosts.yaml", "site.json"]
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return {**case, **_read(done.stdout), "exit_code": done.returncode}


def _read(text: str) -> dict[str, Any]:
    batches: list[dict[str, str]] = []
    later = False
    for play, verdict, host, how in TOLD.findall(text.partition("PLAY RECAP")[0]):
        if play:
            later = play == "later"
            batches += [] if later else [{}]
        elif not later:
            batches[-1][host] = how.lower() if verdict == "fatal" else "changed"
    return {"batches": [dict(sorted(batch.items())) for batch in batches], "later": later}


def main(program: str) -> None:
    """Ask, and write down."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split("\n", 1)[0]
    with futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda case: ask(program, case), cases()))
    lines = ",\n".join(json.dumps(case) for case in found)
    DATA.write_text(f'{{"version": {json.dumps(version)}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(sys.argv[1])
