"""Pictures and tables in the pages are those of the code."""

from __future__ import annotations

import configparser
import re

from orchestrator.cli import graph
from orchestrator.states.instance import TABLE
from tests.docs import pages


def test_the_machine_in_the_readme_is_the_one_that_graph_draws() -> None:
    (block,) = pages.blocks(pages.ROOT / "README.md", "mermaid")
    drawn = "".join(f"{line}\n" for line in graph.mermaid(TABLE))
    assert block.text == drawn, "put what `orchestrator graph` prints into README.md"


def test_the_floors_are_those_of_the_contract() -> None:
    settings = configparser.ConfigParser()
    settings.read(pages.ROOT / "setup.cfg")
    layers = settings["importlinter:contract:floors"]["layers"].strip()
    page = pages.ROOT / "docs/architecture.md"
    assert layers in {block.text.strip() for block in pages.blocks(page, "text")}
    rooms = set(re.findall(r"\w+", layers))
    table = pages.prose(page).partition("## The floors")[2].partition("\n## ")[0]
    assert {room for room in rooms if f"[`{room}`]" not in table and f"[`{room}.py`]" not in table} == set()


def test_recovery_tells_the_rows_of_a_hard_reboot() -> None:
    table = pages.prose(pages.ROOT / "docs/recovery.md").partition("## What hard reboot does")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE)
    assert [state for state, _ in rows] == ["rebooting_hard", "reboot_pending_hard", "reboot_started_hard"]
    for state, told in rows:
        steps = {name.partition(".")[2] for name in TABLE.state(state).steps}
        named = set(re.findall(r"`(\w+)`", told))
        assert named <= steps
        assert steps - named <= {"make_ephemeral_base", "make_swap_base"}, "told as `bases`"
