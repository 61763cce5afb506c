"""Security groups on two hosts with real guests: what connects, what is cut, what a guest forges, and where no guest may start."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from msgspec import Struct

from tests.e2e import guests
from tests.e2e.conftest import Lab, Operator
from tests.e2e.guests import Guest

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PLAY = """\
- hosts: {first}:{second}
  flavors:
    - {{name: tiny, vcpus: 1, ram: 128, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
  networks:
    - name: tenant
      provider: {{type: vxlan, segmentation_id: 2002}}
      subnets: [{{cidr: 10.69.0.0/24, pool: 10.69.0.10-10.69.0.200}}]
  security_groups:
    - name: web
      rules: [{rules}]
    - {{name: friends, rules: []}}
    - {{name: others, rules: []}}
  instances:
    - {{name: left, hosts: "{first}", flavor: tiny, image: guest, networks: [{{network: tenant}}], config_drive: true, security_groups: [{left}]}}
    - {{name: right, hosts: "{second}", flavor: tiny, image: guest, networks: [{{network: tenant}}], config_drive: true, security_groups: [web]}}
"""
GREETING, ECHO = "{direction: ingress, protocol: tcp, port: 7777}", "{direction: ingress, protocol: tcp, port: 7778}"
FRIENDS = "{direction: ingress, protocol: tcp, port: 7778, remote_group: friends}"
OURS = """for tool in iptables ip6tables ebtables; do $tool-save | grep orc; done; ipset list -n | grep orc; true"""


class Site(Struct):
    """Two guests, one on each of two hosts."""

    operator: Operator
    first: str
    second: str

    def apply(self, *rules: str, left: str = "others", check: bool = True) -> str:
        """Make it so, and find nothing more to do; what was said."""
        text = PLAY.format(first=self.first, second=self.second, image=self.operator.lab.image, rules=", ".join(rules), left=left)
        site = self.operator.playbook("site.yaml", text)
        done = self.operator("apply", site, code=0 if check else None)
        if check:
            self.operator("plan", "--detailed-exitcode", site)
        return done.stdout + done.stderr

    @property
    def left(self) -> Guest:
        return Guest(self.operator, "left")

    @property
    def right(self) -> Guest:
        return Guest(self.operator, "right")

    def connects(self, number: int) -> bool:
        """Whether the left one's connection to the right one is answered: on 7777 at once, on 7778 once it says something."""
        words = "echo hello" if number == 7778 else "true"
        return bool(self.left.run(f"{words} | nc -w 3 {self.right.address()} {number} 2>/dev/null", check=False).strip())


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    first, second = sorted(lab.hosts)[:2]
    made = Site(Operator(lab, tmp_path_factory.mktemp("groups")), first, second)
    made.apply(GREETING)
    made.left.address()
    yield made
    made.operator("destroy", "--yes", "left", "right")
    assert [lab.script(host, OURS) for host in (first, second)] == ["", ""]


def test_what_is_allowed_connects_and_what_is_not_does_not(site: Site) -> None:
    site.apply(GREETING)
    assert site.connects(7777)
    assert not site.connects(7778)
    assert not site.left.succeeds(f"ping -c 1 -W 2 {site.right.address()}")
    assert not site.right.succeeds(f"ping -c 1 -W 2 {site.left.address()}")  # its own group lets nothing in
    starts = [site.operator.lab.starts(host) for host in (site.first, site.second)]
    site.apply(GREETING, ECHO, "{direction: ingress, protocol: icmp}")
    assert site.connects(7778)
    assert site.left.succeeds(f"ping -c 1 -W 2 {site.right.address()}")
    site.apply(GREETING)
    assert not site.connects(7778)
    assert [site.operator.lab.starts(host) for host in (site.first, site.second)] == starts


@pytest.mark.parametrize("rule", [ECHO, FRIENDS], ids=["by its rule", "by its member"])
def test_a_flow_under_way_is_cut_with_what_let_it_in(site: Site, rule: str) -> None:
    site.apply(GREETING, rule, left="friends")
    assert site.connects(7778)
    talk = f"(while echo tick; do usleep 100000; done) | nc {site.right.address()} 7778"
    site.left.run(f"rm -f /tmp/heard; setsid sh -c '{talk} >/tmp/heard' </dev/null >/dev/null 2>&1 &")
    assert heard(site) < heard(site)
    if rule == ECHO:
        site.apply(GREETING, left="friends")
    else:
        site.apply(GREETING, rule)
    time.sleep(0.5)
    assert heard(site) == heard(site)
    assert site.connects(7777)


def heard(site: Site) -> int:
    """Bytes that came back so far, a second later."""
    time.sleep(1)
    return int(site.left.run("wc -c </tmp/heard"))


def test_what_a_guest_forges_reaches_nobody(site: Site) -> None:
    """Frames on the other guest's tap, on the other host; an honest one arrives."""
    site.apply(GREETING, "{direction: ingress, protocol: udp}", "{direction: ingress, protocol: icmp}", left="friends")
    mac, tap = str(site.left.ports[0]["mac"]), str(site.right.ports[0]["tap"])
    mine, victim = site.left.address(), site.right.address()
    honest, sent = forged(mac, mine, victim)
    with guests.frames(site.operator.lab, site.second, tap) as seen:
        for frame in (*sent.values(), honest):
            site.left.run(f"frame eth0 {frame}")
        assert site.left.succeeds(f"ping -c 1 -W 3 {victim}")
    arrived = [frame.data.hex() for frame in seen if frame.sent]
    assert [name for name, frame in sent.items() if any(frame[24:] in each for each in arrived)] == []
    assert any(honest[24:] in each for each in arrived)


def forged(mac: str, mine: str, victim: str) -> tuple[str, dict[str, str]]:
    """An honest frame, and others: what the left guest sends."""
    other = "fa:16:3e:ff:ff:ff"
    udp = packet(mine, victim, (9, 9))
    return guests.ethernet(mac, 0x800, udp), {
        "MAC address": guests.ethernet(other, 0x800, packet(mine, victim, (9, 10))),
        "IP address": guests.ethernet(mac, 0x800, packet("10.69.0.99", victim, (9, 9))),
        "ARP": guests.ethernet(mac, 0x806, arp(mac, "10.69.0.1", victim)),
        "ARP of another's MAC address": guests.ethernet(mac, 0x806, arp(other, mine, victim)),
        "DHCP's answer": guests.ethernet(mac, 0x800, packet(mine, "255.255.255.255", (67, 68))),
        "in a VLAN tag": guests.ethernet(mac, 0x8100, b"\0\1\x08\0" + packet(mine, victim, (9, 11))),
    }


def packet(source: str, to: str, ports: tuple[int, int]) -> bytes:
    """A UDP packet without a checksum of its own."""
    udp = b"".join(each.to_bytes(2) for each in (*ports, 16, 0)) + b"orchestr"
    head = bytes.fromhex("45000024000000004011") + bytes(2) + b"".join(bytes(map(int, each.split("."))) for each in (source, to))
    total = sum(int.from_bytes(head[at : at + 2]) for at in range(0, 20, 2))
    return head[:10] + (0xFFFF - (total & 0xFFFF) - (total >> 16)).to_bytes(2) + head[12:] + udp


def arp(mac: str, address: str, victim: str) -> bytes:
    """An answer that nobody asked for."""
    addresses = [bytes(map(int, each.split("."))) for each in (address, victim)]
    return bytes.fromhex("0001080006040002") + bytes.fromhex(mac.replace(":", "")) + addresses[0] + bytes(6) + addresses[1]


def test_rules_that_somebody_broke_are_seen_and_mended(site: Site) -> None:
    site.apply(GREETING)
    lab = site.operator.lab
    before = unnumbered(lab.script(site.second, OURS))
    lab.script(
        site.second, "iptables -F; iptables -X; ip6tables -I FORWARD -j ACCEPT; ebtables -t nat -F; iptables -I INPUT -s 192.0.2.1 -j DROP"
    )
    path = str(site.operator.folder / "site.yaml")
    shown = site.operator("plan", "--detailed-exitcode", path, code=2).stdout
    assert "fabric.ensure_rules" in shown
    assert "fabric.ensure_frames" in shown
    site.apply(GREETING)
    assert unnumbered(lab.script(site.second, OURS)) == before
    assert not site.connects(7778)
    lab.script(site.second, "ip6tables -D FORWARD -j ACCEPT; iptables -D INPUT -s 192.0.2.1 -j DROP")


def unnumbered(saved: str) -> list[str]:
    return sorted(saved.splitlines())


def test_where_bridges_are_not_filtered_no_guest_starts(lab: Lab, operator: Operator) -> None:
    first, second = sorted(lab.hosts)[2:4]
    made, before = Site(operator, first, second), lab.starts(second)
    lab.script(second, "sysctl -w net.bridge.bridge-nf-call-ip6tables=0")
    try:
        said = made.apply(GREETING, check=False)
        assert "security groups would let everything through" in said
        assert "net.bridge.bridge-nf-call-ip6tables is 0" in said
        assert "sysctl -w net.bridge.bridge-nf-call-ip6tables=1" in said
        assert operator.instances()["left"]["state"] == "ACTIVE"
        assert operator.instances()["right"]["state"] != "ACTIVE"
        assert lab.starts(second) == before
    finally:
        lab.script(second, "sysctl -w net.bridge.bridge-nf-call-ip6tables=1")
    made.apply(GREETING)
    assert operator.instances()["right"]["state"] == "ACTIVE"
