"""YAML as people write it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.files import yaml
from orchestrator.model.errors import SpecErrors


def value(text: str) -> Any:
    return yaml.plain(yaml.load(text, "f.yaml"))


def refused(text: str) -> str:
    with pytest.raises(SpecErrors) as caught:
        yaml.load(text, "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("0755", "0755"),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1e400", "1e400"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("12:34:56", "12:34:56"),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("0000:01:00.0", "0000:01:00.0"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars(written: str, meant: object) -> None:
    node = yaml.load(f"a: {written}", "f.yaml")
    assert isinstance(node, yaml.Mapping)
    scalar = node.items[0][1]
    assert isinstance(scalar, yaml.Scalar)
    assert (scalar.value, type(scalar.value)) == (meant, type(meant))
    assert scalar.text == written.removeprefix("!!str ").strip("'\"")


def test_every_value_knows_its_place() -> None:
    node = yaml.load("# first\nhosts:\n  - name: wéb\n    'mac': x\n", "f.yaml")
    assert isinstance(node, yaml.Mapping)
    assert str(node.items[0][0].mark) == "f.yaml:2:1"
    hosts = node.items[0][1]
    assert isinstance(hosts, yaml.Sequence)
    first = hosts.items[0]
    assert isinstance(first, yaml.Mapping)
    assert [str(key.mark) for key, _ in first.items] == ["f.yaml:3:5", "f.yaml:4:5"]
    assert [str(item.mark) for _, item in first.items] == ["f.yaml:3:11", "f.yaml:4:12"]


def test_merge_keys() -> None:
    assert value("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc:\n  <<: [{x: 5}, *a]") == {
        "a": {"x": 1, "y": 2},
        "b": {"y": 3, "x": 1},
        "c": {"x": 5, "y": 2},
    }
    assert value("'<<': 1") == {"<<": 1}
    assert "'<<' takes mappings only" in refused("<<: 1")


def test_all_errors_at_once() -> None:
    text = refused("a: 1\na: 2\nb: !!python/name:os.system x\nc: !vault y\n? [k]\n: 1\nd: {e: 1, e: 2}\n")
    assert [line.split(": ")[0] for line in text.splitlines()] == [f"f.yaml:{place}" for place in ("2:1", "3:4", "4:4", "5:3", "7:11")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n\tb: 1", "f.yaml:2:1: a tab"),
        ("a: \x00", "f.yaml:1:4: control character U+0000"),
        ('a: "\\0"', "f.yaml:1:4: control character U+0000 in a value"),
        ('a: "\\ud800"', "f.yaml:1"),
        ("a: \ud800", "f.yaml:1:4"),
        ("\ufeffa: 1", "byte order mark"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: a second document"),
        ("a: {{ b }}", "quote the value"),
        ("a: b: c", "f.yaml:1:5"),
        ("a: 'x", "f.yaml:1:6"),
        ("a: @x", "quote a value that begins with this character"),
        ("&a [*a]", "inside its own anchor"),
        ("a: *b", "has no anchor"),
        ("[" * 100_000, "nested deeper than 32"),
        ("{a: " * 5_000, "nested deeper than 32"),
        ("- " * 5_000, "nested deeper than 32"),
        ("? " * 5_000, "nested deeper than 32"),
        ("a: &a 1\nb: [" + "*a," * 1001 + "]", "more than 1,000 aliases"),
        ("[" + "1," * 100_001 + "]", "more than 100,000 values"),
        ("x" * (1 << 20) + "x", "larger than 1 MiB"),
        ("%YAML 2.0\n---\na: 1", "f.yaml:1:1"),
        ("- !!map [1]", "tag '!!map'"),
    ],
)
def test_refusals(text: str, words: str) -> None:
    assert words in refused(text)


def test_alias_bombs_end_early() -> None:
    wide = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(9))
    assert "more than 100,000 values" in refused(wide)
    deep = "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(900))
    assert "nested deeper than 32" in refused(deep)


def test_wrap_is_the_inverse_of_plain() -> None:
    values = {"a": [1, 2.5, None, True, "x"], "b": {"c": {}}}
    mark = yaml.load("x", "f").mark
    assert yaml.plain(yaml.wrap(values, mark)) == values


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_means_itself(document: object) -> None:
    assert value(json.dumps(document)) == document


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@#\n\t \\<~é0.\x07"), max_size=60))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    errors = ""
    try:
        yaml.load(text, "f.yaml")
    except SpecErrors as error:
        errors = str(error)
    assert all(line.startswith("f.yaml:") for line in errors.splitlines())
