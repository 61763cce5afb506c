"""How a play's instances are worked off, as annotations: batches, when failures end the run, what a change triggers. The words are Ansible's."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta

from orchestrator.files.playbook import reading, strict, values, words

SIZE = re.compile(r"0|[1-9][0-9]{0,8}|([1-9][0-9]?|100)%")
SHARE = re.compile(r"(100|[0-9]{1,2}(\.[0-9]{1,6})?)%?")
ONE_SIZE = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+%?$"}]}


def _serial(value: object) -> tuple[str, ...]:
    found = tuple(words.text(each) for each in (value if isinstance(value, list) else [value]))
    if not found or not all(SIZE.fullmatch(each) for each in found):
        raise words.bad(
            "must be a number of instances, a percentage of the play's, or a list of both", 'such as 2, "30%", or [1, 5, "30%"]'
        )
    return found


def _share(value: object) -> float:
    found = words.text(value)
    if not SHARE.fullmatch(found):
        raise words.bad("must be a percentage, 0 to 100")
    return float(found.removesuffix("%"))


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str | values.Written) else value


Serial = Annotated[tuple[str, ...], _serial, reading.given(anyOf=[*ONE_SIZE["anyOf"], {"type": "array", "items": ONE_SIZE}])]
Share = Annotated[float, _share, reading.given(anyOf=[{"type": "number", "minimum": 0, "maximum": 100}, {"type": "string"}])]
Throttle = Annotated[int, *words.number(0, 1000)]
Order = Literal["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"]
Notify = Annotated[tuple[words.ShortText, ...], reading.Before(_one_or_more), words.ONE_OR_MORE]


def _program(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise words.bad("must name a program", "such as [systemctl, reload, nginx]")
    return value


class HandlerEntry(strict.Strict, frozen=True):
    """A command that hosts run once something of the play's changed there."""

    name: words.ShortText
    command: Annotated[tuple[words.Text, ...], reading.After(_program), Meta(max_length=64)]
    run_once: words.Flag = False


def _named_once(value: tuple[HandlerEntry, ...]) -> tuple[HandlerEntry, ...]:
    words.each_once(tuple(each.name for each in value))
    return value


Handlers = Annotated[tuple[HandlerEntry, ...], reading.After(_named_once)]
