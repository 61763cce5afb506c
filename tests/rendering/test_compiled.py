"""Compiled templates are kept, and nothing depends on them."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from orchestrator.rendering import compiled


@pytest.fixture(autouse=True)
def writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)


def rendered(folder: Path, text: str) -> str:
    kept = compiled.Beside()
    kept.directory = str(folder)
    return jinja2.Environment(autoescape=True, loader=jinja2.DictLoader({"t": text}), bytecode_cache=kept).get_template("t").render()


def test_another_text_is_another_template(tmp_path: Path) -> None:
    assert (rendered(tmp_path, "{{ 1 + 1 }}"), len(list(tmp_path.iterdir()))) == ("2", 1)
    assert (rendered(tmp_path, "{{ 1 + 1 }}"), rendered(tmp_path, "{{ 1 + 2 }}")) == ("2", "3")


def test_what_was_damaged_is_made_anew(tmp_path: Path) -> None:
    rendered(tmp_path, "{{ 1 + 1 }}")
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-9])
    assert rendered(tmp_path, "{{ 1 + 1 }}") == "2"


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert rendered(tmp_path / "file" / "folder", "{{ 1 + 1 }}") == "2"
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    rendered(tmp_path, "{{ 1 + 1 }}")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
