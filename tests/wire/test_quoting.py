"""Words, file names, lines."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.commands import quoting

text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


@given(text)
def test_word_is_one_word(value: str) -> None:
    assert shlex.split(quoting.word(value)) == [value]


@given(text, text)
def test_file_names_are_one_to_one_and_harmless(one: str, other: str) -> None:
    names = quoting.filename(one), quoting.filename(other)
    assert (names[0] == names[1]) == (one == other)
    assert not set("/\0\n") & set(names[0])
    assert not names[0].startswith(".")


@pytest.mark.parametrize(("key", "name"), [("instance/0a-1", "instance%2F0a-1"), ("..", "%2E."), ("a b\n", "a%20b%0A")])
def test_file_names(key: str, name: str) -> None:
    assert quoting.filename(key) == name


@given(st.text())
def test_line_is_one_printable_line_of_bounded_length(value: str) -> None:
    line = quoting.line(value)
    assert len(line.splitlines()) <= 1
    assert len(line) <= quoting.LINE_LIMIT + 6


def test_line_is_cut() -> None:
    assert quoting.line("x" * 5000) == "x" * 3000 + " [cut]"
    assert quoting.line("a\nb\x1b[0m\u2028") == "a\\nb\\x1b[0m\\u2028"
