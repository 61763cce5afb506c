"""Playbooks and inventories in the pages load as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.files import inventory, playbook
from orchestrator.model.host import Inventory
from tests.docs import pages
from tests.playbook import samples

NAMES = ("README.md", "docs/tutorial.md", "docs/playbook.md", "docs/hardware.md", "docs/inventory.md")
EXAMPLES = [(name, block.text) for name in NAMES for block in pages.blocks(pages.ROOT / name, "yaml")]
PLAYBOOKS = [example for example in EXAMPLES if re.search(r"^- ", example[1], re.MULTILINE)]
INVENTORIES = [example for example in EXAMPLES if re.search(r"^all:$", example[1], re.MULTILINE)]
INSTANCES = {"README.md": 3, "docs/tutorial.md": 3, "docs/playbook.md": 3, "docs/hardware.md": 1}
"""In a page's first playbook, the one that can be applied; those after it show one kind of entry each."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def load(text: str, hosts: Inventory, folder: Path) -> int:
    """How many instances the playbook has; the files that it names are there."""
    for pattern, content in ((r"source: ([^\s,}]+)", samples.Qcow2().content()), (r"_file: ([^\s,}]+)", samples.KEY.encode())):
        for name in re.findall(pattern, text):
            file = folder / Path(name.replace("~", str(folder)))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    (folder / "site.yaml").write_text(text)
    return len(playbook.load([folder / "site.yaml"], hosts, {}).instances)


def test_every_example_is_one_or_the_other() -> None:
    assert {name for name, _ in EXAMPLES} == set(NAMES)
    assert sorted(PLAYBOOKS + INVENTORIES) == sorted(EXAMPLES)


@pytest.mark.parametrize(("name", "text"), PLAYBOOKS, ids=[name for name, _ in PLAYBOOKS])
def test_a_playbook_loads(name: str, text: str, tmp_path: Path) -> None:
    found = load(text, samples.INVENTORY, tmp_path)
    first = next(example for page, example in PLAYBOOKS if page == name)
    assert found == INSTANCES[name] or (name == "docs/playbook.md" and text != first)


@pytest.mark.parametrize(("name", "text"), INVENTORIES, ids=[name for name, _ in INVENTORIES])
def test_an_inventory_loads(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text(text)
    assert inventory.load([str(tmp_path / "hosts.yaml")]).groups["compute"]


def test_the_two_of_the_readme_fit_together(tmp_path: Path) -> None:
    """Its hosts offer the physical networks that its playbook asks for."""
    (hosts,) = (text for name, text in INVENTORIES if name == "README.md")
    (tmp_path / "hosts.yaml").write_text(hosts)
    found = inventory.load([str(tmp_path / "hosts.yaml")])
    (wished,) = (text for name, text in PLAYBOOKS if name == "README.md")
    assert load(wished, found, tmp_path) == 3
    (network,) = playbook.load([tmp_path / "site.yaml"], found, {}).networks.values()
    assert all(network.physical_network in host.physical_networks for host in found.hosts.values())
