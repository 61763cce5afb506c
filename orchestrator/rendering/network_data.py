"""What a config drive tells a guest about its networks: as Nova's network_data.json, and as cloud-init's network-config version 2.

Where DHCP serves a port's IPv4 addresses, the guest is told to ask it. IPv6 addresses are always written out: DHCPv6 gives no prefix and no
gateway, and needs routers that advertise it. Only the first port that has a gateway is the way out, one for each version of IP.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.model import desired
from orchestrator.model import instance as model

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


class _Address(Struct, frozen=True):
    port: model.Port
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    subnet: desired.Subnet
    way_out: bool

    @property
    def asks(self) -> bool:
        """Whether the guest gets it by DHCP."""
        return self.subnet.dhcp and self.ip.version == 4

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(self.subnet.cidr)

    @property
    def gateway(self) -> str | None:
        return self.subnet.gateway if self.way_out else None


def openstack(instance: model.Instance) -> dict[str, object]:
    """network_data.json (nova netutils.get_network_metadata)."""
    every = tuple(_addresses(instance))
    servers = dict.fromkeys(server for address in every if not address.asks for server in address.subnet.dns)
    return {
        "links": [_link(instance, port) for port in instance.ports],
        "networks": [_network(number, address) for number, address in enumerate(every)],
        "services": [_dns(server) for server in servers],
    }


def netplan(instance: model.Instance) -> dict[str, object]:
    """network-config, version 2: interfaces found by their MAC address, and called eth0, eth1 and so on."""
    every = tuple(_addresses(instance))
    ports = enumerate(instance.ports)
    return {"version": 2, "ethernets": {f"eth{number}": _ethernet(instance, number, port, every) for number, port in ports}}


def _addresses(instance: model.Instance) -> Iterator[_Address]:
    """In the order of ports; each subnet's gateway counts if no port before has one."""
    out: dict[int, str] = {}
    for port in instance.ports:
        for text in port.fixed_ips:
            ip = ipaddress.ip_address(text)
            subnet = next(each for each in instance.networks[port.network].subnets if ip in ipaddress.ip_network(each.cidr))
            way_out = subnet.gateway is not None and out.setdefault(ip.version, port.id) == port.id
            yield _Address(port, ip, subnet, way_out)


def _link(instance: model.Instance, port: model.Port) -> dict[str, object]:
    mtu = instance.networks[port.network].link_mtu
    return {"id": port.tap, "vif_id": port.id, "type": "bridge", "ethernet_mac_address": port.mac, "mtu": mtu}


def _network(number: int, address: _Address) -> dict[str, object]:
    found: dict[str, object] = {"id": f"network{number}", "link": address.port.tap, "network_id": address.port.network}
    if address.asks:
        return {**found, "type": "ipv4_dhcp"}
    default = ((EVERYWHERE[address.ip.version], address.gateway),) if address.gateway else ()
    routes = ((ipaddress.ip_network(destination), hop) for destination, hop in (*default, *address.subnet.host_routes))
    return {
        **found,
        "type": f"ipv{address.ip.version}",
        "ip_address": str(address.ip),
        "netmask": str(address.network.netmask),
        "routes": [{"network": str(net.network_address), "netmask": str(net.netmask), "gateway": hop} for net, hop in routes],
        "services": [_dns(server) for server in address.subnet.dns],
    }


def _dns(server: str) -> dict[str, object]:
    return {"type": "dns", "address": server}


def _ethernet(instance: model.Instance, number: int, port: model.Port, every: tuple[_Address, ...]) -> dict[str, object]:
    own = [address for address in every if address.port is port]
    fixed = [address for address in own if not address.asks]
    servers = list(dict.fromkeys(server for address in fixed for server in address.subnet.dns))
    found: dict[str, object] = {
        "match": {"macaddress": port.mac},
        "set-name": f"eth{number}",
        "mtu": instance.networks[port.network].link_mtu,
        "dhcp4": any(address.asks for address in own),
        "addresses": [f"{address.ip}/{address.network.prefixlen}" for address in fixed],
        "routes": [{"to": destination, "via": hop} for address in fixed for destination, hop in address.subnet.host_routes],
        # Of a route to ::/0, cloud-init's renderer for /etc/network/interfaces makes one to ::/64.
        **{f"gateway{address.ip.version}": address.gateway for address in fixed if address.gateway},
    }
    return {**found, "nameservers": {"addresses": servers}} if servers else found
