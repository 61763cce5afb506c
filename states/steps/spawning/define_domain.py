"""The persistent libvirt domain, carrying our ownership mark (nova `Guest.create`; virsh define)."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.facts import autostart, shape
from orchestrator.facts import domain as domains
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance
from orchestrator.rendering import domain
from orchestrator.states.step import Todo
from orchestrator.states.steps.spawning import write_domain_xml

PATIENCE = 0.0

# One fixed script, its arguments are data: domain's uuid, URI. virsh's exit code 1 may mean that it is not defined, or that it could not be undefined:
# only libvirt's own list tells, and what counts as undone is built on another host.
UNDEFINED = 'all=$(virsh -q -c "$2" list --all --uuid) && case $all in *"$1"*) false;; esac'


def needs(instance: Instance) -> tuple[Key, ...]:
    return (domains.Key(instance.domain), *_autostart(instance))


def _autostart(instance: Instance) -> tuple[autostart.Key, ...]:
    return (autostart.Key(instance.uuid),) if instance.autostart else ()


def plan(instance: Instance, facts: Facts) -> Todo:
    found = facts[domains.Key(instance.domain)]
    forgets = any(facts[key] is None for key in _autostart(instance))
    marks = (_starting(instance),) if forgets else ()
    if as_rendered(instance, facts):
        return Todo("it does not start with its host any more" if forgets else "domain is defined as rendered", marks)
    if isinstance(found, domains.Domain) and found.uuid != instance.uuid:
        raise errors.HostError(
            f"domain {instance.domain} belongs to another",
            why=f"its uuid is {found.uuid}, the instance's {instance.uuid}",
            hint="another store manages this host, or its domains were forgotten: nothing was changed",
        )
    # Without --validate, as nova's defineXML: libvirtd parses its whole schema for each (20 ms and more), keeps 35 MiB of it, and copies that to fork each
    # QEMU. What could be wrong is ours, since no value can become an element: tests hold every kind of XML to the schema, and to a libvirtd that validates.
    define = Command(("virsh", "-q", "-c", domains.URI, "define", "--file", write_domain_xml.path(instance)))
    return Todo("domain is not defined" if found is None else "domain is defined otherwise", (define, *marks))


def _starting(instance: Instance, *flags: str) -> Command:
    return Command(("virsh", "-q", "-c", domains.URI, "autostart", "--domain", instance.uuid, *flags))


def as_rendered(instance: Instance, facts: Facts) -> bool:
    """Whether it is defined as it should be, whatever libvirt starts with its host."""
    found = facts[domains.Key(instance.domain)]
    return found == _defined(instance, found) and not differs(instance, facts)


def wanted(instance: Instance) -> shape.Shape:
    """What a guest of the instance is to have."""
    return shape.of(domain.xml(instance))


def differs(instance: Instance, facts: Facts) -> tuple[str, ...]:
    """What is known to be defined otherwise, though it bears our mark: somebody edited it. Only a diagnosis looks."""
    found = facts.get(shape.Key(instance.domain))
    return wanted(instance).differences(found) if isinstance(found, shape.Shape) else ()


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    if facts[domains.Key(instance.domain)] is not None:
        return (_starting(instance, "--disable"),) if any(facts[key] is None for key in _autostart(instance)) else ()
    return (undefining(instance.uuid),)


def undefining(uuid: str) -> Command:
    """The definition of the domain with this uuid gone; one that is not defined is fine, one that stays is a failure."""
    undefined = ("sh", "-c", UNDEFINED, "domain-undefined", uuid, domains.URI)
    return Command(("virsh", "-q", "-c", domains.URI, "undefine", "--domain", uuid, "--keep-nvram"), otherwise=undefined)


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    expected: dict[Key, object] = {domains.Key(instance.domain): _defined(instance, facts[domains.Key(instance.domain)])}
    expected |= dict.fromkeys(_autostart(instance), True)
    return expected | ({shape.Key(instance.domain): wanted(instance)} if shape.Key(instance.domain) in facts else {})


def shares(instance: Instance) -> str | None:
    return None


def _defined(instance: Instance, found: object) -> domains.Domain:
    """The domain as it is to be, in whatever power state it was found."""
    before = found if isinstance(found, domains.Domain) else domains.Domain(instance.uuid, "shut off")
    return structs.replace(before, uuid=instance.uuid, persistent=True, lineage=instance.lineage, digest=domain.digest(instance))
