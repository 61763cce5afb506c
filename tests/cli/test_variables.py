"""-e and --var-file: Ansible's forms, values that keep their type, and refusals that repeat no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.files import given, yaml
from orchestrator.model import errors
from tests.cli.world import Operator


def plain(*texts: str) -> dict[str, object]:
    return {name: yaml.plain(node) for name, node in given.read(texts).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count=3", {"count": 3}),
        ("name=web", {"name": "web"}),
        ("name=", {"name": None}),
        ("flag=true", {"flag": True}),
        ("version='1.10'", {"version": 1.1}),
        ("a=1 b=two", {"a": 1, "b": "two"}),
        ("a='two words' b=2", {"a": "two words", "b": 2}),
        ("motd=hello you there", {"motd": "hello you there"}),
        ("motd=it's", {"motd": "it's"}),
        ("path=/a=b", {"path": "/a=b"}),
        ("list=[1]", {"list": "[1]"}),
        ("{a: 1, b: [x, 2]}", {"a": 1, "b": ["x", 2]}),
        ('{"a": {"b": null}}', {"a": {"b": None}}),
        ("mac=52:54:00:12:34:56", {"mac": "52:54:00:12:34:56"}),
    ],
)
def test_forms(text: str, expected: dict[str, object]) -> None:
    assert plain(text) == expected


def test_text_stays_as_it_was_written() -> None:
    node = given.read(["version=1.10"])["version"]
    assert isinstance(node, yaml.Scalar)
    assert (node.value, node.text) == (1.1, "1.10")


def test_later_ones_win_and_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "vars.yaml").write_text("a: 2\nb: {c: 3}\n")
    assert plain("a=1 d=4", f"@{tmp_path}/vars.yaml", "d=5") == {"a": 2, "d": 5, "b": {"c": 3}}


@pytest.mark.parametrize("text", ["", "count", "=1", "a-b=1", "1a=2", "item=3", "{a: 1", "[1, 2]", "{1a: 2}", "{class: 2}", "é=1"])
def test_refusals(text: str) -> None:
    with pytest.raises(errors.OrchestratorError) as caught:
        given.read([text])
    assert caught.value.exit_code in (64, 65)


def test_what_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(errors.UsageError) as caught:
        given.read(["hunter2 with spaces"])
    assert "hunter2" not in str(caught.value)


def test_they_reach_the_playbook(operator: Operator) -> None:
    operator.write("one.yaml", "count: 1\n")
    for flags in (
        ("-e", "count=1"),
        ("--var", "{count: 1}"),
        ("--var-file", "one.yaml"),
        ("-e", "@one.yaml"),
        ("-e", "n=1", "-e", "count={{ n }}"),
    ):
        assert "1 instance," in operator.ok("validate", "site.yaml", *flags).out, flags
    assert operator.ok("validate", "site.yaml", "-t", "web").out == operator.ok("validate", "site.yaml").out
    assert "instance" not in operator.ok("validate", "site.yaml", "-t", "db,cache").out
    assert "instance" not in operator.ok("validate", "site.yaml", "--skip-tags", "web").out
