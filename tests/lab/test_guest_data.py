"""What the practice guest understands of a drive: its awk programs, run by the busybox that the guest has."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.lab import frame, guest
from orchestrator.rendering import config_drive
from tests.samples import instances

ROOM = Path(guest.__file__).parent
pytestmark = pytest.mark.skipif(not shutil.which("busybox"), reason="needs busybox")


def awk(program: str, text: str) -> list[str]:
    """What a program of the guest's prints about a text."""
    argv = ("busybox", "awk", "-f", str(ROOM / program))
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout.splitlines()


def network(text: str) -> list[str]:
    return awk("guest-network.awk", "\n".join(awk("guest-flatten.awk", text)) + "\n")


NETWORK_DATA = {
    "links": [
        {"id": "tap1", "type": "bridge", "ethernet_mac_address": "fa:16:3e:00:00:01", "mtu": 1450},
        {"id": "tap2", "type": "bridge", "ethernet_mac_address": "FA:16:3E:00:00:02", "mtu": None},
    ],
    "networks": [
        {
            "link": "tap1",
            "type": "ipv4",
            "ip_address": "10.0.0.5",
            "netmask": "255.255.252.0",
            "routes": [
                {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"},  # noqa: S104
                {"network": "10.9.0.0", "netmask": "255.255.0.0", "gateway": "10.0.0.2"},
            ],
        },
        {
            "link": "tap1",
            "type": "ipv6",
            "ip_address": "fd00::5",
            "netmask": "ffff:ffff:ffff:fffe::",
            "routes": [{"network": "::", "netmask": "::", "gateway": "fd00::1"}],
        },
        {"link": "tap2", "type": "ipv4_dhcp"},
    ],
}
CONFIG_VERSION_2 = """\
# of NoCloud
version: 2
ethernets:
  tap1:
    match: {macaddress: "fa:16:3e:00:00:01"}
    mtu: 1450
    addresses: [10.0.0.5/22, "fd00::5/63"]
    routes:
    - to: 0.0.0.0/0
      via: 10.0.0.1
    - {to: 10.9.0.0/16, via: '10.0.0.2'}
    - {to: "::/0", via: "fd00::1"}
    nameservers:
      addresses:
        - 10.0.0.3
  tap2:
    match:
      macaddress: fa:16:3e:00:00:02
    dhcp4: true
"""
FIRST, SECOND = "fa:16:3e:00:00:01 ", "fa:16:3e:00:00:02 "
UNDERSTOOD = {
    f"{FIRST}mtu 1450",
    f"{FIRST}address 10.0.0.5/22",
    f"{FIRST}route default 10.0.0.1",
    f"{FIRST}route 10.9.0.0/16 10.0.0.2",
    f"{FIRST}address fd00::5/63",
    f"{FIRST}route default fd00::1",
    f"{SECOND}dhcp",
}
VERSION_2_AS_JSON = {
    "version": 2,
    "ethernets": {
        "tap1": {
            "match": {"macaddress": "fa:16:3e:00:00:01"},
            "mtu": 1450,
            "addresses": ["10.0.0.5/22", "fd00::5/63"],
            "gateway4": "10.0.0.1",
            "gateway6": "fd00::1",
            "routes": [{"to": "10.9.0.0/16", "via": "10.0.0.2"}],
        },
        "tap2": {"match": {"macaddress": "fa:16:3e:00:00:02"}, "dhcp4": True},
    },
}


@pytest.mark.parametrize(
    "text",
    [json.dumps(NETWORK_DATA), json.dumps(NETWORK_DATA, indent=2), CONFIG_VERSION_2, json.dumps(VERSION_2_AS_JSON)],
    ids=["network_data", "indented", "yaml", "version 2 as JSON"],
)
def test_every_form_says_the_same_network(text: str) -> None:
    assert set(network(text)) == UNDERSTOOD


@pytest.mark.parametrize(
    ("datasource", "identity", "hostname", "network_file"),
    [
        ("config-2", "openstack/latest/meta_data.json", "hostname", "openstack/latest/network_data.json"),
        ("nocloud", "meta-data", "local-hostname", "network-config"),
    ],
)
def test_what_we_render_is_understood(datasource: str, identity: str, hostname: str, network_file: str) -> None:
    instance = instances.new(datasource=datasource)
    data = config_drive.files(instance)
    assert f"{hostname}={instance.name}" in awk("guest-flatten.awk", data[identity].decode())
    said = network(data[network_file].decode())
    for port in instance.ports:
        assert f"{port.mac} mtu 1500" in said
        for address in port.fixed_ips:
            assert any(line.startswith(f"{port.mac} address {address}/") for line in said), said


def test_strings_are_what_json_means() -> None:
    text = json.dumps({"keys": ['ssh-ed25519 AA== "me" {you}, a\\b'], "none": [], "deep": [[{"a": 1}]]})
    assert awk("guest-flatten.awk", text) == ['keys/0=ssh-ed25519 AA== "me" {you}, a\\b', "deep/0/0/a=1"]


def test_the_frame_sender_is_a_program_that_runs(tmp_path: Path) -> None:
    program = tmp_path / "send"
    program.write_bytes(frame.program())
    program.chmod(0o755)
    nowhere = bytes.fromhex("11000000ffffff7f") + bytes(12) + bytes(14)  # a device that is not there
    assert subprocess.run([program], input=nowhere, check=False).returncode == 1
