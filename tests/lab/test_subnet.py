"""Which subnet a lab gets: the same each time, and nobody else's."""

from __future__ import annotations

import ipaddress

import pytest

from orchestrator.lab import subnet
from orchestrator.model import errors


def test_same_name_same_subnet_other_name_another() -> None:
    assert subnet.pick("lab", ()) == subnet.pick("lab", ("192.168.0.0/16",)) != subnet.pick("demo", ())


@pytest.mark.parametrize("used", ["{}.0/24", "{}.7", "{}.128/25", "{}.7/16"])
def test_subnet_in_use_is_passed_over(used: str) -> None:
    first = subnet.pick("lab", ())
    second = subnet.pick("lab", (used.format(first),))
    assert not ipaddress.ip_network(f"{second}.0/24").overlaps(ipaddress.ip_network(used.format(first), strict=False))


def test_wide_route_is_no_obstacle() -> None:
    assert subnet.pick("lab", ("10.0.0.0/8", "0.0.0.0/0")) == subnet.pick("lab", ())


def test_no_subnet_left_is_said() -> None:
    with pytest.raises(errors.OrchestratorError, match="no free subnet"):
        subnet.pick("lab", [f"10.{number}.0.0/16" for number in range(256)])


def test_chosen_subnets_are_within_the_range() -> None:
    for number in range(300):
        prefix = ipaddress.ip_network(subnet.pick(str(number), ()) + ".0/24")
        assert ipaddress.ip_address("10.64.0.0") <= prefix[0] <= ipaddress.ip_address("10.254.255.0")
