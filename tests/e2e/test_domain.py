"""What flavors and images say of the hardware, on real hosts: libvirt takes every XML, and guests boot from every bus.

The practice guest boots by BIOS only. Of UEFI it is shown that libvirt starts it, that OVMF runs, and what becomes of its NVRAM.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.rendering import domain
from tests.e2e import guests
from tests.e2e.conftest import Lab, Operator, wait
from tests.samples import hardware

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PLAY = """\
- hosts: {host}
  flavors:
    - {{name: tiny, vcpus: 1, ram: 96, disk: 1}}
    - {{name: two-nodes, vcpus: 2, ram: 128, disk: 1, extra_specs: {{"hw:numa_nodes": 2, "hw:cpu_cores": 2, "hw_rng:allowed": no}}}}
    - {{name: one-node, vcpus: 1, ram: 96, disk: 1, extra_specs: {{"hw:numa_nodes": 1}}}}
    - {{name: blank, vcpus: 1, ram: 96, disk: 1, ephemeral: 1, swap: 64, extra_specs: {{"quota:disk_total_iops_sec": 100000}}}}
    - {{name: firmware, vcpus: 1, ram: 192, disk: 1}}
  images:
    - {{name: q35, source: "{image}", properties: {{hw_machine_type: q35, os_shutdown_timeout: 3, hw_qemu_guest_agent: yes}}}}
    - {{name: ide, source: "{image}", properties: {{hw_disk_bus: ide, hw_video_model: cirrus, os_shutdown_timeout: 3}}}}
    - {{name: scsi, source: "{image}", properties: {{hw_disk_bus: scsi, hw_watchdog_action: reset, os_shutdown_timeout: 3}}}}
    - {{name: e1000, source: "{image}", properties: {{hw_vif_model: e1000, hw_input_bus: virtio, os_shutdown_timeout: 3}}}}
    - {{name: sata, source: "{image}", properties: {{hw_disk_bus: sata, hw_machine_type: q35, os_shutdown_timeout: 0}}}}
    - {{name: uefi, source: "{image}", properties: {{hw_firmware_type: uefi, hw_machine_type: q35, os_shutdown_timeout: 0}}}}
  networks:
    - name: flat
      provider: {{type: flat, physical_network: phys1}}
      subnets: [{{cidr: 10.66.0.0/24, pool: 10.66.0.10-10.66.0.200}}]
  instances:
    - {{name: q35, flavor: two-nodes, image: q35, networks: [{{network: flat}}], config_drive: true}}
    - {{name: ide, flavor: tiny, image: ide, config_drive: nocloud}}
    - {{name: scsi, flavor: blank, image: scsi, config_drive: true}}
    - {{name: e1000, flavor: one-node, image: e1000, networks: [{{network: flat}}], config_drive: true}}
    - {{name: sata, flavor: blank, image: sata, config_drive: true}}
    - {{name: uefi, flavor: firmware, image: uefi, config_drive: true}}
"""
AT = "/var/lib/nova/instances"


@pytest.fixture(scope="module")
def operator(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    someone = Operator(lab, tmp_path_factory.mktemp("domain"))
    someone("apply", someone.playbook("site.yaml", PLAY.format(host=next(iter(lab.hosts)), image=lab.image)))
    yield someone
    someone("destroy", "--yes", *someone.instances())


def files(operator: Operator, name: str) -> Path:
    """An instance's directory, seen from this machine."""
    record = operator.instances()[name]
    return operator.lab.files(str(record["host"])) / AT.lstrip("/") / str(record["uuid"])


def test_libvirt_takes_every_xml(lab: Lab) -> None:
    """Each case that golden files are about, defined and validated by the daemon itself, then undefined."""
    host = next(iter(lab.hosts))
    folder = lab.files(host) / "var/lib/nova/instances/xml"
    folder.mkdir(parents=True, exist_ok=True)
    for name, instance in hardware.CASES.items():
        (folder / f"{name}.xml").write_text(domain.xml(instance))
    loop = f"""cd {AT}/xml && for file in *.xml; do
    virsh -q define --validate --file "$file" && virsh -q undefine instance-00000001 --keep-nvram && echo "took $file"
    done 2>&1; rm -r {AT}/xml"""
    said = lab.script(host, loop).splitlines()
    assert sorted(said) == sorted(f"took {name}.xml" for name in hardware.CASES)


@pytest.mark.parametrize(("name", "disk"), [("q35", "/dev/vd"), ("ide", "/dev/sd"), ("scsi", "/dev/sd"), ("e1000", "/dev/vd")])
def test_a_guest_boots(operator: Operator, name: str, disk: str) -> None:
    found, size = guests.Guest(operator, name).run("read -r disk </tmp/disk; echo $disk; cat /sys/block/${disk##*/}/size").splitlines()
    assert found.startswith(disk)
    assert size == str((1 << 30) // 512), "grown to the flavor's disk"


def test_processors_and_nodes_are_as_the_flavor_says(operator: Operator) -> None:
    guest = guests.Guest(operator, "q35")
    assert guest.run("grep -c ^processor /proc/cpuinfo") == "2"
    assert guest.run("sed -n 's/^cpu cores[^0-9]*//p' /proc/cpuinfo | sort -u") == "2"
    assert guest.run("ls -d /sys/devices/system/node/node* | wc -l") == "2"


def test_a_guest_s_node_is_tied_to_one_of_the_host(operator: Operator) -> None:
    record = operator.instances()["e1000"]
    tuned = operator.lab.on(str(record["host"]), "virsh", "-q", "numatune", str(record["uuid"]))
    assert re.sub(r"\s+", " ", tuned).strip() == "numa_mode : strict numa_nodeset : 0"
    pinned = operator.lab.on(str(record["host"]), "virsh", "-q", "vcpupin", str(record["uuid"])).split()
    assert pinned == ["0", operator.lab.on(str(record["host"]), "cat", "/sys/devices/system/node/node0/cpulist").strip()]


def test_either_drive_tells_a_guest_its_name(operator: Operator) -> None:
    ide, scsi = guests.Guest(operator, "ide"), guests.Guest(operator, "scsi")
    assert "hostname=ide" in ide.wait_for("DATA ")
    assert "source=nocloud" in ide.wait_for("DATA ")
    assert "hostname=scsi" in scsi.wait_for("DATA ")
    assert "source=config-2" in scsi.wait_for("DATA ")


def test_blank_disks_are_ready_for_use(operator: Operator) -> None:
    guest = guests.Guest(operator, "scsi")
    where = guest.run("mount-local", 40).split()[-1]
    guest.run(f"echo kept >{where}/file && sync && grep -q kept {where}/file")
    guest.run("use-swap", 40)
    assert guest.run("sed -n '2s/[ \\t].*//p' /proc/swaps").startswith("/dev/")


def test_files_of_a_guest_are_nobody_elses_to_read(operator: Operator) -> None:
    kept = {each.name: each.stat().st_mode & 0o077 for each in files(operator, "scsi").iterdir() if each.name != "libvirt.xml"}
    assert kept == dict.fromkeys(("console.log", "disk", "disk.config", "disk.local", "disk.swap", "instance.json"), 0)


def test_firmware_runs_and_keeps_its_variables_through_a_hard_reboot(operator: Operator) -> None:
    folder = files(operator, "uefi")

    def loader() -> str:
        return "BdsDxe" if b"BdsDxe" in (folder / "console.log").read_bytes() else ""

    assert wait(loader, 120) == "BdsDxe", "OVMF looks for something to boot"
    inode = (folder / "nvram.fd").stat().st_ino
    operator("hard-reboot", "uefi")
    assert operator.instances()["uefi"]["state"] == "ACTIVE"
    assert (folder / "nvram.fd").stat().st_ino == inode
    assert "0 changed" in operator("apply", str(operator.folder / "site.yaml")).stderr


def test_sata_disks_and_drive_share_a_controller(operator: Operator) -> None:
    """The practice guest has no driver for it; QEMU has each disk in its place."""
    record = operator.instances()["sata"]
    listed = operator.lab.on(str(record["host"]), "virsh", "-q", "domblklist", str(record["uuid"]))
    assert {line.split()[0]: line.split()[1].rsplit("/", 1)[-1] for line in listed.splitlines()} == {
        "sda": "disk",
        "sdb": "disk.local",
        "sdc": "disk.swap",
        "sdz": "disk.config",
    }
    assert operator.lab.on(str(record["host"]), "virsh", "-q", "domstate", str(record["uuid"])).strip() == "running"


def test_nothing_of_it_is_left(operator: Operator) -> None:
    folder = files(operator, "uefi")
    operator("destroy", "--yes", "uefi")
    assert not folder.exists()
