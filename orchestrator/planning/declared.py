"""Instances as a play that says the very same: what a playbook must say so that nothing is to be done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from orchestrator.model import desired
from orchestrator.model.instance import Instance, Port
from orchestrator.model.volume import Volume

Noun = dict[str, object]
OPENERS = re.compile(r"\{[{%#]")
ORDER = ("keypairs", "flavors", "images", "networks", "security_groups", "server_groups", "volumes", "instances")


def play(
    host: str,
    instances: Sequence[tuple[Instance, str]],
    groups: Mapping[str, desired.SecurityGroup],
    server_groups: Mapping[str, desired.ServerGroup],
) -> Noun:
    """The play of a host's instances, each with what it is wanted to be (active, stopped). What several share is said once, as the youngest has it."""
    nouns: dict[str, dict[str, Noun]] = {kind: {} for kind in ORDER}
    for instance, wanted in instances:
        for kind, noun in _nouns(instance, groups, server_groups):
            nouns[kind][str(noun["name"])] = noun
        nouns["instances"][instance.name] = _instance(instance, wanted)
    return {"hosts": host, **{kind: [_literal(noun) for noun in each.values()] for kind, each in nouns.items() if each}}


def _literal(value: object) -> object:
    """The same for whoever reads expressions in it: what begins one is written as one that gives it."""
    if isinstance(value, str):
        return OPENERS.sub(lambda found: f"{{{{ '{found[0]}' }}}}", value)
    if isinstance(value, Mapping):
        return {key: _literal(each) for key, each in value.items()}
    return [_literal(each) for each in value] if isinstance(value, list) else value


def _nouns(
    instance: Instance, groups: Mapping[str, desired.SecurityGroup], server_groups: Mapping[str, desired.ServerGroup]
) -> Iterator[tuple[str, Noun]]:
    yield "flavors", _told(instance.flavor, desired.Flavor("", 0, 0, 0))
    if instance.keypair and instance.public_key:
        yield "keypairs", {"name": instance.keypair, "public_key": instance.public_key}
    for image in (instance.image, *(each.volume.image for each in instance.volumes)):
        if image and image.name:
            yield "images", _image(image)
    yield from (("networks", _network(each)) for each in instance.networks.values())
    yield from (("volumes", _volume(each.volume)) for each in instance.volumes)
    for name in {name for port in instance.ports if port.port_security for name in port.security_groups}:
        if name in groups:
            yield from (("security_groups", _group(groups[each])) for each in _closure(name, groups))
    if instance.server_group and instance.server_group in server_groups:
        yield "server_groups", _server_group(server_groups[instance.server_group])


def _told(noun: msgspec.Struct, silent: msgspec.Struct, *less: str) -> Noun:
    """Its fields but those that say nothing."""
    found, nothing = msgspec.to_builtins(noun), msgspec.to_builtins(silent)
    return {"name": found["name"], **{key: value for key, value in found.items() if key not in (*less, "name") and value != nothing[key]}}


def _image(image: desired.Image) -> Noun:
    found: Noun = {
        "name": image.name,
        "source": image.source,
        "checksum": f"{image.algorithm}:{image.digest}",
        "disk_format": image.disk_format,
    }
    more = {"min_disk": image.min_disk, "min_ram": image.min_ram, "properties": dict(image.properties)}
    return found | {key: value for key, value in more.items() if value}


def _network(network: desired.Network) -> Noun:
    provider = {"type": network.type, "physical_network": network.physical_network, "segmentation_id": network.segmentation_id}
    found: Noun = {"name": network.name, "provider": {key: value for key, value in provider.items() if value}}
    more = {"driver": network.driver, "mtu": network.mtu, "port_security_enabled": network.port_security}
    silent = {"driver": "linuxbridge", "mtu": None, "port_security_enabled": True}
    found |= {key: value for key, value in more.items() if value != silent[key]}
    return found | ({"subnets": [_subnet(each) for each in network.subnets]} if network.subnets else {})


def _subnet(subnet: desired.Subnet) -> Noun:
    found: Noun = {"cidr": subnet.cidr, "gateway": subnet.gateway, "dns": list(subnet.dns), "dhcp": subnet.dhcp, "nat": subnet.nat}
    found["pool"] = "-".join(subnet.pool) if subnet.pool else None
    found["host_routes"] = [{"destination": destination, "nexthop": hop} for destination, hop in subnet.host_routes]
    return {key: value for key, value in found.items() if value}


def _group(group: desired.SecurityGroup) -> Noun:
    return {"name": group.name, "rules": [_rule(each) for each in group.rules]}


def _closure(name: str, groups: Mapping[str, desired.SecurityGroup]) -> list[str]:
    """The group, and those that its rules name."""
    found, more = [], [name]
    while more:
        each = more.pop()
        if each in groups and each not in found:
            found.append(each)
            more += [rule.remote_group for rule in groups[each].rules if rule.remote_group]
    return found


def _rule(rule: desired.Rule) -> Noun:
    found: Noun = {"direction": rule.direction, "ethertype": rule.ethertype, "protocol": rule.protocol}
    icmp = rule.protocol in ("icmp", "icmpv6")
    if icmp:
        found |= {"type": rule.port_min, "code": rule.port_max}
    elif rule.port_min is not None:
        found["port"] = f"{rule.port_min}-{rule.port_max}"
    found |= {"remote_cidr": rule.remote_cidr, "remote_group": rule.remote_group}
    return {key: value for key, value in found.items() if value is not None}


def _server_group(group: desired.ServerGroup) -> Noun:
    more = {"rules": {"max_server_per_host": group.max_server_per_host}} if group.policy == "anti-affinity" else {}
    return {"name": group.name, "policy": group.policy, **more}


def _volume(volume: Volume) -> Noun:
    found: Noun = {"name": volume.name, "size": volume.size}
    more = {"backend": volume.backend if volume.backend != "local" else "", "image": volume.image.name if volume.image else ""}
    more |= {"path": volume.options.get("path", "")}
    return found | {key: value for key, value in more.items() if value} | ({"read_only": True} if volume.read_only else {})


def _instance(instance: Instance, wanted: str) -> Noun:
    found: Noun = {"name": instance.name, "flavor": instance.flavor.name}
    boots = any(each.boot for each in instance.volumes)
    volumes = [each.volume.name for each in instance.volumes]
    mapping = [{"volume": each.volume.name, **({"boot_index": 0} if each.boot else {})} for each in instance.volumes]
    parts = [disk.base.size >> 30 for disk in instance.disks if disk.name.startswith("disk.eph")]
    ports = [_port(each) for each in instance.ports if each.status != "detaching"]
    more: Noun = {
        "image": instance.image.name,
        **({"block_device_mapping": mapping} if boots else {"volumes": volumes}),
        "networks": ports,
        "keypair": instance.keypair,
        "availability_zone": instance.requested_zone,
        "server_group": instance.server_group,
        "scheduler_hints": _hints(instance.scheduler_hints),
        "project": instance.project if instance.project != desired.DEFAULT_PROJECT else None,
        "ephemerals": parts,
        "config_drive": instance.datasource if instance.config_drive else None,
        "user_data": instance.user_data,
        "metadata": dict(instance.metadata),
        "tags": list(instance.tags),
        "restart_policy": _told_policy(instance.restart_policy),
        "state": wanted if wanted != "active" else None,
    }
    return found | {key: value for key, value in more.items() if value not in (None, "", [], {})}


def _told_policy(policy: desired.RestartPolicy) -> Noun:
    found, silent = msgspec.to_builtins(policy), msgspec.to_builtins(desired.RestartPolicy())
    return {key: value for key, value in found.items() if value != silent[key]}


def _hints(hints: Mapping[str, str]) -> Noun:
    return {key: json.loads(value) if key == "query" else value for key, value in hints.items()}


def _port(port: Port) -> Noun:
    found: Noun = {"network": port.network, "mac": port.mac}
    found |= {"fixed_ip": port.fixed_ips[0]} if port.fixed_ips else {}
    if not port.port_security:
        return found | {"port_security_enabled": False}
    return found | {"port_security_enabled": True, "security_groups": list(port.security_groups)}
