"""The inventory door: shapes of its output, and that it shows no secret."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import inventory as door
from orchestrator.cli import yaml_text
from orchestrator.files import inventory, yaml

ROOT = Path(__file__).parents[2]
ANSIBLE = sorted((ROOT / "tests/golden/inventory/ansible").glob("*.json"))


def run(sources: list[str], *arguments: str) -> Result:
    wiring = SimpleNamespace(inventory=lambda: inventory.load(sources))
    return CliRunner().invoke(door.inventory, arguments, obj=wiring)


@pytest.mark.parametrize("case", ANSIBLE, ids=lambda case: case.stem)
def test_graph_and_list_are_ansibles(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    golden = json.loads(case.read_text())
    graph = run(golden["sources"], "graph").output.splitlines()
    assert graph == golden["graph"]
    listed = json.loads(run(golden["sources"], "list", "-o", "json").stdout)
    assert listed.pop("schema_version") == 1
    assert listed == golden["list"]


def test_yaml_says_the_same_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sources = ["inventory/production", "inventory/datacentre.ini"]
    as_yaml = yaml.plain(yaml.load(run(sources, "list", "-o", "yaml").stdout, "stdout"))
    assert as_yaml == json.loads(run(sources, "list", "-o", "json").stdout)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "x",
        [[], {}, [1, [2]]],
        {"a": [{"b": None, "c": "no"}, "- x"], "~": "a: b #c", "": "1"},
        ["é\n\x07", {"k": {"l": [True, 1.5]}}],
    ],
)
def test_yaml_text_is_read_back(value: object) -> None:
    text = yaml_text.dump(value)
    if "\\u0007" not in text:  # which YAML can say, and our own reader refuses
        assert yaml.plain(yaml.load(text, "f")) == value


def test_names_and_table() -> None:
    assert run(["b,a:2222,"], "list", "-o", "name").output.split() == ["b", "a"]
    table = run(["b,a:2222,"], "list").output.splitlines()
    assert table[0].split() == list(door.COLUMNS)
    assert table[2].split() == ["a", "a", "2222", "-", "ssh", "nova", "ungrouped"]


def test_secrets_are_masked(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a ansible_password=hunter2 api_token=hunter2 nested=\"{'db_passwd': 'hunter2', 'user': 'me'}\"\n")
    for output in ("json", "yaml", "table", "name"):
        assert "hunter2" not in run([str(tmp_path / "hosts")], "list", "-o", output).output
    assert '"user": "me"' in run([str(tmp_path / "hosts")], "list", "-o", "json").output


def test_unknown_group() -> None:
    assert "no group 'web'" in run(["a,"], "graph", "web").output
