"""The page on scheduling has every filter, weigher and option, and its example goes where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.cli import scheduler_options
from orchestrator.files import inventory, playbook, settings
from orchestrator.model.host import Capacity
from orchestrator.model.scheduler import FILTERS, MULTIPLIERS, Options
from orchestrator.ports.store import Snapshot
from orchestrator.scheduling import capabilities, extra_specs, filters, place, prefilters, rooms, weighers
from tests.docs import pages
from tests.playbook import samples
from tests.samples import instances
from tests.scheduling.samples import host

PAGE = pages.ROOT / "docs/scheduling.md"
ROW = re.compile(r"^\| `?([^`|]+?)`?(?: \*)? \|(.*)\|$", re.MULTILINE)


def rows(heading: str) -> dict[str, str]:
    """The section's table: first cell, without its marks -> the others."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {name: rest for name, rest in ROW.findall(section) if not set(name) <= set("- ")}


def test_every_filter_is_told_of() -> None:
    told = rows("Filters")
    del told["filter"]
    assert set(told) == set(rooms.names(filters))
    assert re.findall(r"^\| `(\w+)` \* \|", PAGE.read_text(), re.MULTILINE) == list(FILTERS)


def test_every_weigher_is_told_of_with_its_multiplier() -> None:
    found = {each.NAME: f"`{each.MULTIPLIER}` | {scheduler_options.default(each.MULTIPLIER)}" for each in rooms.weighers_of(Options())}
    told = rows("Weighers")
    del told["weigher"]
    assert set(told) == set(rooms.names(weighers)) == set(found)
    assert {name: rest.partition(" | ")[2].strip() for name, rest in told.items()} == found


def test_everything_else_is_named() -> None:
    text = PAGE.read_text()
    options = set(Options.__struct_fields__) - {"multipliers", "host_subset_size", "shuffle_best_same_weighed_hosts"}
    words = {*options, *MULTIPLIERS, *extra_specs.OPERATORS, *capabilities.of(host())}
    assert {word for word in words if f"`{word}`" not in text} == set()
    assert {name for name in rooms.names(prefilters) if name not in rows("What must be there")} == set()


def test_the_example_goes_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = {block.text.splitlines()[0]: block.text for block in pages.blocks(PAGE, "yaml")}
    for name in ("hosts.yaml", "orchestrator.yaml", "site.yaml"):
        (tmp_path / name).write_text(blocks[f"# {name}"])
    (tmp_path / "disk.qcow2").write_bytes(samples.Qcow2().content())
    hosts = inventory.load([str(tmp_path / "hosts.yaml")])
    wished = playbook.load([tmp_path / "site.yaml"], hosts, {})
    said = settings.read(tmp_path / "orchestrator.yaml")
    words = {name.removeprefix(scheduler_options.PREFIX): each for name, each in said.items()}
    options = scheduler_options.options({name: scheduler_options.read(name, *each) for name, each in words.items()})
    seen = Capacity("machine", "boot", 4, 8192, 100, 100, "kvm", arch="x86_64")
    sites = [place.Site(each, {}, seen) for each in hosts.hosts.values()]
    made, refused = place.place(tuple(wished.instances.values()), wished, sites, instances.LINEAGE, Snapshot((), 1, {}), options=options)
    found = {each.instance.name: each.instance.host for each in made} | {each.request.name: "nowhere" for each in refused}
    told = {name: rest.split("|")[0].strip() for name, rest in rows("An example").items() if name != "instance"}
    assert found == told
