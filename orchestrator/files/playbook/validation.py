"""One entry against its model: pydantic judges, its errors are said in the operator's words and at the value's own place."""

from __future__ import annotations

import contextlib
import difflib
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pydantic
from msgspec import Struct

from orchestrator.files import yaml
from orchestrator.files.playbook import findings, later, properties, strict, values
from orchestrator.model import mark

Model = TypeVar("Model", bound=strict.Strict)
Loc = tuple[int | str, ...]

EXPECTED = {
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}
SHOWN = 40  # characters of a wrong value
SECRET = frozenset({"public_key", "user_data", "metadata"})  # where passwords and private keys end up: never quoted


class _Subject(Struct, frozen=True):
    model: type[strict.Strict]
    section: str
    node: yaml.Mapping
    data: object


def validate(model: type[Model], section: str, node: yaml.Mapping, data: object, found: findings.Findings) -> Model | None:
    """The entry; all that is wrong with it is noted. `section` is the dotted path of its kind, such as `flavors`.

    What is left of a wrong entry without its wrong parts is returned all the same, so that the rest of it can be checked
    with the others; None if nothing is left.
    """
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False)
    for each in details:
        if not _failed(each["input"]):
            _note(each, _Subject(model, section, node, data), found)
    locs = [each["loc"] for each in details]
    for wrong in (locs, [loc[:1] for loc in locs]):
        with contextlib.suppress(pydantic.ValidationError):
            return model.model_validate(_pruned(data, wrong))
    return None


def _pruned(data: object, wrong: Sequence[Loc]) -> object:
    """`data` without the keys that hold what is at the `wrong` places. Items of lists stay, so that their numbers do."""
    if isinstance(data, list):
        return [_pruned(item, [loc[1:] for loc in wrong if loc[:1] == (number,)]) for number, item in enumerate(data)]
    if not isinstance(data, dict):
        return data
    kept = {}
    for key, value in data.items():
        inner = [loc[1:] for loc in wrong if loc[:1] == (key,)]
        if all(any(isinstance(step, str) for step in loc) for loc in inner):
            kept[key] = _pruned(value, inner)
    return kept


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


def at(node: yaml.Node | None, loc: Sequence[int | str]) -> yaml.Node | None:
    """The node at `loc`, if one was written there."""
    for step in loc:
        if isinstance(node, yaml.Mapping):
            node = next((value for key, value in node.items if key.text == step), None)
        else:
            node = node.items[step] if isinstance(node, yaml.Sequence) and isinstance(step, int) and step < len(node.items) else None
    return node


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


def _note(details: Mapping[str, Any], subject: _Subject, found: findings.Findings) -> None:
    loc: Loc = details["loc"]
    path = ".".join([subject.section, *(step for step in loc if isinstance(step, str) and step != "[key]")])
    owner, field = title(subject.section, subject.node, subject.data), _field(loc)
    if details["type"] == "extra_forbidden":
        what, why, hint = _unknown_key(path, field, loc, subject.model)
        found.add(locate(subject.node, loc, key=True), f"{what} in {owner}", why, hint)
    elif details["type"] == "missing":
        found.add(locate(subject.node, loc), f"'{field}' is missing in {owner}")
    else:
        why, hint = _reason(details, path)
        shown = "" if SECRET.intersection(loc[:1]) else f" {_shown(details['input'])}"
        found.add(locate(subject.node, loc), f"{field}{shown} in {owner}", why, hint)


def _unknown_key(path: str, field: str, loc: Loc, model: type[strict.Strict]) -> tuple[str, str, str]:
    name = str(loc[-1])
    if later.key(path):
        return f"'{name:.{SHOWN}}'", "not supported yet", "leave it out"
    if name in later.INSTEAD:
        return f"unknown key '{field}'", "", later.INSTEAD[name]
    unscoped = path.startswith("flavors.extra_specs.") and ":" not in name
    hint = f"to ask it of hosts: {' or '.join(f'{scope}:{name:.{SHOWN}}' for scope in properties.SCOPES)}" if unscoped else ""
    return f"unknown key '{field:.{SHOWN}}'", "", near(name, _keys(model, loc[:-1])) or hint


def _keys(model: type[strict.Strict], loc: Loc) -> tuple[str, ...]:
    """The keys that the mapping at `loc` may have."""
    for step in loc:
        if isinstance(step, str) and step in model.model_fields:
            inner = _model(model.model_fields[step].annotation)
            if inner is None:
                return ()
            model = inner
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model(annotation: Any) -> type[strict.Strict] | None:
    if isinstance(annotation, type) and issubclass(annotation, strict.Strict):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model(part))), None)


def _reason(details: Mapping[str, Any], path: str) -> tuple[str, str]:
    context = details.get("ctx", {})
    if details["type"] == "value":
        return str(context["why"]), str(context["hint"])
    if details["type"] == "literal_error":
        given = _written(details["input"])
        if later.value(path, given):
            return "not supported yet", f"only {context['expected']}"
        return f"must be {context['expected']}", ""
    if details["type"] == "too_long":
        return f"{context['actual_length']} of them, at most {context['max_length']}", ""
    return EXPECTED.get(details["type"], str(details["msg"])), ""


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


def _field(loc: Loc) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc if step != "[key]"]
    return "".join(parts).lstrip(".") or "entry"
