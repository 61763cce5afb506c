"""The config drive: an ISO labelled config-2 that cloud-init reads (nova virt/configdrive.py; layout of OpenStack metadata `latest`)."""

from __future__ import annotations

import io
import ipaddress
import json
import time
import types
from typing import Any

from orchestrator.model import desired
from orchestrator.model import instance as model

EPOCH = types.SimpleNamespace(**{**vars(time), "time": lambda: 0.0, "localtime": time.gmtime})
"""A clock that stands still, in UTC."""


def iso(instance: model.Instance) -> bytes:
    """The ISO 9660 image, with Rock Ridge and Joliet names; the same bytes whenever and wherever it is made."""
    disc = _undated().PyCdlib()
    disc.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="config-2")
    for name in ("openstack", "openstack/latest"):
        disc.add_directory(f"/{name.upper()}", rr_name=name.rsplit("/", 1)[-1], joliet_path=f"/{name}")
    for number, (name, content) in enumerate(files(instance).items()):
        disc.add_fp(
            io.BytesIO(content),
            len(content),
            f"/OPENSTACK/LATEST/F{number}.;1",
            rr_name=name,
            joliet_path=f"/openstack/latest/{name}",
        )
    out = io.BytesIO()
    disc.write_fp(out)
    disc.close()
    return out.getvalue()


def _undated() -> Any:
    """pycdlib without its clock: it would date everything it writes by the time of the controller."""
    import pycdlib  # a third of a second of imports saved where no drive is made
    from pycdlib import dates, headervd

    for module in (pycdlib.pycdlib, headervd, dates):
        vars(module)["time"] = EPOCH
    return pycdlib


def files(instance: model.Instance) -> dict[str, bytes]:
    """Files of openstack/latest by name."""
    found = {"meta_data.json": _json(_meta_data(instance)), "network_data.json": _json(_network_data(instance))}
    if instance.user_data is not None:
        found["user_data"] = instance.user_data.encode()
    return found


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _meta_data(instance: model.Instance) -> dict[str, object]:
    keys = {instance.keypair: instance.public_key} if instance.keypair and instance.public_key else {}
    return {
        "uuid": instance.uuid,
        "name": instance.name,
        "hostname": instance.name,
        "availability_zone": instance.availability_zone,
        "meta": dict(instance.metadata),
        "public_keys": keys,
        "keys": [{"name": name, "type": "ssh", "data": data} for name, data in keys.items()],
        "launch_index": 0,
    }


def _network_data(instance: model.Instance) -> dict[str, object]:
    links = [
        {"id": port.tap, "vif_id": port.id, "type": "bridge", "ethernet_mac_address": port.mac, "mtu": None} for port in instance.ports
    ]
    pairs = [(port, address) for port in instance.ports for address in port.fixed_ips]
    networks = [_network(number, port, address, instance.networks[port.network]) for number, (port, address) in enumerate(pairs)]
    servers = {server for network in instance.networks.values() for subnet in network.subnets for server in subnet.dns}
    return {
        "links": links,
        "networks": networks,
        "services": [{"type": "dns", "address": server} for server in sorted(servers)],
    }


def _network(number: int, port: model.Port, address: str, network: desired.Network) -> dict[str, object]:
    ip = ipaddress.ip_address(address)
    subnet = next(subnet for subnet in network.subnets if ip in ipaddress.ip_network(subnet.cidr))
    any_net = ("0.0.0.0", "0.0.0.0") if ip.version == 4 else ("::", "::")  # noqa: S104  # a route's destination
    return {
        "id": f"network{number}",
        "link": port.tap,
        "network_id": port.network,
        "type": f"ipv{ip.version}",
        "ip_address": address,
        "netmask": str(ipaddress.ip_network(subnet.cidr).netmask),
        "routes": [{"network": any_net[0], "netmask": any_net[1], "gateway": subnet.gateway}] if subnet.gateway else [],
        "services": [{"type": "dns", "address": server} for server in subnet.dns],
    }
