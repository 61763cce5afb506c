"""Structs as JSON and back, exactly: driven by their type hints alone; a new field needs nothing here.

Written by hand because reading back must be strict and quick, and know which member of a union is meant. A field that
the text lacks takes its default (older text); one that the class lacks is refused (text of a newer program): dropping
it would lose it with the next write.
"""

from __future__ import annotations

import base64
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import Struct, StructMeta

T = TypeVar("T")
PLAIN = (str, int, bool, type(None))


class CodecError(ValueError):
    """The text does not say a value of the type; the message names field and reason."""


class Form(Struct, frozen=True):
    """How values of one type become JSON values, and back."""

    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]


def encode(kind: Any, value: Any) -> str:
    """JSON text of a value of type `kind`; ASCII, so that any string survives any database."""
    return json.dumps(_form(kind).dump(value), separators=(",", ":"))


def decode(kind: type[T], text: str) -> T:
    """The value of type `kind` that `encode` wrote. Raises CodecError."""
    try:
        return typing.cast(T, _form(typing.cast(Any, kind)).load(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, CodecError) else CodecError(str(error)) from error


@functools.cache
def _form(kind: Any) -> Form:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is float:
        return Form(float, functools.partial(_exactly, kind))  # what is written may be an int: it is to be read
    if kind in PLAIN:
        return Form(lambda value: value, functools.partial(_exactly, kind))
    if kind is bytes:
        return Form(lambda value: base64.b64encode(value).decode(), lambda text: base64.b64decode(_exactly(str, text), validate=True))
    if isinstance(kind, StructMeta):
        return _record(kind)
    if origin is tuple:
        return _sequence(arguments)
    if origin is Mapping:
        return _mapping(_form(arguments[1]))
    if origin in (types.UnionType, typing.Union):
        return _union(arguments)
    raise TypeError(f"no JSON form for {kind}")


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:  # isinstance takes True for an int
        raise CodecError(f"{kind.__name__} expected, {type(value).__name__} found")
    return value


def _record(kind: StructMeta) -> Form:
    hints = typing.get_type_hints(kind)
    forms = {name: _form(hints[name]) for name in kind.__struct_fields__}
    plain = {name: hints[name] for name in forms if hints[name] in PLAIN}

    def load(values: Any) -> Any:
        _exactly(dict, values)
        found = {}
        for name, value in values.items():
            if plain.get(name) is type(value):  # most of all that is ever read
                found[name] = value
                continue
            if name not in forms:
                raise CodecError(f"{kind.__name__} has no field {name!r} in this program")
            try:
                found[name] = forms[name].load(value)
            except ValueError as error:
                raise CodecError(f"{name}: {error}") from error
        try:
            return kind(**found)
        except TypeError as error:  # a field without default is not there
            raise CodecError(str(error)) from error

    return Form(lambda value: {name: form.dump(getattr(value, name)) for name, form in forms.items()}, load)


def _sequence(members: tuple[Any, ...]) -> Form:
    if members[1:] == (...,):
        each = _form(members[0])
        return Form(
            lambda values: [each.dump(value) for value in values],
            lambda values: tuple([each.load(value) for value in _exactly(list, values)]),
        )
    forms = [_form(member) for member in members]

    def load(values: Any) -> tuple[Any, ...]:
        if len(_exactly(list, values)) != len(forms):
            raise CodecError(f"{len(forms)} values expected, {len(values)} found")
        return tuple(form.load(value) for form, value in zip(forms, values, strict=True))

    return Form(lambda values: [form.dump(value) for form, value in zip(forms, values, strict=True)], load)


def _mapping(each: Form) -> Form:
    return Form(
        lambda values: {key: each.dump(value) for key, value in values.items()},
        lambda values: {key: each.load(value) for key, value in _exactly(dict, values).items()},
    )


def _union(members: tuple[Any, ...]) -> Form:
    """One type or None, or several Structs, told apart by their names."""
    rest = tuple(member for member in members if member is not type(None))
    if len(rest) == 1:
        form = _form(rest[0])
        return Form(
            lambda value: None if value is None else form.dump(value),
            lambda value: None if value is None else form.load(value),
        )
    forms = {member.__name__: _form(member) for member in rest}

    def load(values: Any) -> Any:
        match values:
            case [str(name), value] if name in forms:
                return forms[name].load(value)
        raise CodecError(f"one of {', '.join(forms)} expected, {str(values)[:40]} found")

    return Form(lambda value: [type(value).__name__, forms[type(value).__name__].dump(value)], load)
