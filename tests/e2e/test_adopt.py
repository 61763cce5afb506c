"""A host with guests that others made, and guests whose store is lost: taken over, none restarted; from then on they are as any other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Lab, Operator

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
FILES = "/var/lib/libvirt/images"
PLAY = """\
- hosts: "{host}"
  flavors: [{{name: tiny, vcpus: 1, ram: 48, disk: 1, swap: 64}}]
  images: [{{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}]
  networks:
    - {{name: flat, provider: {{type: flat, physical_network: phys1}}, subnets: [{{cidr: 10.66.0.0/24}}]}}
    - {{name: tenant, provider: {{type: vxlan, segmentation_id: 4712}}, subnets: [{{cidr: 10.67.0.0/24, gateway: 10.67.0.1, dhcp: true, nat: true}}]}}
  volumes: [{{name: data, size: 1}}]
  instances:
    - {{name: ours-1, flavor: tiny, image: guest, networks: [{{network: flat}}], config_drive: true, user_data: "#cloud-config", metadata: {{role: web}}}}
    - {{name: ours-2, flavor: tiny, image: guest, networks: [{{network: flat}}, {{network: tenant}}], tags: [web]}}
    - {{name: ours-3, flavor: tiny, image: guest, networks: [{{network: tenant}}], volumes: [data]}}
    - {{name: ours-4, flavor: tiny, image: guest, networks: [{{network: tenant, port_security_enabled: false}}]}}
    - {{name: ours-5, flavor: tiny, image: guest, state: stopped}}
"""
INSTALL = f"""
mkdir -p {FILES}; cd {FILES}
for name in theirs-1 theirs-2 Theirs.3 theirs-5 more; do cp /tmp/halt.qcow2 $name.qcow2; done; qemu-img convert -f qcow2 -O raw /tmp/halt.qcow2 theirs-4.raw
make() {{
  name=$1; shift
  virt-install --connect qemu:///system --virt-type qemu --name "$name" --vcpus 1 --memory 48 --import --osinfo detect=off,require=off \\
    --noautoconsole --check all=off "$@" >/tmp/$name.log 2>&1 || cat /tmp/$name.log
}}
make theirs-1 --disk theirs-1.qcow2,format=qcow2 --network bridge=br-phys1 --graphics vnc
make theirs-2 --disk theirs-2.qcow2,format=qcow2,bus=virtio --network bridge=br-phys1,model=virtio --graphics none &
make Theirs.3 --disk Theirs.3.qcow2,format=qcow2,bus=sata --network none --graphics none --machine q35 & wait
make theirs-4 --disk theirs-4.raw,format=raw,bus=ide --network bridge=br-phys1 --graphics none &
make theirs-5 --disk theirs-5.qcow2,format=qcow2 --disk more.qcow2,format=qcow2 --network bridge=br-phys1 --network bridge=br-phys1 --graphics none & wait
virsh -q destroy theirs-4; virsh -q autostart theirs-2; virsh -q autostart theirs-4
"""
REMOVE = f"""
for name in theirs-1 theirs-2 Theirs.3 theirs-4 theirs-5; do virsh -q destroy $name; virsh -q undefine $name; done 2>/dev/null
cd {FILES} && rm -f theirs-* Theirs.3.qcow2 more.qcow2; true
"""
THEIRS = ("theirs-1", "theirs-2", "theirs-3", "theirs-4", "theirs-5")
OURS = ("ours-1", "ours-2", "ours-3", "ours-4", "ours-5")
OFF = {"theirs-4", "ours-5"}


def pids(lab: Lab, host: str) -> dict[str, str]:
    """QEMU's process of each domain."""
    return dict(line.split(":") for line in lab.script(host, "cd /run/libvirt/qemu && grep . *.pid /dev/null | grep -v ^driver").split())


def kept(lab: Lab, host: str) -> str:
    """The files of others, to the byte, and who has them."""
    return lab.script(host, f"cd {FILES} && sha256sum theirs-* Theirs.3.qcow2 more.qcow2")


def test_guests_of_others_and_of_a_lost_store_are_taken_over(lab: Lab, tmp_path: Path, halting_image: Path) -> None:
    host = next(iter(lab.hosts))
    (tmp_path / "lost").mkdir()
    (tmp_path / "new").mkdir()
    lost, operator = Operator(lab, tmp_path / "lost"), Operator(lab, tmp_path / "new")
    try:
        lost("apply", lost.playbook("site.yaml", PLAY.format(host=host, image=halting_image)))
        (lab.files(host) / "tmp/halt.qcow2").write_bytes(halting_image.read_bytes())
        assert not lab.script(host, INSTALL)
        before, definition = pids(lab, host), lab.script(host, "virsh -q dumpxml --inactive theirs-5")
        assert len(before) == 8

        refused = operator("apply", str(tmp_path / "lost/site.yaml"), code=1).stderr
        assert f"orchestrator adopt {host}" in refused
        assert not operator.instances()

        site = tmp_path / "site.yaml"
        said = operator("adopt", host, "--yes", "--write", str(site)).stderr
        assert "10 changed, 0 unchanged, 0 failed" in said, said
        assert "a plan of the playbook has nothing to do" in said
        assert pids(lab, host) == before, "none was restarted"
        marked = lab.script(host, "virsh -q dumpxml --inactive theirs-5").splitlines()
        assert [line for line in marked if "orchestrator:" not in line and "metadata>" not in line] == definition.splitlines()
        assert {name: each["state"] for name, each in operator.instances().items()} == {
            name: "STOPPED" if name in OFF else "ACTIVE" for name in (*THEIRS, *OURS)
        }
        operator("plan", "--detailed-exitcode", str(site))
        operator("plan", "--detailed-exitcode", str(tmp_path / "lost/site.yaml"))
        assert "0 changed, 10 unchanged, 0 failed" in operator("apply", str(site)).stderr
        assert pids(lab, host) == before

        operator("hard-reboot", *THEIRS, *OURS)
        after = pids(lab, host)
        assert len(after) == 10
        assert not set(before.values()) & set(after.values())
        assert sorted(lab.script(host, "virsh -q list --all --autostart --name").split()) == ["theirs-2", "theirs-4"]
        operator("stop", "theirs-1", "theirs-4", "ours-1", "ours-5")
        operator("start", "theirs-1", "ours-1")
        operator("plan", "--detailed-exitcode", str(site))
        operator("verify")
        files = kept(lab, host)
        operator("destroy", "--yes", *THEIRS, *OURS)
        assert not lab.script(host, "virsh -q list --all --name").strip()
        assert kept(lab, host).count("\n") == files.count("\n") == 6
        assert lab.script(host, f"cd {FILES} && sha256sum theirs-4.raw") in files
        operator("volume", "delete", "--yes", "theirs-2-vda", "data")
        operator("verify")
        assert "alias orc" not in lab.on(host, "ip", "-o", "link", "show")
        assert lab.script(host, f"ls {FILES}").split().count("theirs-2.qcow2") == 0
    finally:
        for each in (operator, lost):
            if names := list(each.instances()):
                each("destroy", "--yes", *names, code=None)
        lab.script(host, REMOVE)
