"""What the store knows, as plain objects: one shape for JSON, YAML and columns. Fields are only ever added."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from orchestrator.cli.output import Object, versioned

if TYPE_CHECKING:
    from orchestrator.model.decision import Decision
    from orchestrator.model.host import Capacity, Host
    from orchestrator.model.instance import Record
    from orchestrator.model.volume import VolumeRecord
    from orchestrator.ports.store import Ended, Event, Run
    from orchestrator.ports.writes import Resource


def instance(record: Record) -> Object:
    """An instance as `get` shows it."""
    made = record.instance
    return versioned(
        name=made.name,
        uuid=made.uuid,
        state=record.state,
        vm_state=record.vm_state,
        task_state=record.task_state,
        power_state=record.power_state,
        wanted=record.wanted,
        host=made.host,
        availability_zone=made.availability_zone,
        domain=made.domain,
        flavor=made.flavor.name,
        image=made.image.name,
        keypair=made.keypair,
        addresses=addresses(record),
        volumes=[each.volume.name for each in made.volumes],
        metadata=dict(made.metadata),
        tags=list(made.tags),
        created_at=record.created_at,
        updated_at=record.updated_at,
        fault=record.fault,
    )


def volume(record: VolumeRecord, owners: Mapping[str, str]) -> Object:
    """A volume; its size in GiB. `owners`: instances' names by uuid."""
    made = record.volume
    return versioned(
        name=made.name,
        id=made.id,
        status=record.status,
        size=made.size,
        backend=made.backend,
        host=made.host or None,
        instance=owners.get(record.instance or ""),
        device=record.device,
        boot=record.boot,
        image=made.image.name if made.image else None,
        read_only=made.read_only,
        options=dict(made.options),
        created_at=record.created_at,
        updated_at=record.updated_at,
        fault=record.fault,
    )


def addresses(record: Record) -> dict[str, list[str]]:
    """Fixed IPs by network."""
    found: dict[str, list[str]] = {}
    for each in record.instance.ports:
        found.setdefault(each.network, []).extend(each.fixed_ips)
    return found


def ports(record: Record) -> list[Object]:
    """The ports of an instance."""
    made = record.instance
    return [
        versioned(
            name=each.id,
            instance=made.name,
            network=each.network,
            fixed_ips=list(each.fixed_ips),
            mac=each.mac,
            host=made.host,
            tap=each.tap,
            bridge=each.bridge,
            interface=each.interface,
            switch=each.switch,
            security_groups=list(each.security_groups),
            port_security=each.port_security,
        )
        for each in made.ports
    ]


def whole(record: Record, events: Sequence[Event]) -> Object:
    """An instance with everything about it, but its user data, which may be secret."""
    made = record.instance
    return {
        **instance(record),
        "decision": record.decision.why,
        "placement": placement(record.decision),
        "directory": made.directory,
        "virt_type": made.virt_type,
        "flavor": _fields(made.flavor),
        "image": _fields(made.image),
        "disks": [_fields(disk) for disk in made.disks],
        "ports": [{key: value for key, value in port.items() if key != "schema_version"} for port in ports(record)],
        "server_group": made.server_group,
        "project": made.project,
        "devices": [_fields(each) for each in made.devices],
        "numa_cells": list(made.cells),
        "config_drive": made.config_drive,
        "user_data": made.user_data and f"{len(made.user_data)} characters",
        "launched": made.launched,
        "history": [event(each) for each in events],
    }


def placement(found: Decision) -> dict[str, object]:
    """Why a host was chosen."""
    return {**_fields(found), "weights": [{**_fields(each), "weighted": each.weighted} for each in found.weights]}


def host(name: str, found: Host | None, seen: Capacity | None, homes: Mapping[str, int]) -> Object:
    """A host as the inventory names it and as it was last seen; memory in MiB, disk in GiB."""
    return versioned(
        name=name,
        address=found.address if found else None,
        port=found.port if found else None,
        user=found.user if found else None,
        connection=found.connection if found else None,
        availability_zone=found.availability_zone if found else None,
        groups=list(found.groups) if found else [],
        aggregates=[each.name for each in found.aggregates] if found else [],
        disabled=(found.disabled or None) if found else None,
        in_inventory=found is not None,
        seen=seen is not None,
        virt_type=(found.virt_type if found else None) or (seen.virt_type if seen else None),
        vcpus=seen.vcpus if seen else None,
        memory_mb=seen.memory_mb if seen else None,
        disk_gb=seen.disk_gb if seen else None,
        free_disk_gb=seen.free_disk_gb if seen else None,
        arch=(seen.arch or None) if seen else None,
        cpu_model=(seen.cpu_model or None) if seen else None,
        hypervisor_version=(seen.hypervisor_version or None) if seen else None,
        numa_cells=len(seen.cells) if seen else None,
        instances=homes.get(name, 0),
    )


def resource(found: Resource) -> Object:
    """A noun of the playbooks, as it was last applied."""
    return {**versioned(name=found.name), **json.loads(found.body)}


def run(found: Run) -> Object:
    """A run of a changing command; `duration` in seconds, None while it is under way."""
    took = None
    if found.finished_at:
        begun, ended = (datetime.datetime.fromisoformat(text) for text in (found.started_at, found.finished_at))
        took = round((ended - begun).total_seconds(), 3)
    return {**versioned(name=found.id), **{key: value for key, value in _fields(found).items() if key != "id"}, "duration": took}


def outcome(found: Ended) -> dict[str, object]:
    """What became of an instance in a run, or, without a name, of what a host's instances share."""
    return {**_fields(found), "name": found.name or None, "state": found.state or None, "fault": found.fault or None}


def event(found: Event) -> dict[str, object]:
    """A line of an instance's history; `duration` in ms."""
    return _fields(found)


def _fields(value: object) -> dict[str, object]:
    return dict(msgspec.to_builtins(value))
