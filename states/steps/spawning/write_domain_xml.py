"""libvirt.xml in the instance directory (nova `_get_guest_xml` writes it for operators to read; here it is also what gets defined)."""

from __future__ import annotations

import hashlib

from orchestrator.commands.command import Action, Command, Upload
from orchestrator.facts import digest
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.rendering import domain
from orchestrator.states.step import Todo

PATIENCE = 0.0


def path(instance: Instance) -> str:
    """Where the instance's XML lies on its host."""
    return f"{instance.directory}/libvirt.xml"


def needs(instance: Instance) -> tuple[Key, ...]:
    return (digest.Key(path(instance)),)


def plan(instance: Instance, facts: Facts) -> Todo:
    if facts[digest.Key(path(instance))] == _digest(instance):
        return Todo("libvirt.xml is as rendered")
    why = "libvirt.xml is missing" if facts[digest.Key(path(instance))] is None else "libvirt.xml differs"
    return Todo(why, (Upload(path(instance), domain.xml(instance).encode()),))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    if facts[digest.Key(path(instance))] is not None:
        return ()
    return (Command(("rm", "-f", "--", path(instance))),)


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {digest.Key(path(instance)): _digest(instance)}


def shares(instance: Instance) -> str | None:
    return None


def _digest(instance: Instance) -> str:
    return hashlib.sha256(domain.xml(instance).encode()).hexdigest()
