"""The config drive, `disk.config` (nova `configdrive`): made once, before the first boot, as in Nova.

It holds user data, perhaps with secrets: nobody but QEMU reads it.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command, Upload
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.rendering import config_drive, domain
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return (_file(instance),) if instance.config_drive else ()


def plan(instance: Instance, facts: Facts) -> Todo:
    if not instance.config_drive:
        return Todo("no config drive asked for")
    if facts[_file(instance)] is not None:
        return Todo("config drive is there")
    return Todo("config drive is missing", (Upload(domain.config_drive_path(instance), config_drive.iso(instance), 0o600),))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    if not instance.config_drive or facts[_file(instance)] is not None:
        return ()
    return (Command(("rm", "-f", "--", domain.config_drive_path(instance))),)


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {_file(instance): "file"} if instance.config_drive else {}


def shares(instance: Instance) -> str | None:
    return None


def _file(instance: Instance) -> file.Key:
    return file.Key(domain.config_drive_path(instance))
