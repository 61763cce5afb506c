"""A query over what is known of a host, from the hint `query` (nova/scheduler/filters/json_filter.py JsonFilter).

    ["and", [">=", "$free_ram_mb", 1024], [">=", "$free_disk_mb", 204800]]

What Nova does is done, odd as some of it is: arguments that are not known are left out, a comparison of fewer than two fails, `not` gives a list,
which counts as true within `and` and `or`, and at the top when one of it is.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import capabilities
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "JsonFilter"
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    query = request.instance.scheduler_hints.get("query", "")
    if not query:
        return Verdict(True, "no query")
    known: dict[str, object] = {}
    try:
        found = _answer(_read(query), state, known)
    except (ValueError, TypeError, LookupError) as error:
        return Verdict(False, f"query: {query} cannot be answered: {error}", "be asked what can be answered", 1)
    why = ", ".join([f"query: {query}", *(f"{name} is {value}" for name, value in known.items())])
    if any(found) if isinstance(found, list) else found:
        return Verdict(True, why)
    return Verdict(False, why, "be what the query asks for", 1)


@functools.lru_cache(maxsize=64)
def _read(query: str) -> Any:
    return json.loads(query)


def _answer(query: Any, state: HostState, known: dict[str, object]) -> Any:
    """What the query comes to; `known` is given what it asked of the host. Raises what comparing odd things raises."""
    if not query:
        return True
    word, *rest = query
    arguments = [value for value in (_value(each, state, known) for each in rest) if value is not None]
    if word == "not":
        return [not each for each in arguments]
    if word in ("and", "or"):
        return all(arguments) if word == "and" else any(arguments)
    return _compared(word, arguments)


def _compared(word: str, arguments: Sequence[Any]) -> bool:
    if word not in (*COMPARE, "in"):
        raise ValueError(f"{word!r} is none of {', '.join((*COMPARE, 'in', 'not', 'and', 'or'))}")
    if len(arguments) < 2:
        return False
    first, *others = arguments
    return first in others if word == "in" else all(COMPARE[word](first, each) for each in others)


def _value(argument: Any, state: HostState, known: dict[str, object]) -> Any:
    if isinstance(argument, list):
        return _answer(argument, state, known)
    if not isinstance(argument, str) or not argument.startswith("$"):
        return None if argument == "" else argument
    known[argument] = capabilities.find(state, argument[1:].split("."))
    return known[argument]
