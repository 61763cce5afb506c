"""The playbook as a JSON Schema, for editors: of the same Structs that it is read into."""

from __future__ import annotations

from typing import Any

from msgspec import json

from orchestrator.files.playbook import entries

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION = {"type": "string", "pattern": r"\{\{", "description": "An expression: {{ ... }}"}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a playbook file; wherever an expression may stand for a value, it says so."""
    made: dict[str, Any] = json.decode(json.encode(json.schema(tuple[entries.Play, ...])))
    for definition in made["$defs"].values():
        properties = definition["properties"]
        for name, value in tuple(properties.items()):
            if "patternProperties" in value.get("given", {}):
                definition |= properties.pop(name)["given"]
            elif name != "vars":
                properties[name] = _or_expression(value)
    made["$defs"]["Expression"] = EXPRESSION
    return {"$schema": DIALECT, "title": "Playbook: a list of plays, each a desired state", **made}


def _or_expression(value: dict[str, Any]) -> dict[str, Any]:
    inner = {key: item for key, item in value.items() if key != "default"}
    default = {key: item for key, item in value.items() if key == "default"}
    return {**default, "anyOf": [*_options(inner), {"$ref": "#/$defs/Expression"}]}


def _options(value: dict[str, Any]) -> list[dict[str, Any]]:
    """What may be written, where that is not what it is read as, without a choice inside a choice."""
    value = value.get("given", value)
    if set(value) == {"anyOf"}:
        return [option for each in value["anyOf"] for option in _options(each)]
    inner = (key for key in ("items", "additionalProperties") if isinstance(value.get(key), dict))
    return [value | {key: _or_expression(value[key]) for key in inner}]
