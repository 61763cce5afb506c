"""Recorded instances as what a playbook would say of them, to ask where they would go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from orchestrator.model.desired import Desired, InstanceRequest, NetworkRequest, ServerGroup
from orchestrator.model.instance import Instance

T = TypeVar("T")


def wishes(instances: Iterable[Instance], hosts: tuple[str, ...], groups: Mapping[str, ServerGroup], known: Desired) -> Desired:
    """What is `known`, and wishes for the instances on any of the `hosts`, with all that they are made of now, in the zone that was asked for."""
    flavors, images, networks = dict(known.flavors), dict(known.images), dict(known.networks)
    found = dict(known.instances)
    for each in instances:
        boot = next((attached.volume.name for attached in each.volumes if attached.boot), None)
        networks = {**each.networks, **networks}
        found[each.name] = InstanceRequest(
            each.name,
            _kept(flavors, each.flavor.name, each.flavor),
            _kept(images, each.image.name, each.image) if each.image.name else "",
            hosts,
            tuple(NetworkRequest(port.network, port_security=port.port_security) for port in each.ports),
            availability_zone=each.requested_zone,
            scheduler_hints=each.scheduler_hints,
            volumes=tuple(attached.volume.name for attached in each.volumes if not attached.leaving),
            boot_volume=boot,
            ephemerals=tuple(disk.size >> 30 for disk in each.disks if disk.name.startswith("disk.eph")),
            server_group=each.server_group if each.server_group in groups else None,
            project=each.project,
        )
    return Desired(
        flavors, images, networks, known.keypairs, found, known.security_groups, known.volumes, {**groups, **known.server_groups}
    )


def _kept(table: dict[str, T], name: str, value: T) -> str:
    """Its name in the table: another one when something else has its own, as instances of earlier playbooks may."""
    while table.setdefault(name, value) != value:
        name += "'"
    return name
