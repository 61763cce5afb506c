"""The playbook as a JSON Schema, for editors: the same models that validate it."""

from __future__ import annotations

from typing import Any

import pydantic

from orchestrator.files.playbook import entries

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION = {"type": "string", "pattern": r"\{\{", "description": "An expression: {{ ... }}"}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a playbook file; wherever an expression may stand for a value, it says so."""
    made = pydantic.TypeAdapter(tuple[entries.Play, ...]).json_schema()
    definitions = made.get("$defs", {})
    for definition in definitions.values():
        for name, value in definition.get("properties", {}).items():
            definition["properties"][name] = _or_expression(value) if name != "vars" else value
    definitions["Expression"] = EXPRESSION
    return {"$schema": DIALECT, "title": "Playbook: a list of plays, each a desired state", **made}


def _or_expression(value: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: value[key] for key in ("default", "description", "title") if key in value}
    inner = {key: item for key, item in value.items() if key not in kept}
    options = [_items(option) for option in (inner["anyOf"] if set(inner) == {"anyOf"} else [inner])]
    return {**kept, "anyOf": [*options, {"$ref": "#/$defs/Expression"}]}


def _items(option: dict[str, Any]) -> dict[str, Any]:
    return option | {"items": _or_expression(option["items"])} if isinstance(option.get("items"), dict) else option
