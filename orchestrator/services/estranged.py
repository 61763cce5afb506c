"""A store that has no instance, on hosts that have guests of ours: more likely the wrong store, or one that lost all, than a new one.

Nova refuses to start a compute service so: a new one on a host with guests ("possible database configuration error", `_sanity_check_new_host`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.facts import domain, others
from orchestrator.facts.gather import Key
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.planning import takeover
from orchestrator.ports.store import Snapshot
from orchestrator.services.app import App
from orchestrator.services.observe import Observation, observe


def needs(known: Snapshot, hosts: Iterable[Host]) -> dict[str, tuple[Key, ...]]:
    """What to look for: nothing, as soon as the store has an instance."""
    return {} if known.records else {host.name: (domain.Every(),) for host in hosts}


def refuse(app: App, known: Snapshot, seen: Mapping[str, Observation]) -> None:
    """Raises Conflict when guests of the store's own are there, or of another's while this one never had any, and nobody said that it is a new one.

    Whose they are is asked only where there are any.
    """
    if known.records or app.store.records():  # another run may have begun meanwhile: it records what it makes before
        return
    inhabited = [each.host for each in seen.values() if each.facts.get(domain.Every())]
    looked = observe(app, inhabited, (), None, {host.name: (others.Key(host.instances_path),) for host in inhabited})
    found = {name: list(_ours(app, known, each)) for name, each in looked.items()}
    there = {name: each for name, each in found.items() if each}
    if not there:
        return
    first, own = next(iter(there)), app.store.lineage in (lineage for each in there.values() for lineage in each)
    told = ", ".join(f"{len(each)} on {name}" for name, each in there.items())
    raise errors.Conflict(
        "the store has no instance, but hosts have guests that it forgot"
        if own
        else "the store is empty, but hosts have guests of another",
        first,
        f"guests with our mark: {told}: is this the right store?",
        f"name the right one with --state, or take them over: `orchestrator adopt {first}`"
        + ("" if own else "; or say that it is to be --new-store"),
    )


def _ours(app: App, known: Snapshot, seen: Observation) -> Iterator[str]:
    """Lineages of the marks that speak against the store. Raises HostError when the host was lost since: what is there is not known then."""
    if seen.error:
        raise seen.error
    there = seen.facts.get(others.Key(seen.host.instances_path))
    for each in there.domains if isinstance(there, others.Others) else ():
        if each.lineage == app.store.lineage or (each.lineage and takeover.blank(known) and not app.new_store):
            yield each.lineage
