"""dnsmasq as neutron's DHCP agent runs it, for the ports of one host: its arguments, and a line for each port (dnsmasq(8)).

Everything is in its arguments, so that what runs can be compared with what should. It knows no host but those it is told of, and does not answer
others: a guest of another host never hears it. It gives no names, only addresses: DNS servers are those of the subnet.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from orchestrator.drivers.dhcp import site
from orchestrator.facts import dhcp
from orchestrator.model import errors, names
from orchestrator.model.desired import Subnet
from orchestrator.model.fabric import Lease, Segment

LEASE_TIME = "24h"
"""Neutron's dhcp_lease_duration."""
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
NO_NAME = re.compile(r"\d+[smhdw]?|infinite|ignore")
"""Host names that would mean something else in such a line: they are not told by DHCP."""
FIXED = (
    *("dnsmasq", "--conf-file=", "--no-hosts", "--no-resolv", "--port=0", "--user=nobody"),
    *("--bind-interfaces", f"--interface={dhcp.INSIDE}", "--except-interface=lo"),
    # Its leases are those it is told, so it keeps none; authoritative, it knows them again after its own restart.
    *("--leasefile-ro", "--dhcp-authoritative", "--dhcp-ignore=tag:!known", "--quiet-dhcp", "--quiet-dhcp6"),
)

STOP = (
    f"{dhcp.PROCESSES}\n"
    'stop() { t=0; while p=$(servers "$1"); [ -n "$p" ]; do s=TERM; [ "$t" -lt 20 ] || s=KILL; [ "$t" -lt 40 ] || return 1; '
    'for p in $p; do kill -s "$s" "$p" || true; done; t=$((t+1)); sleep 0.1; done; }'
)
"""Shell: ends the dnsmasq of a folder, and waits until it is gone; asked politely for 2 s."""


def serves(segment: Segment) -> bool:
    """Whether the network has a subnet with DHCP."""
    return any(subnet.dhcp for subnet in segment.network.subnets)


def argv(owner: str, segment: Segment) -> tuple[str, ...]:
    """The whole command line."""
    place = site.folder(owner, segment)
    ranges = [each for number, subnet in _subnets(segment) for each in _range(number, subnet, segment.mtu)]
    return (*FIXED, f"--pid-file={place}/pid", f"--dhcp-hostsfile={place}/hosts", *ranges)


def leases(segment: Segment) -> dict[str, str]:
    """Port id to its line: MAC, an IPv4 and an IPv6 address at most (a client asks for one), host name. Ports without an address here have none."""
    found = {lease.port.id: _line(lease, [subnet for _, subnet in _subnets(segment)]) for lease in segment.leases}
    return {port: line for port, line in found.items() if line}


def _subnets(segment: Segment) -> list[tuple[int, Subnet]]:
    return [(number, subnet) for number, subnet in enumerate(segment.network.subnets) if subnet.dhcp]


def _range(number: int, subnet: Subnet, mtu: int) -> Iterator[str]:
    network = ipaddress.ip_network(subnet.cidr)
    tag = f"tag:subnet{number}"
    dns = [ipaddress.ip_address(address) for address in subnet.dns]
    if network.version == 6:
        yield f"--dhcp-range=set:subnet{number},{network.network_address},static,{network.prefixlen},{LEASE_TIME}"
        if six := [f"[{address}]" for address in dns if address.version == 6]:
            yield f"--dhcp-option={tag},option6:dns-server,{','.join(six)}"
        return
    yield f"--dhcp-range=set:subnet{number},{network.network_address},static,{network.netmask},{LEASE_TIME}"
    yield f"--dhcp-option-force={tag},option:mtu,{mtu}"
    # Without a value it is not sent; left out, dnsmasq would send its own address.
    yield f"--dhcp-option={tag},option:router{f',{ipaddress.ip_address(subnet.gateway)}' if subnet.gateway else ''}"
    if four := [str(address) for address in dns if address.version == 4]:
        yield f"--dhcp-option={tag},option:dns-server,{','.join(four)}"
    if routes := _routes(subnet):
        # A client that knows classless routes takes no other router (RFC 3442), so they hold the gateway too. 249: Microsoft's number for them.
        yield f"--dhcp-option={tag},option:classless-static-route,{routes}"
        yield f"--dhcp-option={tag},249,{routes}"


def _routes(subnet: Subnet) -> str:
    """Destination, next hop, and so on; "" when the gateway says it all."""
    if not subnet.host_routes:
        return ""
    routes = [*subnet.host_routes, *([("0.0.0.0/0", subnet.gateway)] if subnet.gateway else [])]
    return ",".join(f"{ipaddress.ip_network(destination)},{ipaddress.ip_address(hop)}" for destination, hop in routes)


def _line(lease: Lease, subnets: list[Subnet]) -> str:
    if not MAC.fullmatch(lease.port.mac) or not names.NAME.fullmatch(lease.hostname):
        raise errors.HostError(
            f"port {lease.port.id} cannot be served by DHCP",
            why=f"MAC address {lease.port.mac!r} or host name {lease.hostname!r} is not one",
            hint="give it another in the playbook",
        )
    found: dict[int, str] = {}
    for address in map(ipaddress.ip_address, lease.port.fixed_ips):
        if any(address in ipaddress.ip_network(subnet.cidr) for subnet in subnets):
            found.setdefault(address.version, f"[{address}]" if address.version == 6 else str(address))
    name = () if NO_NAME.fullmatch(lease.hostname) else (lease.hostname,)
    return ",".join((lease.port.mac, *(found[version] for version in sorted(found)), *name, LEASE_TIME)) if found else ""
