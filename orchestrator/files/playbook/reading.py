"""From what was written to Structs, as their annotations say: all that is wrong is told at once, and what is right is kept.

A field is `Annotated[T, by]`, where the function `by` makes the T of what was written or raises Wrong, or is made of such: a Struct, `tuple[T, ...]`,
`dict[K, T]`, `T | None`; or a Literal, or Any. `Before`, `After`, `Rest` and msgspec's `Meta` say more; of a Meta, `max_length` is held here.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct, field, structs

Loc = tuple[int | str, ...]
Model = TypeVar("Model", bound=Struct)
NOTHING = object()
"""What is left of a value that was complained about."""
NEVER = re.compile(r"(?!)")


class Wrong(Exception):
    """A value cannot stand where it was written: why, and what to write instead; `words` if nothing but those can."""

    def __init__(self, why: str = "", hint: str = "", words: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.why, self.hint, self.words = why, hint, words


class Unknown(Wrong):
    """A key that its mapping does not have; `words` are those it has."""


class Missing(Wrong):
    """A key that its mapping must have."""


class Before(Struct, frozen=True):
    """What `by` makes of what was written is read as T."""

    by: Callable[[object], object]


class After(Struct, frozen=True):
    """`by` gives back the T that was read, or raises Wrong."""

    by: Callable[[Any], object]


class Rest(Struct, frozen=True):
    """The field, a dict, has the keys of the Struct's own mapping that match and are no other field's. Others are unknown even where they are null."""

    keys: re.Pattern[str]


class Told(Struct, frozen=True):
    """What is wrong, each time with its place and value; `lost`: the places of keys that were left out for it."""

    wrong: list[tuple[Loc, object, Wrong]] = field(default_factory=list)
    lost: set[Loc] = field(default_factory=set)


def given(**schema: Any) -> Meta:
    """The JSON Schema of what is written, where that is not what it is read as."""
    return Meta(extra_json_schema={"given": schema})


def read(model: type[Model], data: object) -> tuple[Model | None, Told]:
    """`data` as a `model`, and all that is wrong with it.

    A key is left out when it is wrong: its value, an item of its list, or its mapping, which lacks a key. None if the whole is.
    """
    told = Told()
    found = _tried(model, data, (), told)
    return (None if found is NOTHING else found), told


def _tried(kind: Any, value: object, loc: Loc, told: Told) -> Any:
    try:
        return _read(kind, value, loc, told)
    except Wrong as wrong:
        told.wrong.append((loc, value, wrong))
        return NOTHING


def _read(kind: Any, value: Any, loc: Loc, told: Told) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _marked(inner[0], inner[1:], value, loc, told)
    if origin in (types.UnionType, typing.Union):
        return _read(inner[0], value, loc, told)  # the other is None, which never comes here
    if origin is Literal:
        if value not in inner:
            raise Wrong(words=inner)
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise Wrong("must be a list")
        items = tuple([_tried(inner[0], item, (*loc, number), told) for number, item in enumerate(value)])
        return NOTHING if NOTHING in items else items
    if kind is Any:
        return value
    if not isinstance(value, dict):
        raise Wrong("must be a mapping")
    return _mapping(inner, value, loc, told) if origin is dict else _struct(kind, value, loc, told)


def _marked(kind: Any, marks: tuple[Any, ...], value: Any, loc: Loc, told: Told) -> Any:
    for mark in marks:
        if callable(mark):
            return mark(value)
        if isinstance(mark, Before):
            value = mark.by(value)
    found = _read(kind, value, loc, told)
    for mark in marks:
        if isinstance(mark, Meta) and mark.max_length is not None and len(value) > mark.max_length:
            raise Wrong(f"{len(value)} of them, at most {mark.max_length}")
        if isinstance(mark, After) and found is not NOTHING:
            found = mark.by(found)
    return found


def _mapping(kinds: tuple[Any, ...], value: dict[Any, object], loc: Loc, told: Told) -> dict[Any, object]:
    places = {key: (*loc, str(key)) for key in value}
    tried = {place: (_tried(kinds[0], key, place, told), _tried(kinds[1], value[key], place, told)) for key, place in places.items()}
    told.lost.update(place for place, pair in tried.items() if NOTHING in pair)
    return dict(pair for pair in tried.values() if NOTHING not in pair)


def _struct(model: type[Struct], value: dict[Any, object], loc: Loc, told: Told) -> Any:
    fields, required, (rest, other, keys) = _fields(model)
    every = {str(key): item for key, item in value.items()}
    kinds = {key: fields[key][1] if key in fields else other for key in every if key in fields or keys.fullmatch(key)}
    # a null is as good as nothing written
    written = {key for key, item in every.items() if item is not None or (rest and key not in kinds)}
    tried = {key: _tried(kinds[key], every[key], (*loc, key), told) for key in every if key in written and key in kinds}
    right = {key: got for key, got in tried.items() if got is not NOTHING}
    told.wrong.extend(((*loc, key), every[key], Unknown(words=tuple(fields))) for key in written - kinds.keys())
    told.wrong.extend(((*loc, key), value, Missing()) for key in required if key not in written)
    told.lost.update((*loc, key) for key in written - right.keys())
    if any(key not in right for key in required):
        return NOTHING
    others = {rest: {key: got for key, got in right.items() if key not in fields}} if rest else {}
    return model(**others, **{fields[key][0]: got for key, got in right.items() if key in fields})


@functools.cache
def _fields(model: type[Struct]) -> tuple[dict[str, tuple[str, Any]], tuple[str, ...], tuple[str, Any, re.Pattern[str]]]:
    """Names and kinds by key, the keys that must be written; and of the field for the rest its name, what it is made of, and its keys."""
    fields = {each.encode_name: (each.name, each.type) for each in structs.fields(model)}
    required = tuple(each.encode_name for each in structs.fields(model) if each.required)
    for key, (name, kind) in fields.items():
        for mark in getattr(kind, "__metadata__", ()):
            if isinstance(mark, Rest):
                del fields[key]
                return fields, required, (name, typing.get_args(kind.__origin__)[1], mark.keys)
    return fields, required, ("", Any, NEVER)
