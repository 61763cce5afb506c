"""Networks, groups, volumes and instances of values that are nearly right: refused with places, or what is loaded holds together."""

from __future__ import annotations

import ipaddress
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.files import playbook
from orchestrator.model import desired, errors
from tests.playbook import samples

CIDRS = ["10.0.0.0/24", "10.0.0.0/30", "10.0.1.0/31", "10.0.2.0/32", "0.0.0.0/0", "fd00::/64", "fd00:1::/127", "::/0", "10.0.0.1/24", "x"]
ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.0.254", "10.0.1.0", "fd00::1", "fd00:1::", "fd00::ffff:ffff:ffff:ffff", "127.0.0.1", "a\nb"]
NAMES = ["web", "db", "data", "default"]


def some(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Any of the fields, now and then one that is not known."""
    return st.fixed_dictionaries({}, optional={**fields, "other": st.none()})


def named(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[list[dict[str, object]]]:
    entry = st.fixed_dictionaries({"name": st.sampled_from(NAMES)}, optional=fields)
    return st.lists(entry, max_size=3)


ADDRESS, CIDR, NAME, FLAG = (st.sampled_from(words) for words in (ADDRESSES, CIDRS, NAMES, [True, False, "yes", "perhaps", None]))
NUMBER = st.sampled_from([-1, 0, 1, 58, 255, 256, 1279, 4095, 1 << 24, "7", None])
NAMED = st.lists(NAME, max_size=2)
ROUTE = some(destination=CIDR, nexthop=ADDRESS)
SUBNET = some(cidr=CIDR, gateway=ADDRESS, dns=st.lists(ADDRESS, max_size=2), dhcp=FLAG, nat=FLAG, host_routes=st.lists(ROUTE, max_size=2))
PROVIDER = some(type=st.sampled_from(["flat", "vlan", "vxlan"]), physical_network=NAME, segmentation_id=NUMBER)
DRIVER = st.sampled_from(["linuxbridge", "openvswitch"])
RULE = some(
    direction=st.sampled_from(["ingress", "egress"]),
    ethertype=st.sampled_from(["IPv4", "IPv6"]),
    protocol=st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "any", "gre", "ipv6-frag", 0, 6, 44, 58, 200, None]),
    port=st.sampled_from([0, 22, "80-443", "443-80", None]),
    type=NUMBER,
    code=NUMBER,
    remote_cidr=CIDR,
    remote_group=NAME,
)
PORT = some(network=NAME, fixed_ip=ADDRESS, port_security_enabled=FLAG, security_groups=NAMED)
DEVICE = some(volume=NAME, boot_index=NUMBER)
MADE = {
    "hosts": "all",
    "flavors": [{"name": "small", "vcpus": 1, "ram": 64, "disk": 4}],
    "images": [{"name": "debian", "source": "disk.qcow2"}],
}
WEB = {"name": "web", "flavor": "small", "image": "debian"}
PLAY = st.fixed_dictionaries(
    {
        **{key: st.just(value) for key, value in MADE.items()},
        "networks": named(
            provider=PROVIDER, driver=DRIVER, mtu=NUMBER, nat=FLAG, port_security_enabled=FLAG, subnets=st.lists(SUBNET, max_size=2)
        ),
        "security_groups": named(rules=st.lists(RULE, max_size=3)),
        "volumes": named(size=NUMBER, image=st.sampled_from(["debian", "x"]), read_only=FLAG),
        "instances": named(
            flavor=st.just("small"),
            image=st.just("debian"),
            networks=st.lists(PORT, max_size=2),
            security_groups=NAMED,
            volumes=NAMED,
            block_device_mapping=st.lists(DEVICE, max_size=2),
            state=st.sampled_from(["active", "absent"]),
        ),
    }
)


def judge(play: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "disk.qcow2").write_bytes(samples.Qcow2().content())
        Path(folder, "site.yaml").write_text(json.dumps([play]))
        found = load(Path(folder, "site.yaml"))
    if isinstance(found, errors.SpecErrors):
        assert all(error.where and str(error).isprintable() for error in found.errors)
    else:
        check(found)


def load(path: Path) -> desired.Desired | errors.SpecErrors:
    try:
        return playbook.load([path], samples.INVENTORY, {})
    except errors.SpecErrors as error:
        return error


@settings(max_examples=100)
@given(PLAY)
def test_nearly_right(play: dict[str, object]) -> None:
    judge(play)


@given(RULE)
def test_a_rule(rule: dict[str, object]) -> None:
    rule = {"direction": "ingress", **{key: value for key, value in rule.items() if key != "other"}}
    judge({"security_groups": [{"name": name, "rules": [rule]} for name in NAMES]})


@given(PROVIDER, SUBNET, ADDRESS)
def test_a_network(provider: dict[str, object], subnet: dict[str, object], address: str) -> None:
    network = {"name": "web", "provider": {"type": "vxlan", "segmentation_id": 1} | provider, "subnets": [{"cidr": "10.0.0.0/24"} | subnet]}
    judge(MADE | {"networks": [network], "instances": [WEB | {"networks": [{"network": "web", "fixed_ip": address}]}]})


@given(st.lists(st.tuples(NAMED, st.lists(DEVICE, max_size=2), st.booleans()), min_size=1, max_size=3))
def test_attachments(wishes: list[tuple[list[str], list[dict[str, object]], bool]]) -> None:
    volumes = [{"name": name, "size": 4} | ({"image": "debian"} if name == "web" else {}) for name in NAMES]
    instances = [
        WEB | {"name": f"web-{number}", "volumes": named, "block_device_mapping": devices, "image": "debian" if image else None}
        for number, (named, devices, image) in enumerate(wishes)
    ]
    judge(MADE | {"volumes": volumes, "instances": instances})


def check(found: desired.Desired) -> None:
    for group in found.security_groups.values():
        assert any(rule.direction == "egress" for rule in group.rules)
        assert len(set(group.rules)) == len(group.rules) <= 258
        for rule in group.rules:
            check_rule(rule, found)
    segments = [(network.type, network.physical_network, network.segmentation_id) for network in found.networks.values()]
    assert len(set(segments)) == len(segments)
    for network in found.networks.values():
        assert (network.physical_network == "") is (network.type == "vxlan")
        assert (network.segmentation_id is None) is (network.type == "flat")
        for subnet in network.subnets:
            assert not subnet.nat or (subnet.gateway and "." in subnet.cidr and network.driver == "linuxbridge")
            assert not subnet.dhcp or ipaddress.ip_address(subnet.dhcp_server) in ipaddress.ip_network(subnet.cidr)
    wishes = [wish for wish in found.instances.values() if wish.state != "absent"]
    attached = [name for wish in wishes for name in wish.volumes]
    assert len(set(attached)) == len(attached)
    for wish in wishes:
        assert (wish.boot_volume is None) is bool(wish.image)
        assert wish.boot_volume is None or (wish.boot_volume in wish.volumes and found.volumes[wish.boot_volume].image)
        for port in wish.networks:
            assert port.fixed_ip not in {each.dhcp_server for each in found.networks[port.network].subnets if each.dhcp}


def check_rule(rule: desired.Rule, found: desired.Desired) -> None:
    """What iptables is told must mean what was written: nothing that it would take for `any`."""
    assert rule.ethertype in ("IPv4", "IPv6")
    assert rule.protocol is None or rule.protocol in ("tcp", "udp", "sctp", "icmp", "icmpv6") or 0 < int(rule.protocol) < 256
    assert (rule.port_min, rule.port_max) == (None, None) or rule.protocol in ("tcp", "udp", "sctp", "icmp", "icmpv6")
    assert rule.port_max is None or rule.port_min is not None
    assert rule.protocol != ("icmp" if rule.ethertype == "IPv6" else "icmpv6")
    assert rule.remote_cidr is None or f"IPv{ipaddress.ip_network(rule.remote_cidr).version}" == rule.ethertype
    assert rule.remote_group is None or (rule.remote_cidr is None and rule.remote_group in found.security_groups)
