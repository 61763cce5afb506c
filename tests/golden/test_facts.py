"""What real tools answered, and the facts it means. The answers were captured on a practice host (capture.py), one file a case."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import facts as room
from orchestrator.commands.command import Record
from orchestrator.facts import gather
from orchestrator.model import errors

FOLDER = Path(__file__).parent / "facts"
CASES = sorted(FOLDER.glob("*/*.json"))
KINDS = {module.name for module in pkgutil.iter_modules(room.__path__)} - {"gather", "seen"}


def key_of(case: Path, fields: list[str]) -> gather.Key:
    module = __import__(f"orchestrator.facts.{case.parent.name}", fromlist=["Key"])
    kind, rest = (fields[0][:-1], fields[1:]) if fields and fields[0].endswith(":") else ("Key", fields)
    key: gather.Key = getattr(module, kind)(*rest)
    return key


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_answers_mean_these_facts(case: Path, golden: Callable[[str, str], None]) -> None:
    found = json.loads(case.read_text())
    keys = [key_of(case, fields) for fields in found["keys"]]
    commands = gather.commands(keys)
    assert [list(command.argv) for command in commands] == [record["argv"] for record in found["records"]], "captured with other commands"
    records = [
        Record("", index, "done", record["code"], "\n".join(record["output"]).encode(), "\n".join(record["error"]))
        for index, record in enumerate(found["records"])
    ]
    try:
        facts = gather.parse(keys, records)
        text = "".join(f"{key!r}\n  {facts[key]!r}\n" for key in keys)
    except errors.HostError as error:
        text = f"HostError: {error}\n"
    golden(f"facts/{case.parent.name}/{case.stem}.txt", text)


def test_every_kind_of_fact_has_a_case() -> None:
    assert {case.parent.name for case in CASES} == KINDS
