"""Edited entries under a real guest: what is live touches no process, what is not waits for consent."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import guests
from tests.e2e.conftest import Operator, wait

PLAY = """\
- hosts: {host}
  flavors:
    - {{name: tiny, vcpus: 1, ram: {ram}, disk: {disk}}}
  images:
    - {{name: {image}, source: "{source}", properties: {{os_shutdown_timeout: 3}}}}
  networks:
    - name: flat
      provider: {{type: flat, physical_network: phys1}}
      subnets: [{{cidr: 10.66.0.0/24, pool: 10.66.0.10-10.66.0.200}}]
    - name: office
      driver: openvswitch
      provider: {{type: vlan, physical_network: phys2, segmentation_id: 66}}
      subnets: [{{cidr: 10.67.0.0/24}}]
  instances:
    - {{name: vm, flavor: tiny, image: {image}, networks: [{networks}], tags: [{tags}]}}
"""


class Site:
    """A playbook that is edited: of one instance, on the lab's second host."""

    def __init__(self, operator: Operator) -> None:
        self.operator, self.host = operator, list(operator.lab.hosts)[1]
        self.said = {"host": self.host, "ram": "128", "disk": "1", "image": "guest", "source": str(operator.lab.image)}
        self.said |= {"networks": "{network: flat}", "tags": ""}

    def edit(self, **said: str) -> str:
        self.said |= said
        return self.operator.playbook("site.yaml", PLAY.format(**self.said))

    def pid(self) -> str:
        return self.operator.lab.script(self.host, "cat /run/libvirt/qemu/instance-*.pid").strip()


def test_an_entry_is_edited_while_its_guest_runs(operator: Operator) -> None:
    site = Site(operator)
    operator("apply", site.edit())
    vm = guests.Guest(operator, "vm")
    vm.wait_for("GUEST UP")
    pid = site.pid()

    path = site.edit(networks="{network: flat}, {network: office}", tags="web", disk="2")
    planned = operator("plan", path).stdout
    for line in ("flavor.disk 1 -> 2 (live)", "tags none -> web (live)", "port none -> office (live)"):
        assert f"~ instance vm: {line}" in planned
    operator("apply", path)
    wait(lambda: vm.run("ls /sys/class/net | grep eth1", check=False), 20)
    assert vm.run("cat /sys/class/net/eth1/address") == vm.ports[1]["mac"]
    assert vm.run("blockdev --getsize64 /dev/vda") == str(2 << 30)
    assert "No changes" in operator("plan", path).stdout

    tap = str(vm.ports[1]["tap"])
    path = site.edit(networks="{network: flat}")
    operator("apply", path)
    assert not vm.succeeds("[ -e /sys/class/net/eth1 ]")
    assert tap not in operator.lab.on(site.host, "ip", "-o", "link")
    assert (len(vm.ports), site.pid(), operator.instances()["vm"]["state"]) == (1, pid, "ACTIVE")
    assert "No changes" in operator("plan", path).stdout

    path = site.edit(ram="192")
    assert "needs --allow reboot" in operator("plan", "--detailed-exitcode", path, code=2).stdout
    assert "vm: flavor.ram 128 -> 192 (reboot): not done: needs --allow reboot" in operator("apply", path).stderr
    assert (site.pid(), operator.lab.starts(site.host).popitem()[1]) == (pid, 1)
    operator("apply", "--allow", "reboot", path)
    vm.wait_for("GUEST UP boots=2")
    assert int(vm.run("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")) > 128 << 10
    assert "No changes" in operator("plan", path).stdout

    before = operator.instances()["vm"]
    path = site.edit(image="other")
    assert "image guest -> other (rebuild, destroys data): not done" in operator("apply", "--allow", "reboot", path).stderr
    operator("apply", "--allow", "rebuild", path)
    wait(lambda: ("GUEST UP boots=1" in operator("logs", "vm").stdout.rpartition("GUEST UP boots=2")[2] and "anew") or "", 60)
    after = operator.instances()["vm"]
    assert (after["uuid"], after["addresses"], after["state"]) == (before["uuid"], before["addresses"], "ACTIVE")
    assert "No changes" in operator("plan", path).stdout


def test_a_guest_that_lets_go_of_nothing_keeps_its_port_until_it_is_rebooted(operator: Operator, halting_image: Path) -> None:
    """It has no system that could: a port stays the guest's, and its address too, for as long as QEMU has it."""
    site = Site(operator)
    both = "{network: flat}, {network: flat, fixed_ip: 10.66.0.99}"
    operator("apply", site.edit(source=str(halting_image), networks=both))
    pid, path = site.pid(), site.edit(networks="{network: flat}")
    assert "does not let go" in operator("apply", path, code=3).stderr
    assert (site.pid(), operator.instances()["vm"]["state"]) == (pid, "ACTIVE")
    assert "10.66.0.99" in operator("get", "ports").stdout
    operator("hard-reboot", "vm")
    assert "10.66.0.99" not in operator("get", "ports").stdout
    assert "No changes" in operator("plan", path).stdout
