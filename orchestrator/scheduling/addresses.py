"""Fixed IPs and MAC addresses for new ports (neutron ipam): never one that is taken, the same answer for the same question."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence

from orchestrator.model import errors, names
from orchestrator.model.desired import Network, NetworkRequest, Subnet
from orchestrator.model.instance import Port


class Taken:
    """The addresses of all ports there are. None becomes free while it lives: what was not free before is not looked at again."""

    def __init__(self, ports: Iterable[Port] = ()) -> None:
        self._ips: dict[str, set[str]] = {}
        self._macs: set[str] = set()
        self._free: dict[tuple[str, str], int] = {}  # network and subnet -> the first address that may be free
        self.add(ports)

    def add(self, ports: Iterable[Port]) -> None:
        """They are there from now on."""
        for port in ports:
            self._macs.add(port.mac)
            self._ips.setdefault(port.network, set()).update(port.fixed_ips)

    def fixed_ips(self, network: Network, request: NetworkRequest, where: str, own: Sequence[Port] = ()) -> tuple[str, ...]:
        """The asked-for address, else the first free one of each IP version's first subnet with room; `own`: ports that are not added yet.

        Raises Conflict.
        """
        taken = self._ips.setdefault(network.name, set())
        mine = {address for port in own if port.network == network.name for address in port.fixed_ips}
        if request.fixed_ip:
            if request.fixed_ip in taken or request.fixed_ip in mine:
                raise errors.Conflict(f"fixed IP {request.fixed_ip} of network {network.name!r} is taken", where, hint="choose another")
            return (request.fixed_ip,)
        found: dict[int, str] = {}
        for subnet in network.subnets:
            version = ipaddress.ip_network(subnet.cidr).version
            free = None if version in found else self._first(network.name, subnet, mine)
            if free:
                found[version] = free
        if network.subnets and not found:
            raise errors.Conflict(f"network {network.name!r} has no free address", where, hint="widen a subnet's pool")
        return tuple(found.values())

    def _first(self, network: str, subnet: Subnet, mine: set[str]) -> str | None:
        net = ipaddress.ip_network(subnet.cidr)
        first, last = (
            int(ipaddress.ip_address(end)) for end in subnet.pool or (str(net[1]), str(net[-2] if net.version == 4 else net[-1]))
        )
        make = type(net.network_address)
        taken, kept = self._ips[network], {subnet.gateway, *([subnet.dhcp_server] if subnet.dhcp else [])}
        free = self._free.get((network, subnet.cidr), first)
        while free <= last and (str(make(free)) in taken or str(make(free)) in kept):
            free += 1
        self._free[network, subnet.cidr] = free
        candidates = (str(make(number)) for number in range(free, last + 1))
        return next((each for each in candidates if not (each in mine or each in taken or each in kept)), None)

    def mac(self, port_id: str, request: NetworkRequest, where: str, own: Sequence[Port] = ()) -> str:
        """The asked-for MAC address, else one drawn from the port's id. Raises Conflict."""
        mine = {port.mac for port in own}
        if request.mac:
            if request.mac in self._macs or request.mac in mine:
                raise errors.Conflict(f"MAC address {request.mac} is taken", where, hint="choose another")
            return request.mac
        draws = (names.mac(hashlib.sha256(f"{port_id} {draw}".encode()).digest()) for draw in range(1 << 12))
        return next(address for address in draws if address not in self._macs and address not in mine)
