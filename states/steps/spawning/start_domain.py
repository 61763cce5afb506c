"""The domain running, each tap a port of its bridge (nova `Guest.launch`, `_wait_for_running`)."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.facts import domain as domains
from orchestrator.facts import link, qemu
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 30.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return (
        domains.Key(instance.domain),
        qemu.Key(instance.uuid),
        *(link.Key(port.tap) for port in instance.ports if port.tap),
    )


def plan(instance: Instance, facts: Facts) -> Todo:
    power.refuse_unmanaged(instance, facts)
    power.refuse_cut_off(instance, facts)
    found = facts[domains.Key(instance.domain)]
    state = found.state if isinstance(found, domains.Domain) else "not defined"
    if state == "running":
        return Todo("domain is running")
    verb = "resume" if state == "paused" else "start"
    return Todo(
        f"domain is {state}",
        (Command(("virsh", "-q", "-c", domains.URI, verb, "--domain", instance.uuid), timeout=120),),
    )


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    if not plan(instance, facts).actions:
        return ()
    found = facts[domains.Key(instance.domain)]
    if isinstance(found, domains.Domain) and found.state == "paused":
        # 1: not running any more
        return (Command(("virsh", "-q", "-c", domains.URI, "suspend", "--domain", instance.uuid), accepts=(0, 1)),)
    return (power.end(instance),)


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    found = facts[domains.Key(instance.domain)]
    before = found if isinstance(found, domains.Domain) else domains.Domain(instance.uuid, "running")
    staying = (port for port in instance.ports if port.tap and port.status != "detaching")
    taps: dict[Key, object] = {link.Key(port.tap): link.Link("tun", port.bridge, True) for port in staying}
    process = facts[qemu.Key(instance.uuid)] or qemu.Process(instance.uuid, 0)
    return {domains.Key(instance.domain): structs.replace(before, state="running"), qemu.Key(instance.uuid): process, **taps}


def shares(instance: Instance) -> str | None:
    return None
