"""What is somebody else's on a host stays as it is, byte for byte; and of what is ours nothing is left in the end but the cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Lab, Operator

MARK = "foreign"
DOMAIN = """<domain type="qemu"><name>foreign</name><uuid>f0f0f0f0-aaaa-4bbb-8ccc-0123456789ab</uuid><memory unit="MiB">16</memory>
<os><type arch="x86_64">hvm</type></os></domain>"""
MAKE = f"""
ip link add br-foreign type bridge; ip link add veth-foreign type veth peer name peer-foreign; ip link set veth-foreign master br-foreign
ip link set br-foreign up; ip address add 198.51.100.1/24 dev br-foreign
iptables -N foreign; iptables -A foreign -s 198.51.100.0/24 -j ACCEPT; iptables -I FORWARD -i br-foreign -j foreign
iptables -A INPUT -i br-foreign -p tcp --dport 80 -j ACCEPT; ip6tables -N foreign; ip6tables -A FORWARD -i br-foreign -j foreign
iptables -t nat -A POSTROUTING -s 198.51.100.0/24 -j RETURN; iptables -t raw -A PREROUTING -i br-foreign -j NOTRACK
ebtables -N foreign; ebtables -A FORWARD -i veth-foreign -j foreign
ipset create foreign hash:ip; ipset add foreign 198.51.100.7
ip netns add foreign
mkdir -p /var/lib/nova/instances/_base /var/lib/nova/instances/foreign; echo mine >/var/lib/nova/instances/foreign/disk; echo mine >/var/lib/nova/instances/_base/foreign
cat >/tmp/foreign.xml <<'END'
{DOMAIN}
END
virsh -q define /tmp/foreign.xml
"""
UNMAKE = """
virsh -q undefine foreign; rm -rf /tmp/foreign.xml /var/lib/nova/instances/foreign /var/lib/nova/instances/_base/foreign
ip netns del foreign; ipset destroy foreign
ebtables -D FORWARD -i veth-foreign -j foreign; ebtables -X foreign
iptables -t raw -D PREROUTING -i br-foreign -j NOTRACK; iptables -t nat -D POSTROUTING -s 198.51.100.0/24 -j RETURN
ip6tables -D FORWARD -i br-foreign -j foreign; ip6tables -X foreign
iptables -D INPUT -i br-foreign -p tcp --dport 80 -j ACCEPT; iptables -D FORWARD -i br-foreign -j foreign; iptables -F foreign; iptables -X foreign
ip link del veth-foreign; ip link del br-foreign
"""
SHOW = """
for table in filter nat raw mangle; do iptables -t $table -S | grep foreign; ip6tables -t $table -S | grep foreign; done
ebtables -L FORWARD | grep foreign; ebtables -L foreign; ipset save foreign; ip netns list | grep foreign
ip -o link show | grep foreign | sed 's/state [A-Z]*//'; ip -o address show dev br-foreign; ls /sys/class/net/br-foreign/brif
virsh -q dumpxml foreign; stat -c '%n %i %s %Y %a' /var/lib/nova/instances/foreign/disk /var/lib/nova/instances/_base/foreign
cat /var/lib/nova/instances/foreign/disk /var/lib/nova/instances/_base/foreign
"""
OURS = """
ip -o link show | grep -E 'alias orc|: (tap|qbr|qvo|qvb|vxlan-|brq|br-phys)' ; ip netns list | grep orc
for table in filter nat raw mangle; do iptables -t $table -S | grep -i orc; ip6tables -t $table -S | grep -i orc; done
for table in filter nat; do ebtables -t $table -L | grep -i orc; done
ipset list -n | grep orc; virsh -q list --all --name | grep -v -e foreign -e '^$'; ls /var/lib/nova/instances | grep -v -e foreign -e _base -e '^volumes$'
ls /var/lib/nova/instances/volumes 2>/dev/null
ls /var/lib/orchestrator 2>/dev/null | grep -v -x -e epochs -e volumes; ls /var/lib/orchestrator/volumes 2>/dev/null; pgrep -a dnsmasq
true
"""
PLAY = """\
- hosts: "{hosts}"
  flavors: [{{name: tiny, vcpus: 1, ram: 64, disk: 1, ephemeral: 1, swap: 64}}]
  images: [{{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}]
  networks:
    - name: flat
      provider: {{type: flat, physical_network: phys1}}
      subnets: [{{cidr: 10.66.0.0/24}}]
    - name: tenant
      provider: {{type: vxlan, segmentation_id: 4711}}
      subnets: [{{cidr: 10.67.0.0/24, gateway: 10.67.0.1, dhcp: true, nat: true}}]
  security_groups:
    - name: web
      rules: [{{direction: ingress, protocol: tcp, port: 80}}, {{direction: ingress, remote_group: web}}]
  instances:
    - name: "vm-{{{{ item }}}}"
      loop: [1, 2]
      flavor: tiny
      image: guest
      networks: [{{network: flat}}, {{network: tenant}}]
      security_groups: [web]
      config_drive: true
"""


@pytest.fixture
def neighbour(lab: Lab) -> Iterator[dict[str, str]]:
    """Somebody else's things on two hosts, as the hosts show them."""
    hosts = tuple(lab.hosts)[:2]
    for host in hosts:
        lab.script(host, MAKE)
    yield {host: lab.script(host, SHOW) for host in hosts}
    for host in hosts:
        lab.script(host, UNMAKE)


def test_what_is_foreign_stays_and_what_is_ours_goes(operator: Operator, neighbour: dict[str, str], halting_image: Path) -> None:
    assert all(MARK in shown for shown in neighbour.values())

    def ours() -> dict[str, str]:
        return {host: operator.lab.script(host, OURS) for host in neighbour}

    def settled() -> None:
        assert {host: operator.lab.script(host, SHOW) for host in neighbour} == neighbour
        operator("plan", "--detailed-exitcode", play)

    assert not any(ours().values()), "other tests left something"
    play = operator.playbook("site.yaml", PLAY.format(image=halting_image, hosts=":".join(neighbour)))
    operator("apply", play)
    assert {each["state"] for each in operator.instances().values()} == {"ACTIVE"}
    assert all(ours().values())
    settled()
    operator("hard-reboot", *operator.instances())
    settled()
    operator("stop", "vm-1")
    operator("start", "vm-1")
    settled()
    operator("destroy", "--yes", *operator.instances())
    assert {host: operator.lab.script(host, SHOW) for host in neighbour} == neighbour
    assert not any(ours().values())
