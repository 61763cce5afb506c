"""Fixed IPs and MAC addresses for new ports (neutron ipam): never one that is taken, the same answer for the same question."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Set

from orchestrator.model import errors, names
from orchestrator.model.desired import Network, NetworkRequest, Subnet


def fixed_ips(network: Network, request: NetworkRequest, taken: Set[str], where: str) -> tuple[str, ...]:
    """The asked-for address, else the first free one of each IP version's first subnet with room. Raises Conflict."""
    if request.fixed_ip:
        if request.fixed_ip in taken:
            raise errors.Conflict(f"fixed IP {request.fixed_ip} of network {network.name!r} is taken", where, hint="choose another")
        return (request.fixed_ip,)
    found: dict[int, str] = {}
    for subnet in network.subnets:
        version = ipaddress.ip_network(subnet.cidr).version
        free = None if version in found else _first(subnet, taken)
        if free:
            found[version] = free
    if network.subnets and not found:
        raise errors.Conflict(f"network {network.name!r} has no free address", where, hint="widen a subnet's pool")
    return tuple(found.values())


def _first(subnet: Subnet, taken: Set[str]) -> str | None:
    net = ipaddress.ip_network(subnet.cidr)
    first, last = (int(ipaddress.ip_address(end)) for end in subnet.pool or (str(net[1]), str(net[-2] if net.version == 4 else net[-1])))
    make = type(net.network_address)
    kept = {*taken, subnet.gateway, *([subnet.dhcp_server] if subnet.dhcp else [])}
    return next((str(make(n)) for n in range(first, last + 1) if str(make(n)) not in kept), None)


def mac(port_id: str, request: NetworkRequest, taken: Set[str], where: str) -> str:
    """The asked-for MAC address, else one drawn from the port's id. Raises Conflict."""
    if request.mac:
        if request.mac in taken:
            raise errors.Conflict(f"MAC address {request.mac} is taken", where, hint="choose another")
        return request.mac
    draws = (names.mac(hashlib.sha256(f"{port_id} {draw}".encode()).digest()) for draw in range(1 << 12))
    return next(address for address in draws if address not in taken)
