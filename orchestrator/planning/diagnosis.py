"""What is wrong with an instance on its host, and what would mend it: expected against observed, each finding with its cause and the class of its repair."""

from __future__ import annotations

from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import surroundings, symptoms
from orchestrator.planning.finding import Finding, Repair
from orchestrator.planning.groundwork import Groundwork

__all__ = ["Finding", "Repair", "diagnose", "drift", "needs", "shared", "silent"]


def needs(instance: Instance) -> tuple[Key, ...]:
    """Facts that a diagnosis looks at besides those that every look has: reading an image's base whole may take as long as it is large."""
    return symptoms.needs(instance)


def diagnose(record: Record, facts: Facts, ground: Groundwork | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with the instance, and with what its host's instances share (that is the same for all of them); empty when all is as it
    should be. Facts of `needs` that were not looked at are taken to be well.
    """
    return (*symptoms.of(record, facts), *(shared(ground.fabric, facts) if ground else ()))


def shared(fabric: Fabric, facts: Facts) -> tuple[Finding, ...]:
    """Everything that is wrong with what a host's instances share."""
    return tuple(surroundings.of(fabric, facts))


def silent(host: str, error: errors.HostError) -> Finding:
    """That a host answers, and something on it does not: nothing else can be said of it."""
    cause = "libvirt-silent" if error.what == "libvirt does not answer" else "host-silent"
    return Finding("host", host, host, cause, f"{error.what}: {error.why}", Repair.CANNOT, error.hint or "see `orchestrator doctor`")


def drift(record: Record, facts: Facts) -> tuple[str, ...]:
    """What differs from what an instance rests on, though its domain is in the state that it is to be in: a line each."""
    return tuple(f"{each.cause}: {each.detail}" for each in symptoms.of(record, facts))
