"""Operators and filters of playbook expressions, each bounded: none may eat the controller's memory or time."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from jinja2 import Undefined
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

MAX_TEXT = 65_536  # characters of one value
MAX_WEIGHT = 262_144  # characters and items of one value, counted as if nothing in it were shared
MAX_ITEMS = 10_000
MAX_BITS = 128
MAX_DIRECTIVES = 64

DIRECTIVE = re.compile(r"%(\(\w+\))?[-+ #0]*\d{0,3}(\.\d{1,2})?[diouxXfFeEgGsr%]")
TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})


def _weigh(value: object, left: int) -> int:
    """What `value` leaves of the allowance; ValueError as soon as nothing is left, so shared parts never blow up."""
    left -= 1
    if isinstance(value, str):
        left -= len(value)
    elif isinstance(value, list | tuple):
        for item in value:
            left = _weigh(item, left)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            left = _weigh(item, _weigh(key, left))
    if left < 0:
        raise ValueError(f"the value is too large (more than {MAX_WEIGHT} characters and items)")
    return left


def text(value: object) -> str:
    """`value` as text, at most MAX_TEXT characters; ValueError beyond."""
    _weigh(value, MAX_WEIGHT)
    result = str(value)
    if len(result) > MAX_TEXT:
        raise ValueError(f"the text is too long (more than {MAX_TEXT} characters)")
    return result


def plain(value: object) -> object:
    """`value` if made of texts, numbers, booleans, nulls, lists and mappings only; ValueError if not, or too large."""
    if isinstance(value, Undefined):
        str(value)  # a strict one raises UndefinedError, which names it
        raise ValueError("the condition is false and there is no else")
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ValueError("the number is too large")
        return value
    _weigh(value, MAX_WEIGHT)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    raise ValueError(f"a {type(value).__name__} is not a value")


def _sized(length: int, most: int, unit: str = "characters and items") -> None:
    if length > most:
        raise ValueError(f"the result would be too large (more than {most} {unit})")


def _plus(left: object, right: object) -> object:
    if isinstance(left, list | str) and isinstance(right, list | str):
        _weigh([left, right], MAX_WEIGHT)
    return operator.add(left, right)


def _times(left: object, right: object) -> object:
    for many, count in ((left, right), (right, left)):
        if isinstance(many, str | list | tuple) and isinstance(count, int):
            allowance = MAX_WEIGHT - _weigh(many, MAX_WEIGHT)
            _sized(allowance * count, MAX_TEXT)
    if isinstance(left, int) and isinstance(right, int):
        _sized(left.bit_length() + right.bit_length(), MAX_BITS, "bits")
    return operator.mul(left, right)


def _power(left: object, right: object) -> object:
    if isinstance(left, int) and isinstance(right, int):
        _sized(left.bit_length() * abs(right), MAX_BITS, "bits")
    return operator.pow(left, right)


def _modulo(left: object, right: object) -> object:
    return (
        form(left, *right)
        if isinstance(left, str) and isinstance(right, tuple)
        else (form(left, right) if isinstance(left, str) else operator.mod(left, right))
    )


def form(pattern: str, *args: object, **kwargs: object) -> str:
    """printf-style formatting (Jinja's `format`), widths up to 999."""
    directives = [match.group() for match in DIRECTIVE.finditer(pattern)]
    if DIRECTIVE.sub("", pattern).count("%"):
        raise ValueError("a % directive is not understood (or its width is too large)")
    _sized(len(directives), MAX_DIRECTIVES, "directives")
    _weigh([*args, *kwargs.values()], MAX_WEIGHT)
    return text(pattern % (kwargs or args))


def numbers(*args: int) -> list[int]:
    """`range`, as a list of at most MAX_ITEMS numbers."""
    for number in args:
        if isinstance(number, Undefined):
            str(number)  # raises, and names what is undefined
    found = range(*args)
    if len(found) > MAX_ITEMS:
        raise ValueError(f"the range is too large (more than {MAX_ITEMS} numbers)")
    return list(found)


def _replace(value: object, old: str, new: str) -> str:
    whole = text(value)
    _sized(len(whole) + whole.count(old) * len(new), 2 * MAX_TEXT)
    return text(whole.replace(old, new))


def _join(values: Iterable[object], separator: object = "") -> str:
    parts, between = [text(value) for value in values], text(separator)
    _sized(sum(map(len, parts)) + len(between) * len(parts), 2 * MAX_TEXT)
    return text(between.join(parts))


def _split(value: object, separator: str | None = None) -> list[str]:
    return text(value).split(separator)


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    scale = 10 ** min(max(precision, 0), 15)
    steps: Mapping[str, Callable[[float], float]] = {
        "common": round,
        "floor": lambda x: x // 1,
        "ceil": lambda x: -(-x // 1),
    }
    return float(steps[method](float(value) * scale) / scale)


def truth(value: object) -> bool:
    """A boolean from the words that Ansible's `bool` filter knows; ValueError for any other."""
    word = str(value).strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError(f"{value!r} is neither true nor false")
    return word in TRUE


def _pairs(value: Mapping[object, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": item} for key, item in value.items()]


def _listed(filter_: Callable[..., Iterable[object]]) -> Callable[..., list[object]]:
    def listed(*args: object, **kwargs: object) -> list[object]:
        return list(filter_(*args, **kwargs))

    vars(listed).update(vars(filter_))  # Jinja marks a filter that wants the environment by an attribute
    return listed


OPERATORS: Mapping[str, Callable[[object, object], object]] = {
    "+": _plus,
    "*": _times,
    "**": _power,
    "%": _modulo,
    "-": cast(Callable[[object, object], object], operator.sub),
    "/": cast(Callable[[object, object], object], operator.truediv),
    "//": cast(Callable[[object, object], object], operator.floordiv),
}

UNCHANGED = (
    "default",
    "d",
    "int",
    "float",
    "lower",
    "upper",
    "capitalize",
    "title",
    "length",
    "count",
    "first",
    "last",
    "min",
    "max",
    "abs",
    "trim",
)
FILTERS: Mapping[str, Callable[..., object]] = {
    **{name: JINJA_FILTERS[name] for name in UNCHANGED},
    **{name: _listed(JINJA_FILTERS[name]) for name in ("list", "unique", "reverse", "sort")},
    "bool": truth,
    "dict2items": _pairs,
    "format": form,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "split": _split,
    "string": text,
}
TESTS: Mapping[str, Callable[..., object]] = {
    name: cast(Callable[..., object], JINJA_TESTS[name])
    for name in (
        *("defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string"),
        *("mapping", "iterable", "sequence", "odd", "even", "divisibleby", "in"),
        *("eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">="),
    )
}
