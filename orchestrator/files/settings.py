"""A file of settings: a mapping of names to values or lists of values, each kept as written."""

from __future__ import annotations

from pathlib import Path

from orchestrator.files import text, yaml
from orchestrator.model import errors

SCHEDULER = "scheduler"
"""The one setting that is a mapping of others."""
PATHS = frozenset({"inventory", "state"})
"""Settings whose values are relative to the file that says them."""


def read(path: Path) -> dict[str, tuple[tuple[str, ...], str]]:
    """Name -> (texts, place). Raises SpecErrors when the file cannot be read, or is no such mapping."""
    node = yaml.load(text.read(path), str(path))
    if isinstance(node, yaml.Scalar) and node.value is None:
        return {}
    if not isinstance(node, yaml.Mapping):
        raise errors.SpecError("not a file of settings", str(node.mark), "it is a mapping", "write `forks: 20`")
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for key, value in node.items:
        if key.text == SCHEDULER:
            found |= _scheduler(value)
        else:
            found[key.text] = (_texts(key.text, value, path.parent), str(key.mark))
    return found


def _scheduler(node: yaml.Node) -> dict[str, tuple[tuple[str, ...], str]]:
    """Its options by `scheduler.NAME`; the pairs of a mapping are texts such as `cpu.percent=1.5`."""
    if isinstance(node, yaml.Scalar) and node.value is None:
        return {}
    if not isinstance(node, yaml.Mapping):
        raise errors.SpecError(
            f"{SCHEDULER} cannot be this", str(node.mark), "it is a mapping of options", "write `max_attempts: 3` below it"
        )
    found = {}
    for key, value in node.items:
        if isinstance(value, yaml.Mapping):
            pairs = [(name.text, _texts(f"{key.text}.{name.text}", inner, Path())) for name, inner in value.items]
            texts = tuple(f"{name}={','.join(each)}" for name, each in pairs)
        else:
            texts = _texts(key.text, value, Path())
        found[f"{SCHEDULER}.{key.text}"] = (texts, str(key.mark))
    return found


def _texts(name: str, value: yaml.Node, folder: Path) -> tuple[str, ...]:
    items = value.items if isinstance(value, yaml.Sequence) else (value,)
    for item in items:
        if not isinstance(item, yaml.Scalar):
            raise errors.SpecError(f"{name} cannot be this", str(item.mark), "it takes a value, or a list of values")
    found = tuple(item.text for item in items if isinstance(item, yaml.Scalar))
    return tuple(_placed(each, folder) for each in found) if name in PATHS else found


def _placed(value: str, folder: Path) -> str:
    """A path from the file's folder on; lists of hosts, URLs and paths under a home folder stay as they are."""
    return value if "," in value or "://" in value or value.startswith("~") or not value else str(folder / value)
