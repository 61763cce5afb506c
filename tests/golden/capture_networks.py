"""Captures what ip, bridge and ovs-vsctl of a real kernel answer to the commands of our facts: `python -m tests.golden.capture_networks`, as root."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts import fdb, gather, link, ovs
from tests.fabric import throwaway
from tests.golden import capture

OURS, OTHERS = "orc7c9e66", "orcaaaaaa"
SCENES = r"""
set_up() { :; }
devices() {
  ip link add brq1 mtu 1450 type bridge; ip link set brq1 alias "orc7c9e66 eth1"; ip link add brq2 type bridge; ip link set brq2 alias orcaaaaaa
  ip link add eth1 type veth peer name eth1-far; ip link set eth1 master brq1 up; ip link add tap1 type veth peer name tap1-far; ip link set tap1 master brq1
  ip link add eth0 type veth peer name eth0-far; ip address add 192.0.2.11/24 dev eth0; ip address add 2001:db8::11/64 dev eth0 nodad; ip link set eth0 up
  ip link add vxlan-1001 type vxlan id 1001 local 192.0.2.11 dstport 4789; ip link set vxlan-1001 alias orc7c9e66 master brq1
  ip link add vxlan-1002 type vxlan id 1002 local 2001:db8::11 dstport 4789; ip link set vxlan-1002 alias orc7c9e66x
}
entries() {
  for peer in 12 13 14; do bridge fdb append 00:00:00:00:00:00 dev vxlan-1001 dst 192.0.2.$peer; done
  bridge fdb append fa:16:3e:00:00:01 dev vxlan-1001 dst 192.0.2.12
}
daemons() {
  mkdir -p /run/openvswitch; cd /run/openvswitch; ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema
  ovsdb-server conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach --no-chdir -vconsole:off
  ovs-vsctl --no-wait init; ovs-vswitchd --pidfile --detach --no-chdir -vconsole:off
}
switches() {
  for name in br-ex br-theirs; do ovs-vsctl add-br $name -- set Bridge $name datapath_type=netdev; done
  ovs-vsctl set Bridge br-ex external_ids:orchestrator-owner=orc7c9e66 external_ids:other=thing
  for name in eth2 qvo1 qvo2; do ip link add $name type veth peer name $name-far; done
  ovs-vsctl add-port br-ex eth2 -- set Interface eth2 external_ids:orchestrator-uplink=orc7c9e66
  ovs-vsctl add-port br-ex qvo1 tag=100 -- set Interface qvo1 external_ids:orchestrator-owner=orc7c9e66 \
    'external_ids:attached-mac="fa:16:3e:00:00:01"' external_ids:iface-id=00000001-aaaa-4bbb-8ccc-1234567890ab external_ids:iface-status=active
  ovs-vsctl add-port br-theirs qvo2 tag=0; ovs-vsctl add-port br-theirs qvo3 2>/dev/null || :
}
without() { mount --bind /dev/null "$(command -v ovs-vsctl)"; }
clean_up() { :; }
"""
SWITCHES = (ovs.Marked(OURS), ovs.Marked(OTHERS), *(ovs.Bridge(name) for name in ("br-ex", "br-theirs", "br-none")))
PORTS = tuple(ovs.Key(name) for name in ("eth2", "qvo1", "qvo2", "qvo3", "qvo4"))
CASES: dict[str, tuple[str, Sequence[gather.Key]]] = {
    "link/marked": (
        "devices",
        (
            link.Marked(OURS),
            link.Marked(OTHERS),
            link.Addresses(),
            *(link.Key(name) for name in ("brq1", "vxlan-1001", "vxlan-1002", "eth1")),
        ),
    ),
    "fdb/none": ("", (fdb.Key("vxlan-1001"), fdb.Key("vxlan-9"))),
    "fdb/entries": ("entries", (fdb.Key("vxlan-9"), fdb.Key("vxlan-1001"), fdb.Key("vxlan-1002"))),
    "ovs/not_running": ("", (*SWITCHES, *PORTS)),
    "ovs/empty": ("daemons", (*SWITCHES, *PORTS)),
    "ovs/switches": ("switches", (*SWITCHES, *PORTS)),
    "ovs/not_installed": ("without", SWITCHES),
}

if __name__ == "__main__":
    with throwaway.host() as found:
        capture.play(["nsenter", f"--target={found.pid}", "--net", "--mount", "--pid", "sh", "-c"], CASES, SCENES, "set_up")
