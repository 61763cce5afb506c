"""What was expected of a host and what was found there instead, in words."""

from __future__ import annotations

from orchestrator.facts.gather import Facts, Key

PLAIN = frozenset({"state", "kind", "format"})
"""Fields whose values say what they are."""


def words(key: Key, expected: object, facts: Facts) -> str:
    """`domain instance-00000001: expected running, found shut off`; of two values of one kind, only what differs."""
    found = facts.get(key)
    names = PLAIN
    if type(found) is type(expected):
        names = frozenset(name for name in _fields(expected) if getattr(expected, name) != getattr(found, name))
    return f"{key}: expected {_shown(expected, names)}, found {_shown(found, names)}"


def _fields(value: object) -> list[str]:
    return [name for name in getattr(value, "__struct_fields__", ()) if name not in getattr(value, "ASIDE", ())]


def _shown(value: object, names: frozenset[str]) -> str:
    """A fact's fields of these names; a fact without fields as it is."""
    shown = {name: _plain(getattr(value, name)) for name in _fields(value) if name in names}
    return ", ".join(text if name in PLAIN else f"{name} {text}" for name, text in shown.items()) or _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value) or "something"
