"""Bad input through the command itself: file:line:column and a hint, exit 65, nothing touched. Words are golden-tested in tests/playbook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e import playbooks
from tests.e2e.conftest import Operator

BOMB = "\n".join(
    ["- vars:", "    a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)

WRONG: dict[str, tuple[tuple[str, str], str]] = {
    "unknown key": (("flavor: tiny", "flavr: tiny"), "did you mean 'flavor'"),
    "duplicate key": (("flavor: tiny", "flavor: tiny\n      flavor: tiny"), "flavor"),
    "missing image": (("image: guest", "image: gest"), "guest"),
    "missing flavor": (("flavor: tiny", "flavor: tinny"), "tiny"),
    "missing network": (("[{network: flat}]", "[{network: flatt}]"), "flat"),
    "cyclic variable": (("range(1, 1 + 1)", "a"), "a -> b -> a"),
    "duplicate name": (('name: "vm-{{ item }}"', "name: vm"), "vm"),
    "duplicate IP": (("[{network: flat}]", "[{network: flat, fixed_ip: 10.66.0.20}]"), "10.66.0.20"),
    "duplicate MAC": (("[{network: flat}]", "[{network: flat, mac: 52:54:00:12:34:56}]"), "52:54:00:12:34:56"),
    "wrong type": (("ram: 64", "ram: many"), "ram"),
    "wrong unit": (("ram: 64", "ram: 512MB"), "512"),
    "negative": (("vcpus: 1", "vcpus: -1"), "vcpus"),
    "undefined variable": (("range(1, 1 + 1)", "range(1, cuont)"), "cuont"),
    "control character": (("image: guest", 'image: "gu\\x07est"'), "control character U+0007"),
    "option as name": (('name: "vm-{{ item }}"', 'name: "--help"'), "--help"),
    "command as name": (('name: "vm-{{ item }}"', 'name: "$(id)"'), "$(id)"),
    "space in name": (('name: "vm-{{ item }}"', 'name: "a b"'), "a b"),
    "64 characters": (('name: "vm-{{ item }}"', f'name: "{"a" * 64}"'), "63"),
}
MANY = {"duplicate name", "duplicate IP", "duplicate MAC"}


def refused(operator: Operator, path: str, expected: str) -> None:
    """Exit 65 with the place and the expected words; no host was asked and nothing recorded."""
    done = operator("apply", path, code=65)
    assert re.search(rf"^{re.escape(path)}:\d+:\d+: ", done.stderr, re.MULTILINE), done.stderr
    assert expected in done.stderr, done.stderr
    assert operator.instances() == {}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_playbook_is_refused_with_its_place(operator: Operator, halting_image: Path, kind: str) -> None:
    (old, new), expected = WRONG[kind]
    text = playbooks.play(halting_image, 2 if kind in MANY else 1)
    assert old in text
    text = text.replace(old, new)
    if kind == "cyclic variable":
        text = text.replace("  flavors:", '  vars: {a: "{{ b }}", b: "{{ a }}"}\n  flavors:')
    refused(operator, operator.playbook("site.yaml", text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(BOMB, "alias"), ("[" * 5000 + "]" * 5000, "deep"), ("- name: a\0b\n", ""), ("", "no plays"), ("# nothing\n", "no plays")],
    ids=["alias bomb", "5,000 deep", "NUL", "empty", "comments only"],
)
def test_a_hostile_file_is_refused(operator: Operator, text: str, expected: str) -> None:
    done = operator("apply", operator.playbook("site.yaml", text), code=65)
    assert "site.yaml:" in done.stderr
    assert expected in done.stderr, done.stderr
    assert operator.instances() == {}


def test_an_unquoted_mac_address_is_kept_right(operator: Operator, halting_image: Path) -> None:
    text = playbooks.play(halting_image, 1, hosts="e2e1").replace("{network: flat}", "{network: flat, mac: 52:54:00:12:34:56}")
    operator("apply", operator.playbook("site.yaml", text))
    uuid = str(operator.instances()["vm-1"]["uuid"])
    assert "52:54:00:12:34:56" in operator.lab.on("e2e1", "virsh", "domiflist", uuid)


def test_an_inventory_with_a_cycle(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image))
    inventory = operator.playbook("hosts.ini", "[a:children]\nb\n[b:children]\na\n")
    done = operator("apply", "-i", inventory, play, code=65)
    assert re.search(r"hosts\.ini:\d+:\d+: .*(a|b)", done.stderr), done.stderr


def test_an_unreachable_host_is_told_and_the_others_go_on(operator: Operator, halting_image: Path) -> None:
    text = Path(operator.lab.inventory).read_text() + "        gone: {ansible_host: 127.0.0.9, ansible_port: 9}\n"
    inventory = operator.playbook("hosts.yaml", text)
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 2, hosts="e2e1:gone"))
    done = operator("apply", "-i", inventory, play, code=4)
    assert "gone" in done.stderr
    assert {each["host"] for each in operator.instances().values()} == {"e2e1"}
    assert {each["state"] for each in operator.instances().values()} == {"ACTIVE"}


def test_an_unknown_host_key_shows_fingerprint_and_the_command(operator: Operator, halting_image: Path) -> None:
    empty = operator.playbook("known_hosts", "")
    text = re.sub(r"UserKnownHostsFile=\S+\"", f'UserKnownHostsFile={empty}"', Path(operator.lab.inventory).read_text())
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 1, hosts="e2e1"))
    before = operator.lab.journal()
    done = operator("apply", "-i", operator.playbook("hosts.yaml", text), play, code=4)
    assert re.search(r"SHA256:[A-Za-z0-9+/]{43}", done.stderr), done.stderr
    assert "ssh-keyscan" in done.stderr
    assert empty in done.stderr
    assert operator.lab.journal() == before
