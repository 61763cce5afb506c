"""Which addresses a host's DHCP server has, and that no port ever gets them."""

from __future__ import annotations

import contextlib

import pytest

from orchestrator.model import errors
from orchestrator.model.desired import Network, NetworkRequest, Subnet
from orchestrator.model.instance import Port
from orchestrator.scheduling import addresses


@pytest.mark.parametrize(
    ("subnet", "server"),
    [
        (Subnet("10.20.0.0/24"), "10.20.0.254"),
        (Subnet("10.20.0.0/24", "10.20.0.1"), "10.20.0.254"),
        (Subnet("10.20.0.0/24", "10.20.0.254"), "10.20.0.253"),
        (Subnet("10.20.0.0/24", "10.20.0.1", nat=True), "10.20.0.1"),
        (Subnet("10.20.0.0/30", "10.20.0.1"), "10.20.0.2"),
        (Subnet("10.20.0.0/31"), "10.20.0.1"),
        (Subnet("10.20.0.0/31", "10.20.0.1"), "10.20.0.0"),
        (Subnet("10.20.0.1/32", "10.20.0.1"), ""),
        (Subnet("fd00:20::/64", "fd00:20::1"), "fd00:20::ffff:ffff:ffff:ffff"),
        (Subnet("fd00:20::/126", "fd00:20::3"), "fd00:20::2"),
    ],
)
def test_the_dhcp_server_has_the_highest_address_that_is_left(subnet: Subnet, server: str) -> None:
    assert subnet.dhcp_server == server


def taken_up(subnet: Subnet) -> list[str]:
    """Every address that ports get, one after the other, until there is none left."""
    network, found, taken = Network("private", "phys0", subnets=(subnet,)), list[str](), addresses.Taken()
    with contextlib.suppress(errors.Conflict):
        while True:
            found += taken.fixed_ips(network, NetworkRequest("private"), "site.yaml:1:1")
            taken.add([Port("", "private", "", "", "", (found[-1],))])
    return found


def test_no_port_gets_the_address_of_the_gateway_or_of_the_dhcp_server() -> None:
    assert taken_up(Subnet("10.20.0.0/29", "10.20.0.1", dhcp=True)) == ["10.20.0.2", "10.20.0.3", "10.20.0.4", "10.20.0.5"]
    assert taken_up(Subnet("10.20.0.0/29", "10.20.0.1", dhcp=True, nat=True))[-1] == "10.20.0.6"
    assert taken_up(Subnet("10.20.0.0/29", "10.20.0.1"))[-1] == "10.20.0.6"
    assert taken_up(Subnet("10.20.0.0/24", pool=("10.20.0.253", "10.20.0.254"), dhcp=True)) == ["10.20.0.253"]
