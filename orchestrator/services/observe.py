"""The facts of several hosts at once, one batch a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent import futures
from types import MappingProxyType

from msgspec import Struct, field

from orchestrator.commands.command import Batch
from orchestrator.facts import compute, gather, hypervisor, kvm, link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.host import Capacity, Host
from orchestrator.model.instance import Record
from orchestrator.planning import course, fabrics
from orchestrator.ports.store import Run
from orchestrator.ports.writes import Resource, Seen, Settle
from orchestrator.services import older
from orchestrator.services.app import App

BOOTED = "booted"


class Observation(Struct, frozen=True):
    """What was seen of a host, or the error that kept it from being seen."""

    host: Host
    facts: Facts = field(default_factory=dict)
    capacity: Capacity | None = None
    error: errors.HostError | None = None


def observe(
    app: App,
    hosts: Sequence[Host],
    records: Sequence[Record],
    run: Run | None = None,
    more: Mapping[str, Sequence[Key]] = MappingProxyType({}),
    *,
    steps: Sequence[str] = course.STEPS,
) -> dict[str, Observation]:
    """Observations by host name: the host itself, everything that these steps of the records' instances there look at, and what `more` names.

    With a `run` that owns the records, batches of theirs that may still be under way are waited for first, so that what is seen is not about to
    change; then they count as over, and the hosts as seen.
    """
    if not hosts:
        return {}
    departed = _departed(app, known := app.store.capacities())
    ours = {record.instance.uuid for record in records} if run else set()
    left = tuple(job for job in app.store.open_jobs() if ours & set(job.uuids))
    there: dict[str, list[Record]] = {}
    for record in records:
        there.setdefault(record.instance.host, []).append(record)

    def look(host: Host) -> Observation:
        own = (key for record in there.get(host.name, ()) for key in course.needs(record.instance, steps))
        keys = _keys(host, own, known.get(host.name), more.get(host.name, ()))
        attach = tuple(job.job for job in left if job.host == host.name)
        batch = Batch(f"look-{host.name}", 0, reads=gather.commands(keys), attach=attach)
        try:
            facts = gather.parse(keys, app.transport.run(host, batch, lambda record: None))
            found = capacity(host, facts, known.get(host.name))
            if _booted(found, facts, known.get(host.name)):
                again = Batch(batch.job, 0, reads=gather.commands([hypervisor.Key()]))
                facts |= gather.parse([hypervisor.Key()], app.transport.run(host, again, lambda record: None))
                found = capacity(host, facts, known.get(host.name))
            _named(host, found, departed)
            return Observation(host, facts, found)
        except errors.HostError as error:
            return Observation(host, error=error)

    with futures.ThreadPoolExecutor(min(app.forks, len(hosts))) as pool:
        seen = {each.host.name: each for each in pool.map(look, hosts)}
    older.refuse(app.store, {name: each.facts for name, each in seen.items()})
    fresh = [Seen(name, each.capacity) for name, each in seen.items() if each.capacity and each.capacity != known.get(name)]
    booted = [each for name in seen for each in _unknown(name, seen[name].capacity, known.get(name))]
    over = [Settle(job.job, "observed") for job in left if job.host in seen and not seen[job.host].error]
    if run and (fresh or over):
        app.store.commit(run, [*fresh, *booted, *over])
    return seen


def _departed(app: App, known: Mapping[str, Capacity]) -> dict[str, str]:
    """By machine id, the names of hosts that the inventory does not have any more, and that have instances."""
    gone = known.keys() - app.inventory.hosts.keys()
    there = {record.instance.host for record in app.store.records()} if gone else set()
    return {known[name].machine_id: name for name in gone & there}


def _named(host: Host, found: Capacity, departed: Mapping[str, str]) -> None:
    """Raises HostError for a machine by another name: what its instances there share would look as if nothing needed it, their rules, their networks."""
    if name := departed.get(found.machine_id):
        raise errors.HostError(
            f"host {host.name!r} is the machine that was called {name!r}",
            host.name,
            f"instances are recorded on {name!r}, and what they need would be taken for left over",
            f"call it {name!r} in the inventory",
        )


def _unknown(name: str, found: Capacity | None, known: Capacity | None) -> list[Resource]:
    """Nothing that was known of a host holds once it has booted; its guests are to be brought back."""
    if found is None or known is None or found.boot_id == known.boot_id:
        return []
    return [Resource("fabric", name, fabrics.UNKNOWN), Resource(BOOTED, name, "")]


def _keys(host: Host, own: Iterable[Key], known: Capacity | None, shared: Sequence[Key]) -> tuple[Key, ...]:
    links = [link.Key(name) for name in host.physical_networks.values()]
    probe: list[Key] = [] if host.virt_type or known else [kvm.Key()]
    probe += [] if known and known.arch else [hypervisor.Key()]
    return tuple(dict.fromkeys([compute.Key(host.instances_path), *links, *probe, *shared, *own]))


def _booted(found: Capacity, facts: Facts, known: Capacity | None) -> bool:
    """Whether what libvirt says of the host may be another thing by now: it has another QEMU, or processor, since it was asked."""
    return known is not None and known.boot_id != found.boot_id and hypervisor.Key() not in facts


def capacity(host: Host, facts: Mapping[Key, object], known: Capacity | None) -> Capacity:
    """What the facts say there is of the host. Raises HostError when another machine answers than the one that is `known`."""
    seen = facts[compute.Key(host.instances_path)]
    assert isinstance(seen, compute.Compute)  # noqa: S101  # the fact's own type
    if known and known.machine_id != seen.machine_id:
        raise errors.HostError(
            "another machine answers",
            host.name,
            f"machine id was {known.machine_id} and is {seen.machine_id}",
            "mend ansible_host in the inventory",
        )
    detected = known.virt_type if known else ("kvm" if facts.get(kvm.Key()) else "qemu")
    amounts = (seen.machine_id, seen.boot_id, seen.vcpus, seen.memory_mb, seen.disk_gb, seen.free_disk_gb)
    said = facts.get(hypervisor.Key(), known)
    details = {name: getattr(said, name) for name in hypervisor.Hypervisor.__struct_fields__} if said else {}
    return Capacity(*amounts, host.virt_type or detected, **details)
