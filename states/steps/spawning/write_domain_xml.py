"""libvirt.xml in the instance directory (nova `_get_guest_xml` writes it for operators to read; here it is also what gets defined).

Beside it instance.json, the instance as it was when its XML was made: a store that forgot it can be told (`orchestrator adopt`). It comes first, so
that nothing is ever defined that could not be told of.
"""

from __future__ import annotations

import hashlib

from orchestrator.commands.command import Action, Command, Upload
from orchestrator.facts import digest, file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.rendering import described, domain
from orchestrator.states.step import Todo

PATIENCE = 0.0


def path(instance: Instance) -> str:
    """Where the instance's XML lies on its host."""
    return f"{instance.directory}/libvirt.xml"


def needs(instance: Instance) -> tuple[Key, ...]:
    return (digest.Key(path(instance)), file.Key(described.path(instance)))


def plan(instance: Instance, facts: Facts) -> Todo:
    same = facts[digest.Key(path(instance))] == _digest(instance)
    if same and facts[file.Key(described.path(instance))] is not None:
        return Todo("libvirt.xml is as rendered")
    told = Upload(described.path(instance), described.text(instance), 0o600)
    if same:
        return Todo("instance.json is missing", (told,))
    why = "libvirt.xml is missing" if facts[digest.Key(path(instance))] is None else "libvirt.xml differs"
    return Todo(why, (told, Upload(path(instance), domain.xml(instance).encode())))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    missing = tuple(key.path for key in (digest.Key(path(instance)), file.Key(described.path(instance))) if facts[key] is None)
    return (Command(("rm", "-f", "--", *missing)),) if missing else ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {digest.Key(path(instance)): _digest(instance), file.Key(described.path(instance)): "file"}


def shares(instance: Instance) -> str | None:
    return None


def _digest(instance: Instance) -> str:
    return hashlib.sha256(domain.xml(instance).encode()).hexdigest()
