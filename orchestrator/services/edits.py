"""What the playbook changes of instances that exist: by class and consent, and the instances as they are to be."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence

from msgspec import structs

from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest, NetworkRequest
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import amend, compare
from orchestrator.planning.changes import CONSENTS, Edit
from orchestrator.ports.store import Snapshot
from orchestrator.scheduling import addresses, bind
from orchestrator.services.app import App
from orchestrator.services.observe import Observation

Edits = Mapping[str, Sequence[Edit]]
"""By instance's name; of those without any, none."""


def of(app: App, seen: Snapshot, desired: Desired, away: Collection[str] = ()) -> dict[str, tuple[Edit, ...]]:
    """The differences, each with why it is not made, where it is not. `away`: hosts that were not reached."""
    found = {}
    for record in seen.records:
        wish = _wish(record, desired)
        if wish and (edits := compare.edits(record, wish, desired)):
            found[record.instance.name] = amend.held(record, edits, app.allow, record.instance.host in away)
    return found


def amended(seen: Snapshot, desired: Desired, edits: Edits) -> Snapshot:
    """What is recorded, with what the playbook changes of instances that are there: a root disk that is to grow takes its room before others are placed."""
    return structs.replace(seen, records=tuple(_amended(record, desired, edits) for record in seen.records))


def consented(edits: Edits) -> frozenset[str]:
    """Names of instances of which something is made that takes consent."""
    return frozenset(name for name, found in edits.items() if any(not edit.held and edit.kind in CONSENTS for edit in found))


def before(app: App, seen: Snapshot, desired: Desired, wished: Sequence[Instance], away: Collection[str] = ()) -> tuple[Instance, ...]:
    """Instances as they are to be recorded before what was consented to is begun: with all that takes no consent. `wished`: as they will be."""
    found = {instance.name: instance for instance in wished}
    own = structs.replace(seen, records=tuple(record for record in seen.records if record.instance.name in found))
    calm = amended(own, desired, of(structs.replace(app, allow=frozenset()), own, desired, away))
    there = (record.instance for record in calm.records)  # ports and what they are on take no consent; new ones were bound
    return tuple(structs.replace(each, ports=found[each.name].ports, networks=found[each.name].networks) for each in there)


def _wish(record: Record, desired: Desired) -> InstanceRequest | None:
    wish = desired.instances.get(record.instance.name)
    return wish if wish and wish.state != "absent" else None


def _amended(record: Record, desired: Desired, edits: Edits) -> Record:
    wish, was = _wish(record, desired), record.instance
    if wish is None:
        return record
    path = posixpath.dirname(was.directory)
    made = amend.amended(
        record, wish, desired, edits.get(was.name, ()), lambda image, flavor, parts: bind.disks(was.directory, path, image, flavor, parts)
    )
    return structs.replace(record, instance=made)


def plugged(app: App, wished: Snapshot, desired: Desired, observed: Mapping[str, Observation]) -> Snapshot:
    """The same with the ports that instances are to have besides, on hosts that answered. Raises Conflict when an address is taken, or a host has no
    such network.
    """
    lacking = {record.instance.name: wishes for record in wished.records if (wishes := _lacking(record, desired))}
    if not lacking:
        return wished
    taken = addresses.Taken(port for record in wished.records for port in record.instance.ports)
    records = []
    for record in wished.records:
        seen = observed.get(record.instance.host)
        if record.instance.name in lacking and seen and not seen.error:
            made = _plugged(app, record, desired, lacking[record.instance.name], (seen, taken))
            taken.add(made.ports[len(record.instance.ports) :])
            record = structs.replace(record, instance=made)
        records.append(record)
    return structs.replace(wished, records=tuple(records))


def _lacking(record: Record, desired: Desired) -> list[NetworkRequest]:
    wish = _wish(record, desired)
    if wish is None or compare.busy(record):
        return []
    return [each for each, port in zip(wish.networks, compare.pairs(record.instance, wish), strict=True) if port is None]


def _plugged(
    app: App, record: Record, desired: Desired, wishes: Sequence[NetworkRequest], to: tuple[Observation, addresses.Taken]
) -> Instance:
    instance, (seen, taken) = record.instance, to
    wish = desired.instances[instance.name]
    networks = {**instance.networks, **{each.network: desired.networks[each.network] for each in wishes}}
    for each in wishes:
        _reaches(seen.host, desired, each.network, wish)
    found = structs.replace(instance, networks=networks)
    ports = bind.more(found, wish, wishes, bind.Socket(app.store.lineage, seen.host, seen.facts), taken)
    status = "" if compare.unbuilt(record) else "attaching"
    return structs.replace(found, ports=(*instance.ports, *(structs.replace(port, status=status) for port in ports)))


def _reaches(host: Host, desired: Desired, name: str, wish: InstanceRequest) -> None:
    """Raises Conflict when the host has nothing that carries the network."""
    network = desired.networks[name]
    carried = host.tunnel_end if network.type == "vxlan" else network.physical_network in host.physical_networks
    if not carried:
        lack = "local_ip" if network.type == "vxlan" else f"physical network {network.physical_network!r}"
        raise errors.Conflict(
            f"instance {wish.name!r} cannot have a port of network {name!r}",
            wish.where,
            f"its host {host.name} has no {lack}",
            "see the inventory",
        )
