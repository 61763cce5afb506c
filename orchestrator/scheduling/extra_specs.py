"""What an extra spec asks of a value: the operators of Nova's extra specs (nova/scheduler/filters/extra_specs_ops.py)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,  # not a slip: "at least", since Nova's first days
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
    "<in>": operator.contains,
}
OPERATORS = (*NUMBERS, *TEXTS, "<all-in>", "<or>")


def match(value: str, requirement: str) -> bool:
    """Whether the value is what the requirement asks for. Without an operator in front, it has to be the requirement itself.

    An operator takes one word after it; `<all-in>` takes all of them, each of which is to be part of the value, and `<or> a <or> b` is any of them.
    Raises ValueError when an operator for numbers meets what is none: Nova answers such a request with an error.
    """
    sign, *words = requirement.split() or [""]
    if sign not in OPERATORS:
        return value == requirement
    if not words:
        return False
    if sign == "<or>":
        return value in words[::2]
    if sign == "<all-in>":
        return all(word in value for word in words)
    if sign in TEXTS:
        return TEXTS[sign](value, words[0])
    return NUMBERS[sign](float(value), float(words[0]))
