"""The JSON Schema says what the loader does."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.files import playbook
from orchestrator.files.playbook import entries, later

SCHEMA: dict[str, Any] = playbook.schema()


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][name]
    return found


def test_it_is_a_list_of_plays_in_json() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert (SCHEMA["type"], SCHEMA["items"]) == ("array", {"$ref": "#/$defs/Play"})


def test_nothing_unknown_is_allowed() -> None:
    models = [value for name, value in SCHEMA["$defs"].items() if name != "Expression"]
    assert models
    assert all(value["additionalProperties"] is False for value in models)


def test_every_value_may_be_an_expression() -> None:
    for name, value in SCHEMA["$defs"].items():
        for key, property_ in value.get("properties", {}).items():
            if key != "vars":
                assert {"$ref": "#/$defs/Expression"} in property_["anyOf"], (name, key)


def test_units_and_limits_are_told() -> None:
    ram = definition("FlavorEntry")["properties"]["ram"]["anyOf"]
    assert {"type": "integer", "minimum": 1, "maximum": 2**31 - 1} in ram
    assert definition("FlavorEntry")["required"] == ["name", "vcpus", "ram", "disk"]


def test_networks_groups_and_volumes_are_told() -> None:
    segment = definition("Provider")["properties"]["segmentation_id"]["anyOf"]
    assert {"type": "integer", "minimum": 1, "maximum": (1 << 24) - 1} in segment
    assert definition("RuleEntry")["required"] == ["direction"]
    assert {"enum": [True, False, "config-2", "nocloud"]} in definition("InstanceEntry")["properties"]["config_drive"]["anyOf"]
    devices = next(each for each in definition("InstanceEntry")["properties"]["block_device_mapping"]["anyOf"] if "items" in each)
    assert devices["items"]["anyOf"] == [{"$ref": "#/$defs/BlockDevice"}, {"$ref": "#/$defs/Expression"}]


def test_what_is_not_supported_yet_is_no_key() -> None:
    for path, keys in later.KEYS.items():
        if path in entries.MODELS:
            assert not keys & set(entries.MODELS[path].__struct_fields__)
    assert not later.KEYS["play"] & set(entries.Play.__struct_fields__)
