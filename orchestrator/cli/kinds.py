"""The kinds of thing that `get` lists: a row here is all that a kind needs."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from orchestrator.cli import objects, playbooks
from orchestrator.cli.output import Object
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Wiring


class Kind(Struct, frozen=True):
    """`columns` and, with -o wide, `wide` are fields of the objects; a column's title is its field's name in capitals."""

    name: str
    aliases: tuple[str, ...]
    objects: Callable[[Wiring], Iterable[Object]]
    columns: tuple[str, ...]
    wide: tuple[str, ...] = ()
    placed: bool = False  # --limit means something: it is on a host


def _homes(wiring: Wiring) -> set[str] | None:
    """Hosts that --limit leaves; None: it was not given."""
    return set(playbooks.hosts(wiring)) if wiring.settings.limit else None


def _instances(wiring: Wiring) -> Iterable[Object]:
    homes = _homes(wiring)
    return [objects.instance(record) for record in wiring.store.records() if homes is None or record.instance.host in homes]


def _ports(wiring: Wiring) -> Iterable[Object]:
    homes = _homes(wiring)
    return [port for record in wiring.store.records() if homes is None or record.instance.host in homes for port in objects.ports(record)]


def _hosts(wiring: Wiring) -> Iterable[Object]:
    """Those of the inventory, if there is one, and those that instances were placed on."""
    named = dict(wiring.inventory().hosts) if wiring.settings.inventory else {}
    seen, homes = wiring.store.capacities(), _homes(wiring)
    counts = collections.Counter(record.instance.host for record in wiring.store.records())
    names = dict.fromkeys((*named, *seen, *counts))
    return [objects.host(name, named.get(name), seen.get(name), counts) for name in names if homes is None or name in homes]


def _resources(kind: str, wiring: Wiring) -> Iterable[Object]:
    return [objects.resource(found) for found in wiring.store.resources(kind)]


def _networks(wiring: Wiring) -> Iterable[Object]:
    found = _resources("network", wiring)
    return [{**each, "cidrs": [subnet["cidr"] for subnet in each["subnets"]]} for each in found]  # type: ignore[attr-defined]


def _groups(wiring: Wiring) -> Iterable[Object]:
    found = _resources("security_group", wiring)
    return [{**each, **{way: _count(each["rules"], way) for way in ("ingress", "egress")}} for each in found]


def _server_groups(wiring: Wiring) -> Iterable[Object]:
    members: dict[str | None, list[str]] = {}
    for record in wiring.store.records():
        members.setdefault(record.instance.server_group, []).append(record.instance.name)
    return [{**each, "members": members.get(str(each["name"]), [])} for each in _resources("server_group", wiring)]


def _count(rules: object, direction: str) -> int:
    return sum(rule["direction"] == direction for rule in rules) if isinstance(rules, list) else 0


def _volumes(wiring: Wiring) -> Iterable[Object]:
    owners = {record.instance.uuid: record.instance.name for record in wiring.store.records()}
    return [objects.volume(record, owners) for record in wiring.store.volumes()]


def _runs(wiring: Wiring) -> Iterable[Object]:
    return [objects.run(found) for found in wiring.store.runs()]


KINDS = (
    Kind(
        "instances",
        ("instance", "inst", "i", "vm", "vms"),
        _instances,
        ("name", "state", "host", "addresses", "flavor", "image"),
        ("uuid", "domain", "task_state", "power_state", "wanted", "created_at", "updated_at", "fault"),
        placed=True,
    ),
    Kind(
        "hosts",
        ("host",),
        _hosts,
        ("name", "address", "availability_zone", "virt_type", "vcpus", "memory_mb", "free_disk_gb", "instances"),
        ("port", "user", "connection", "disk_gb", "arch", "numa_cells", "groups", "aggregates", "disabled", "in_inventory", "seen"),
        placed=True,
    ),
    Kind("images", ("image", "img"), partial(_resources, "image"), ("name", "disk_format", "size", "virtual_size"), ("source", "digest")),
    Kind(
        "networks",
        ("network", "net", "nets"),
        _networks,
        ("name", "type", "physical_network", "segmentation_id", "cidrs"),
        ("driver", "mtu", "subnets"),
    ),
    Kind("security-groups", ("security-group", "secgroup", "sg"), _groups, ("name", "ingress", "egress"), ("rules",)),
    Kind("server-groups", ("server-group", "group"), _server_groups, ("name", "policy", "members"), ("max_server_per_host",)),
    Kind(
        "ports",
        ("port",),
        _ports,
        ("name", "instance", "network", "fixed_ips", "mac"),
        ("host", "tap", "bridge", "interface", "switch", "security_groups", "port_security"),
        placed=True,
    ),
    Kind(
        "volumes",
        ("volume", "vol", "vols"),
        _volumes,
        ("name", "status", "size", "backend", "instance", "device", "host"),
        ("id", "image", "read_only", "created_at", "updated_at", "fault"),
    ),
    Kind("flavors", ("flavor",), partial(_resources, "flavor"), ("name", "vcpus", "ram", "disk", "ephemeral", "swap")),
    Kind("keypairs", ("keypair", "key", "keys"), partial(_resources, "keypair"), ("name", "public_key")),
    Kind(
        "runs",
        ("run",),
        _runs,
        ("name", "verb", "status", "started_at", "duration", "recap"),
        ("finished_at", "epoch", "holder"),
    ),
)


class KindType(click.ParamType[Kind]):
    """A kind by its name, singular or short."""

    name = "kind"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> Kind:
        """The kind."""
        found = next((kind for kind in KINDS if value in (kind, kind.name, *kind.aliases)), None)
        return found or self.fail(f"no kind {value!r}; kinds are {', '.join(kind.name for kind in KINDS)}", parameter, context)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Names of kinds."""
        return [click.shell_completion.CompletionItem(kind.name) for kind in KINDS if kind.name.startswith(incomplete)]


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the kind that was given before, for the shell; nothing when the store cannot be asked."""
    kind = context.params.get("kind")
    try:
        found = [str(each["name"]) for each in kind.objects(context.obj)] if isinstance(kind, Kind) else []
    except errors.OrchestratorError:
        return []
    return [name for name in found if name.startswith(incomplete)]
