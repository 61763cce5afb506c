"""What is wrong is said all at once; what is right beside it is kept, and nothing is said of what was left out."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from orchestrator.files.playbook import entries, reading, strict, words


class Inner(strict.Strict, frozen=True):
    word: words.Word
    kind: Literal["a", "b"] = "a"


class Outer(strict.Strict, frozen=True):
    few: Annotated[tuple[words.Count, ...], Meta(max_length=2)] = ()
    inner: tuple[Inner, ...] = ()
    told: dict[words.Name, words.Word] = {}  # noqa: RUF012 - a Struct copies it


def read(data: object) -> tuple[Outer | None, list[tuple[reading.Loc, str]], set[reading.Loc]]:
    found, told = reading.read(Outer, data)
    return found, [(loc, type(wrong).__name__) for loc, _, wrong in told.wrong], told.lost


def test_items_of_a_list_that_is_too_long_are_judged_as_well() -> None:
    assert read({"few": [1, 0, "x"]}) == (Outer(), [(("few", 1), "Wrong"), (("few", 2), "Wrong"), (("few",), "Wrong")], {("few",)})


def test_a_key_without_which_its_mapping_cannot_be_takes_the_list_along_and_no_more() -> None:
    found, wrong, lost = read({"few": [1], "inner": [{"word": "x", "kind": "c"}, {"kind": "b"}]})
    assert found == Outer(few=(1,))
    assert wrong == [(("inner", 0, "kind"), "Wrong"), (("inner", 1, "word"), "Missing")]
    assert lost == {("inner",), ("inner", 0, "kind")}


def test_what_is_right_of_a_mapping_stays() -> None:
    found, wrong, lost = read({"inner": [{"word": "x", "kind": "c", "more": 1}], "told": {"a": "b", "A": [], "c": "d"}})
    assert found == Outer(inner=(Inner(word="x"),), told={"a": "b", "c": "d"})
    assert {loc for loc, _ in wrong} == lost == {("inner", 0, "kind"), ("inner", 0, "more"), ("told", "A")}


def test_a_null_is_as_good_as_nothing_written() -> None:
    assert read({"few": None}) == (Outer(), [], set())
    assert read({"inner": [{"word": None}]})[1] == [(("inner", 0, "word"), "Missing")]


@pytest.mark.parametrize("model", [*entries.MODELS.values(), entries.Play])
def test_every_field_says_how_it_is_read(model: type[Struct]) -> None:
    """Whatever is written for it is read or is wrong: nothing else comes of it."""
    for written in ("x", 1.5, ["x"], {"x": "y"}, [{"x": "y"}]):
        reading.read(model, dict.fromkeys(model.__struct_encode_fields__, written))
