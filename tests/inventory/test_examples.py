"""The example inventories, against what ansible-core 2.19 said of them (kept as data in tests/golden/inventory/ansible)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.files import inventory
from orchestrator.model import pattern
from orchestrator.model.host import Inventory

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "tests/golden/inventory/ansible"
CASES = sorted(ANSIBLE.glob("*.json"))


def example(case: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Inventory, dict[str, Any]]:
    monkeypatch.chdir(ROOT)
    golden = json.loads(case.read_text())
    return inventory.load(golden["sources"]), golden


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
class TestSameAsAnsible:
    def test_variables(self, case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found, golden = example(case, monkeypatch)
        variables = {name: dict(host.variables) for name, host in found.hosts.items() if host.variables}
        assert variables == golden["list"]["_meta"]["hostvars"]

    def test_order_of_hosts(self, case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found, golden = example(case, monkeypatch)
        if golden["hosts"] is None:
            pytest.skip("Ansible's own order differs from run to run where groups of one level share children")
        assert list(found.hosts) == golden["hosts"]

    def test_groups(self, case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found, golden = example(case, monkeypatch)
        children = {name: list(group["children"]) for name, group in golden["list"].items() if "children" in group}
        assert {name: [child for child in names if child in golden["list"]] for name, names in found.children.items()} == {
            name: [child for child in names if child in golden["list"]] for name, names in children.items()
        }
        for name, group in golden["list"].items():
            assert set(group.get("hosts", ())) <= set(found.groups.get(name, ()))

    def test_patterns(self, case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found, golden = example(case, monkeypatch)
        for text, hosts in golden["patterns"].items():
            assert set(pattern.select(text, found)) == set(hosts), text


def test_hosts_are_what_their_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    host = inventory.load(["inventory/datacentre.ini"]).hosts["compute01"]
    assert (host.address, host.port, host.user, host.connection, host.become) == ("compute01", 22, "deploy", "ssh", True)
    assert host.ssh_options == {"StrictHostKeyChecking": "yes", "ProxyJump": "ops@bastion.example.com:2222"}
    assert host.physical_networks == {"physnet1": "eth1", "physnet2": "br-ex"}
    assert (host.groups, [each.name for each in host.aggregates], host.virt_type) == (("compute", "kvm"), ["spread", "ssd"], "kvm")
    assert (host.cpu_allocation_ratio, host.private_key_file) == (8.0, "/etc/orchestrator/id_ed25519")


def test_what_hosts_offer_to_networks_and_volumes(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text(
        "all:\n  hosts:\n    one: {local_ip: 192.0.2.1, volume_backends: {rbd: {pool: vms, port: 6789, cache: no}, local: {}}}\n"
        "    two: {local_ip: '2001:DB8:0::1'}\n    three: {local_ip: ~, volume_backends: ~}\n"
    )
    hosts = inventory.load([str(file)]).hosts
    assert hosts["one"].local_ip == "192.0.2.1"
    assert hosts["one"].volume_backends == {"rbd": {"pool": "vms", "port": "6789", "cache": "no"}, "local": {}}
    assert (hosts["two"].local_ip, hosts["two"].volume_backends) == ("2001:db8::1", {})
    assert (hosts["three"].local_ip, hosts["three"].volume_backends) == (None, {})


def test_localhost_without_connection_variables_is_local(tmp_path: Path) -> None:
    assert inventory.load(["localhost,"]).hosts["localhost"].connection == "local"
    assert inventory.load(["localhost:2222,"]).hosts["localhost"].connection == "ssh"
    file = tmp_path / "hosts"
    file.write_text("localhost virt_type=qemu\n127.0.0.1 ansible_user=me\n")
    hosts = inventory.load([str(file)]).hosts
    assert (hosts["localhost"].connection, hosts["127.0.0.1"].connection) == ("local", "ssh")


def test_relative_key_is_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "hosts").write_text("a ansible_private_key_file=keys/a\nb ansible_ssh_private_key_file=~/.ssh/b\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/operator")
    hosts = inventory.load(["elsewhere/hosts"]).hosts
    assert hosts["a"].private_key_file == str(tmp_path / "keys/a")
    assert hosts["b"].private_key_file == "/home/operator/.ssh/b"


def test_null_is_the_same_as_not_given(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text("all: {vars: {virt_type: kvm}, hosts: {a: {virt_type: null}, b: }}")
    hosts = inventory.load([str(file)]).hosts
    assert (hosts["a"].virt_type, hosts["b"].virt_type) == (None, "kvm")


def test_written_text_is_kept_where_text_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text("all: {hosts: {10: {availability_zone: 1.10, ansible_become: yes, ansible_user: 007}}}")
    host = inventory.load([str(file)]).hosts["10"]
    assert (host.availability_zone, host.become, host.user) == ("1.10", True, "007")
    (tmp_path / "hosts.ini").write_text("a availability_zone=1.10 ansible_port=0x16 ansible_become=yes\n")
    host = inventory.load([str(tmp_path / "hosts.ini")]).hosts["a"]
    assert (host.availability_zone, host.port, host.become) == ("1.10", 22, True)


def test_an_empty_inventory_has_no_hosts(tmp_path: Path) -> None:
    for name in ("empty.yml", "empty.ini", "empty"):
        (tmp_path / name).write_text("# nothing\n")
    assert not inventory.load([str(tmp_path)]).hosts
