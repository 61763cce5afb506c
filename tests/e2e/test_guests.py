"""The guests that other tests speak with: they do as they are told, say it whole, and the wires between them are seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import guests
from tests.e2e.conftest import Lab, Operator

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PLAY = """\
- hosts: {first}:{second}
  flavors:
    - {{name: tiny, vcpus: 1, ram: 128, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
  keypairs:
    - {{name: ops, public_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm7T+YzQyLDPXmpC0FkV1RjM1KJuBsYLMiLBrYWAb6k ops"}}
  networks:
    - name: wire
      provider: {{type: flat, physical_network: phys0}}
      subnets: [{{cidr: 10.67.0.0/24, pool: 10.67.0.10-10.67.0.200}}]
  instances:
    - name: "{{{{ item }}}}"
      loop: [left, right]
      hosts: "{{{{ {{'left': '{first}', 'right': '{second}'}}[item] }}}}"
      flavor: tiny
      image: guest
      keypair: ops
      networks: [{{network: wire}}]
      config_drive: true
      user_data: |
        #!/bin/sh
        echo "I am $(hostname)"
"""


@pytest.fixture(scope="module")
def operator(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    someone = Operator(lab, tmp_path_factory.mktemp("guests"))
    first, second = list(lab.hosts)[:2]
    someone("apply", someone.playbook("site.yaml", PLAY.format(first=first, second=second, image=lab.image)))
    yield someone
    someone("destroy", "--yes", "left", "right")


@pytest.fixture(scope="module")
def left(operator: Operator) -> guests.Guest:
    return guests.Guest(operator, "left")


@pytest.fixture(scope="module")
def right(operator: Operator) -> guests.Guest:
    return guests.Guest(operator, "right")


def test_the_drive_arrives(left: guests.Guest) -> None:
    said = left.wait_for("DATA ")
    assert "hostname=left keys=1 user_data_sha256=" in said
    assert left.wait_for("USERDATA ").endswith("I am left")
    assert left.run("cat /root/.ssh/authorized_keys").endswith(" ops")


def test_it_does_as_told(left: guests.Guest) -> None:
    assert left.run("hostname") == "left"
    assert left.run("echo out; echo error >&2; printf 'no newline'") == "out\nerror\nno newline"
    assert left.tried("echo some; exit 7") == (7, "some")
    code, output = left.tried("echo first; sleep 30", seconds=2)
    assert (code, output.splitlines()[0]) == (143, "first")
    with pytest.raises(guests.Failed, match="no such thing"):
        left.run("echo no such thing; false")
    assert left.run("true") == ""


def test_long_commands_and_answers_arrive_whole(left: guests.Guest) -> None:
    words = "".join(f"{number:04}" for number in range(3000))
    assert left.run(f"echo {words}", seconds=60) == words
    assert left.run("seq 2000", seconds=60).split() == [str(number) for number in range(1, 2001)]


def test_several_at_once(left: guests.Guest, right: guests.Guest) -> None:
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(guest.run, f"sleep 1; echo {number}", 60) for number in range(3) for guest in (left, right)]
        assert [each.result() for each in asked] == ["0", "0", "1", "1", "2", "2"]


def test_frames_between_hosts_are_seen(left: guests.Guest, right: guests.Guest) -> None:
    to, lab = right.address(), left.operator.lab
    (there,), (here,) = right.ports, left.ports
    with guests.frames(lab, str(right.record["host"]), str(there["tap"])) as seen:
        assert "3 packets received" in left.run(f"ping -c 3 -i 0.2 -W 5 {to}")
        assert left.run(f"nc -w 5 {to} 7777 </dev/null") == "right"
    reached = [frame for frame in seen if frame.sent and frame.source == here["mac"]]
    assert [frame.payload[9] for frame in reached if frame.ethertype == 0x0800].count(1) == 3, "as many ICMP frames as were sent"
    assert any(not frame.sent and frame.destination == here["mac"] for frame in seen), "and the answers"


def test_any_frame_can_be_sent(left: guests.Guest) -> None:
    (port,) = left.ports
    frame = guests.ethernet("02:00:00:00:00:99", 0x88B5, b"forged")
    with guests.frames(left.operator.lab, str(left.record["host"]), str(port["tap"])) as seen:
        left.run(f"frame eth0 {frame}")
    assert [each.data.hex() for each in seen if each.source == "02:00:00:00:00:99"] == [frame]


def test_it_answers_again_after_a_hard_reboot(operator: Operator, left: guests.Guest) -> None:
    operator("hard-reboot", "left")
    assert left.address(boots=2) == left.address()
    assert left.run("hostname", seconds=60) == "left"
