"""One entry as its Struct; what is wrong with it is said in the operator's words and at the value's own place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from orchestrator.files import yaml
from orchestrator.files.playbook import findings, later, properties, reading, strict, values
from orchestrator.model import mark

Model = TypeVar("Model", bound=strict.Strict)

SHOWN = 40  # characters of a wrong value
SECRET = frozenset({"public_key", "user_data", "metadata"})  # where passwords and private keys end up: never quoted


def validate(
    model: type[Model], section: str, node: yaml.Mapping, data: object, found: findings.Findings
) -> tuple[Model | None, frozenset[reading.Loc]]:
    """The entry; all that is wrong with it is noted. `section` is the dotted path of its kind, such as `flavors`.

    What is left of a wrong entry without its wrong parts is returned all the same, so that the rest of it can be checked
    with the others, and the places of the keys that were left out; None if nothing is left.
    """
    entry, told = reading.read(model, data)
    for loc, value, wrong in told.wrong:
        if isinstance(wrong, reading.Unknown) or not _failed(value):
            what, why, hint = _said(loc, value, wrong, section)
            found.add(locate(node, loc, key=isinstance(wrong, reading.Unknown)), f"{what} in {title(section, node, data)}", why, hint)
    return entry, frozenset(told.lost)


def near(name: str, known: Iterable[str]) -> str:
    """A hint: the known name that is most like `name`, or all of them if they are few."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else ""


def locate(node: yaml.Node, loc: Sequence[int | str], *, key: bool = False) -> mark.Mark:
    """Where the value at `loc` was written (`key`: its key), or the innermost thing around it that was."""
    place = node.mark
    for depth, step in enumerate(loc):
        if isinstance(node, yaml.Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif isinstance(node, yaml.Mapping):
            pair = next((pair for pair in node.items if pair[0].text == step), None)
            if pair is None:
                return place
            if key and depth == len(loc) - 1:
                return pair[0].mark
            node = pair[1]
        else:
            return place
        place = node.mark
    return place


def kind(section: str) -> str:
    """What one entry of a section is called: `security group` of `security_groups`."""
    return section.removesuffix("s").replace("_", " ")


def title(section: str, node: yaml.Mapping, data: object) -> str:
    """What an entry is called in errors: `instance 'web1'`, or by its line when it has no name."""
    name = data.get("name") if isinstance(data, Mapping) else None
    shown = getattr(name, "text", name)
    return f"{kind(section)} '{shown:.{SHOWN}}'" if isinstance(shown, str) and shown else f"{kind(section)} on line {node.mark.line}"


def _failed(value: object) -> bool:
    if isinstance(value, list):
        return any(_failed(item) for item in value)
    return value is values.Failed.FAILED


def _said(loc: reading.Loc, value: object, wrong: reading.Wrong, section: str) -> tuple[str, str, str]:
    """What is wrong, why, and what to write instead."""
    path, field = ".".join([section, *(step for step in loc if isinstance(step, str))]), _field(loc)
    if isinstance(wrong, reading.Unknown):
        return _unknown_key(path, field, str(loc[-1]), wrong.words)
    if isinstance(wrong, reading.Missing):
        return f"'{field}' is missing", "", ""
    shown = "" if SECRET.intersection(loc[:1]) else f" {_shown(value)}"
    return f"{field}{shown}", *_reason(value, wrong, path)


def _unknown_key(path: str, field: str, name: str, known: Iterable[str]) -> tuple[str, str, str]:
    if later.key(path):
        return f"'{name:.{SHOWN}}'", "not supported yet", "leave it out"
    if name in later.INSTEAD:
        return f"unknown key '{field}'", "", later.INSTEAD[name]
    unscoped = path.startswith("flavors.extra_specs.") and ":" not in name
    hint = f"to ask it of hosts: {' or '.join(f'{scope}:{name:.{SHOWN}}' for scope in properties.SCOPES)}" if unscoped else ""
    return f"unknown key '{field:.{SHOWN}}'", "", near(name, known) or hint


def _reason(value: object, wrong: reading.Wrong, path: str) -> tuple[str, str]:
    if not wrong.words:
        return wrong.why, wrong.hint
    *others, last = map(repr, wrong.words)
    expected = f"{', '.join(others)} or {last}" if others else last
    return ("not supported yet", f"only {expected}") if later.value(path, _written(value)) else (f"must be {expected}", "")


def _written(value: object) -> str:
    if isinstance(value, values.Written):
        return value.text
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    """A wrong value, short enough for a line."""
    if isinstance(value, list | dict):
        return "of several values"
    shown = _written(value)
    return f"'{shown}'" if len(shown) <= SHOWN else f"'{shown[:SHOWN]}...'"


def _field(loc: reading.Loc) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc]
    return "".join(parts).lstrip(".") or "entry"
