"""Server groups and scheduler hints as Structs (Nova's words; hints name instances, where Nova's have their uuids)."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from orchestrator.files.playbook import reading, strict, values, words

OPERATORS = ("=", "<", ">", "<=", ">=", "in", "not", "or", "and")
"""Of queries (nova/scheduler/filters/json_filter.py)."""
PREFIX_LENGTH = re.compile(r"/?[0-9]{1,3}")
MOST_HOPS = 32  # of a query: deeper ones are nobody's own work


class GroupRules(strict.Strict, frozen=True):
    """What a policy is held to."""

    max_server_per_host: words.Count | None = None


class ServerGroupEntry(strict.Entry, frozen=True, kw_only=True):
    """Instances that are to be near each other, or apart."""

    policy: Literal["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]
    rules: GroupRules = GroupRules()


def _plain(value: object) -> Any:
    if isinstance(value, values.Written):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _query(value: object) -> str:
    """The query as JSON, whether it was written so or as a list."""
    found = _plain(value)
    hint = 'such as [">=", "$free_ram_mb", 1024]'
    if isinstance(found, str):
        try:
            found = json.loads(words.bounded(4096)(found))
        except (ValueError, RecursionError) as error:
            raise words.bad("must be a list, or one as JSON", hint) from error
    _check_query(found, hint, MOST_HOPS)
    return json.dumps(found)


def _check_query(found: object, hint: str, left: int) -> None:
    if not left:
        raise words.bad("is nested too deep")
    if not isinstance(found, list) or not found or found[0] not in OPERATORS:
        raise words.bad(f"must be a list that begins with one of {', '.join(OPERATORS)}", hint)
    for each in found[1:]:
        if isinstance(each, list):
            _check_query(each, hint, left - 1)
        elif not isinstance(each, str | int | float):
            raise words.bad("must be made of operators, texts and numbers", hint)


def _prefix_length(value: object) -> str:
    found = words.text(value)
    if not PREFIX_LENGTH.fullmatch(found) or int(found.removeprefix("/")) > 128:
        raise words.bad("must be a prefix length", "such as /24")
    return f"/{int(found.removeprefix('/'))}"


def _project(value: object) -> str:
    found = words.bounded(255)(value)
    if "," in found:
        raise words.bad("must not hold ',': aggregates list projects with commas between")
    return found


Instances = Annotated[tuple[words.Name, ...], reading.Before(words.separated), words.ONE_OR_MORE]
Project = Annotated[str, _project]


class SchedulerHints(strict.Strict, frozen=True):
    """What one instance says of where it goes. `group` is its server group."""

    group: words.Word | None = None
    same_host: Instances | None = None
    different_host: Instances | None = None
    query: Annotated[str, _query, reading.given(anyOf=[{"type": "string"}, {"type": "array"}])] | None = None
    build_near_host_ip: words.Address | None = None
    cidr: Annotated[str, _prefix_length, reading.given(type="string", pattern="^/?[0-9]{1,3}$")] | None = None
