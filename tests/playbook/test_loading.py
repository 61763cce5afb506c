"""What good playbooks become."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.files import playbook
from orchestrator.files.playbook import entries, networking, selection
from orchestrator.model import desired, errors
from orchestrator.rendering import bounds
from tests.playbook import samples

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/playbook.md"
Load = Callable[..., desired.Desired]


def instance(text: str, **more: str) -> str:
    fields = "".join(f"      {key}: {value}\n" for key, value in more.items())
    return f"- hosts: compute\n{text}  instances:\n    - name: web\n      state: absent\n{fields}"


WHOLE = """
- name: Web tier
  hosts: [compute, spare]
  vars: {count: 2, net: private, first: "{{ last }}", last: "{{ count + 8 }}"}
  keypairs:
    - {name: ops, public_key_file: key.pub}
    - {name: dev, public_key: KEY}
  flavors:
    - {name: m1.small, vcpus: 1, ram: 512, disk: 5, ephemeral: 1, swap: 256, extra_specs: {"hw:numa_nodes": 1, "hw_rng:allowed": no}}
  images:
    - {name: debian-12.5, source: disk.qcow2, min_ram: 128, min_disk: 1, properties: {hw_disk_bus: virtio, hw_machine_type: q35}}
  networks:
    - name: "{{ net }}"
      provider: {type: flat, physical_network: phys0}
      subnets:
        - {cidr: 10.20.0.0/24, gateway: 10.20.0.1, dns: [10.20.0.2], dhcp: false, pool: 10.20.0.10-10.20.0.200}
        - {cidr: "FD00:20::/64"}
  instances:
    - name: "web-{{ item }}"
      loop: "{{ range(1, count + 1) }}"
      flavor: m1.small
      image: debian-12.5
      keypair: ops
      networks:
        - {network: private, fixed_ip: "10.20.0.{{ first + item }}", mac: "52:54:00:AB:cd:0{{ item }}"}
        - {network: private}
      availability_zone: az1
      user_data: "hostname: web-{{ item }}\\n"
      config_drive: yes
      metadata: {role: web, version: 1.10, answer: no, number: "{{ item }}", on: "{{ true }}"}
      tags: [web]
      state: "{{ 'active' if item == 1 else 'stopped' }}"
"""


def test_everything(load: Load, tmp_path: Path) -> None:
    found = load(WHOLE.replace("KEY", samples.KEY))
    assert found.flavors == {"m1.small": desired.Flavor("m1.small", 1, 512, 5, 1, 256, {"hw:numa_nodes": "1", "hw_rng:allowed": "false"})}
    assert found.keypairs == {name: desired.Keypair(name, samples.KEY) for name in ("ops", "dev")}
    image = found.images["debian-12.5"]
    assert (image.source, image.virtual_size, image.size) == (str(tmp_path / "disk.qcow2"), 1 << 30, 5 << 16)
    assert (image.min_ram, image.min_disk, image.properties) == (128, 1, {"hw_disk_bus": "virtio", "hw_machine_type": "q35"})
    subnets = (
        desired.Subnet("10.20.0.0/24", "10.20.0.1", ("10.20.0.2",), ("10.20.0.10", "10.20.0.200")),
        desired.Subnet("fd00:20::/64"),
    )
    assert found.networks == {"private": desired.Network("private", "phys0", "flat", subnets)}
    assert list(found.instances) == ["web-1", "web-2"]
    assert found.instances["web-2"] == desired.InstanceRequest(
        name="web-2",
        flavor="m1.small",
        image="debian-12.5",
        hosts=samples.HOSTS,
        networks=(desired.NetworkRequest("private", "10.20.0.12", "52:54:00:ab:cd:02"), desired.NetworkRequest("private")),
        keypair="ops",
        availability_zone="az1",
        user_data="hostname: web-2\n",
        config_drive=True,
        metadata={"role": "web", "version": "1.10", "answer": "no", "number": "2", "on": "true"},
        tags=("web",),
        state="stopped",
        where=f"{tmp_path / 'site.yaml'}:19:7",
    )


def test_loading_twice_gives_the_same(load: Load) -> None:
    text = WHOLE.replace("KEY", samples.KEY)
    assert load(text) == load(text)


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example(path: Path, tmp_path: Path) -> None:
    image = tmp_path / "guest.qcow2"
    image.write_bytes(samples.Qcow2().content())
    found = playbook.load([path], samples.INVENTORY, {"image": str(image)})
    assert {len(found.instances)} <= {3, 20}
    assert {wish.hosts for wish in found.instances.values()} == {("lab1", "lab2")}


def test_an_unquoted_mac_is_a_mac(load: Load) -> None:
    text = instance("", networks="[{network: n, mac: 52:54:00:12:34:56}]").replace(
        "  instances", "  networks: [{name: n, provider: {type: flat, physical_network: phys0}}]\n  instances"
    )
    assert load(text).instances["web"].networks[0].mac == "52:54:00:12:34:56"


def test_variables_of_the_command_line_win_over_files_win_over_the_play(load: Load, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("b: file\nc: file\nd: '{{ a }}-{{ c }}'\n")
    (tmp_path / "nothing.yaml").write_text("")
    text = "  vars: {a: play, b: play, c: play, names: more}\n  vars_files: ['{{ names }}.yaml', nothing.yaml]\n"
    found = load(instance(text, metadata='{a: "{{ a }}", b: "{{ b }}", c: "{{ c }}", d: "{{ d }}"}'), {"c": "given"})
    assert found.instances["web"].metadata == {"a": "play", "b": "file", "c": "given", "d": "play-given"}


def test_variables_that_mention_item(load: Load) -> None:
    text = instance("  vars: {title: 'web-{{ item.id }}'}\n", loop="[{id: 1}, {id: 2}]").replace("name: web", 'name: "{{ title }}"')
    assert list(load(text).instances) == ["web-1", "web-2"]


@pytest.mark.parametrize(
    ("when", "there"),
    [("count == 1", True), ("[count == 1, count > 5]", False), ("false", False), ('"{{ count == 1 }}"', True), ("[]", True)],
)
def test_when(when: str, there: bool, load: Load) -> None:
    assert bool(load(instance("  vars: {count: 1}\n", when=when)).instances) is there


def test_when_sees_the_item(load: Load) -> None:
    text = instance("", loop="[1, 2, 3]", when="item != 2").replace("name: web", 'name: "web-{{ item }}"')
    assert list(load(text).instances) == ["web-1", "web-3"]


def test_a_null_is_as_good_as_nothing(load: Load) -> None:
    found = load(instance("", keypair='"{{ none }}"', user_data="~", metadata="")).instances["web"]
    assert (found.keypair, found.user_data, found.metadata) == (None, None, {})


def test_user_data_from_a_file_is_taken_as_it_is(load: Load, tmp_path: Path) -> None:
    (tmp_path / "web.sh").write_text("#!/bin/sh\necho {{ not ours }} ${#x}\n")
    assert load(instance("", user_data="{file: web.sh}")).instances["web"].user_data == "#!/bin/sh\necho {{ not ours }} ${#x}\n"


def test_hosts_of_an_instance_win_over_the_play(load: Load) -> None:
    assert load(instance("", hosts="all:!lab1")).instances["web"].hosts == ("lab2", "spare1")


def test_references_reach_over_plays_and_files(load: Load, tmp_path: Path) -> None:
    (tmp_path / "flavors.yaml").write_text("- {flavors: [{name: tiny, vcpus: 1, ram: 64, disk: 1}]}")
    (tmp_path / "web.yaml").write_text(
        "- {hosts: lab1, instances: [{name: web, flavor: tiny, image: debian}]}\n- {images: [{name: debian, source: disk.qcow2}]}"
    )
    found = playbook.load([tmp_path / "web.yaml", tmp_path / "flavors.yaml"], samples.INVENTORY, {})
    assert found.instances["web"].flavor == "tiny"


def test_a_home_folder_and_a_path_from_elsewhere(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = load("- {images: [{name: a, source: ~/disk.qcow2}, {name: b, source: ./x/../disk.qcow2}]}")
    assert {image.source for image in found.images.values()} == {str(tmp_path / "disk.qcow2")}


def test_checksums_are_remembered_by_the_caller(load: Load) -> None:
    digests: dict[str, str] = {}
    first = load("- {images: [{name: a, source: disk.qcow2}]}", digests=digests).images["a"]
    assert list(digests.values()) == [first.digest]


TAGGED = "- hosts: all\n  tags: [site]\n  instances:\n" + "".join(
    f"    - {{name: {name}, state: absent, tags: {tags}}}\n"
    for name, tags in (("web", "[web]"), ("db", '"db, slow"'), ("plain", "[]"), ("always", "[always]"), ("never", "[never, db]"))
)


@pytest.mark.parametrize(
    ("tags", "skip_tags", "names"),
    [
        ((), (), "web db plain always"),
        (("web",), (), "web always"),
        (("db",), (), "db always never"),
        (("site",), (), "web db plain always never"),
        ((), ("slow",), "web plain always"),
        ((), ("always",), "web db plain"),
        ((), ("all",), "always"),
        (("nothing",), (), "always"),
    ],
)
def test_tags(tags: tuple[str, ...], skip_tags: tuple[str, ...], names: str, load: Load) -> None:
    found = load(TAGGED, tags=tags, skip_tags=skip_tags).instances
    assert " ".join(found) == names
    assert {wish.tags for wish in found.values()} <= {("web",), ("db", "slow"), ("db",), ()}


def test_tags_of_their_own_meaning() -> None:
    assert selection.of(["untagged"], []).takes(())
    assert not selection.of(["untagged"], []).takes(("web",))
    assert selection.of(["tagged"], []).takes(("web",))
    assert not selection.of([], ["untagged"]).takes(())


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-rsa"])
def test_public_keys(kind: str, load: Load) -> None:
    blob = base64.b64encode(len(kind).to_bytes(4, "big") + kind.encode() + os.urandom(64)).decode()
    text = f"- {{keypairs: [{{name: a, public_key: {kind} {blob} me@example with words}}]}}"
    assert load(text).keypairs["a"].public_key == f"{kind} {blob} me@example with words"


HOSTILE = [
    ";id",
    "`id`",
    "$(id)",
    "a|b&c>d",
    "it's",
    'a"b',
    "back\\slash",
    "*?[a]",
    "~root",
    "{a,b}",
    "-oProxyCommand=id",
    "%s%n",
    "a,readonly=off",
    "]]>&lt;<x/>",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_metadata_arrives_byte_for_byte(value: str, load: Load) -> None:
    quoted = value.replace("'", "''")
    assert load(instance("", metadata=f"{{x: '{quoted}'}}")).instances["web"].metadata == {"x": value}


def test_thousands_of_entries(load: Load) -> None:
    text = instance("", loop='"{{ range(5000) }}"', metadata='{n: "{{ item }}"}').replace("name: web", 'name: "web-{{ item }}"')
    assert len(load(text).instances) == 5000


def test_too_many_entries(load: Load) -> None:
    text = "- hosts: all\n  instances:\n" + '    - {name: "a{{ item }}", loop: "{{ range(10000) }}", state: absent}\n' * 6
    with pytest.raises(errors.SpecErrors, match="more than 50000 entries"):
        load(text)


def test_the_first_example_of_the_documentation(load: Load) -> None:
    block = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    assert list(load(block).instances) == ["web-1", "web-2", "web-3"]


def test_the_documentation_has_every_word() -> None:
    models = list(entries.MODELS.values())
    nested = (networking.Provider, networking.SubnetEntry, networking.HostRoute, networking.RuleEntry, networking.NetworkRequestEntry)
    fields = {key for model in (*models, *nested, entries.BlockDevice) for key in model.__struct_fields__}
    page = PAGE.read_text()
    told = {word for word in {*bounds.FILTERS, *fields} if f"`{word}`" in page or f"`{word}: " in page}
    assert {*bounds.FILTERS, *fields} - {"d", "count"} - told == set()
