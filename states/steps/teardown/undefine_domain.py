"""The domain's definition gone; NVRAM is kept, disks are not libvirt's to remove (nova `_undefine_domain`)."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.facts import autostart
from orchestrator.facts import domain as domains
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return (domains.Key(instance.domain),)


def plan(instance: Instance, facts: Facts) -> Todo:
    power.is_off(instance, facts)
    found = facts[domains.Key(instance.domain)]
    if not isinstance(found, domains.Domain) or not found.persistent:
        return Todo("domain is not defined")
    # 1: already gone
    undefine = Command(("virsh", "-q", "-c", domains.URI, "undefine", "--domain", instance.uuid, "--keep-nvram"), accepts=(0, 1))
    return Todo("domain is defined", (undefine,))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    found = facts[domains.Key(instance.domain)]
    if power.is_off(instance, facts) or not isinstance(found, domains.Domain):
        gone: dict[Key, object] = {domains.Key(instance.domain): None}
        return gone | ({autostart.Key(instance.uuid): None} if instance.autostart else {})
    return {domains.Key(instance.domain): structs.replace(found, persistent=False)}


def shares(instance: Instance) -> str | None:
    return None
