"""Aggregates, zones, and what else a host offers to the scheduler, as inventories say it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.files import inventory
from orchestrator.model.host import Aggregate, Host, Inventory


def loaded(folder: Path, text: str, **files: str) -> Inventory:
    (folder / "hosts.yaml").write_text(text)
    for name, content in files.items():
        path = folder / "group_vars" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return inventory.load([str(folder / "hosts.yaml")])


def aggregates(host: Host) -> dict[str, dict[str, str]]:
    return {each.name: dict(each.metadata) for each in host.aggregates}


def test_a_group_with_metadata_is_an_aggregate_of_all_below_it(tmp_path: Path) -> None:
    text = """
all:
  children:
    fast:
      vars: {aggregate_metadata: {ssd: true, ram_weight_multiplier: 2.0, filter_tenant_id: [red, blue]}}
      children:
        rack1: {hosts: {one: {}}}
    plain: {hosts: {two: {}}}
"""
    hosts = loaded(tmp_path, text).hosts
    assert aggregates(hosts["one"]) == {"fast": {"ssd": "true", "ram_weight_multiplier": "2.0", "filter_tenant_id": "red,blue"}}
    assert hosts["two"].aggregates == ()


def test_group_vars_and_the_group_of_all_say_it_too(tmp_path: Path) -> None:
    hosts = loaded(
        tmp_path, "fast: {hosts: {one: {}}}\n", fast="aggregate_metadata: {ssd: yes}\n", all="aggregate_metadata: {site: x}\n"
    ).hosts
    assert hosts["one"].aggregates == (Aggregate("all", {"site": "x"}), Aggregate("fast", {"ssd": "yes"}))


def test_hosts_name_aggregates_and_what_both_say_is_merged(tmp_path: Path) -> None:
    text = """
fast:
  vars: {aggregate_metadata: {ssd: true, disks: "4"}}
  hosts:
    one: {aggregates: [fast, spread]}
    two: {aggregates: {fast: {disks: "8"}, own: {}, null_too: ~}}
others:
  hosts:
    three: {aggregates: "fast, spread"}
"""
    hosts = loaded(tmp_path, text).hosts
    assert aggregates(hosts["one"]) == {"fast": {"ssd": "true", "disks": "4"}, "spread": {}}
    assert aggregates(hosts["two"]) == {"fast": {"ssd": "true", "disks": "8"}, "null_too": {}, "own": {}}
    assert aggregates(hosts["three"]) == {"fast": {"ssd": "true", "disks": "4"}, "spread": {}}, "who names a group's aggregate is in it"


def test_an_aggregate_gives_its_zone_to_hosts_that_say_none(tmp_path: Path) -> None:
    text = """
east:
  vars: {aggregate_metadata: {availability_zone: az-east}}
  hosts: {one: {}, two: {availability_zone: own}}
west:
  hosts: {three: {aggregates: {w: {availability_zone: az-west}}}, four: {}}
"""
    hosts = loaded(tmp_path, text).hosts
    assert {name: host.availability_zone for name, host in hosts.items()} == {
        "one": "az-east",
        "two": "own",
        "three": "az-west",
        "four": "nova",
    }


def test_what_hosts_offer_the_scheduler(tmp_path: Path) -> None:
    text = """
all:
  hosts:
    one:
      disabled: new disks on Monday
      metrics: {cpu.percent: 12.5, temperature: -3}
      pci_devices:
        gpu: [0000:41:00.0, 0001:C1:1f.7]
        nic: 05:00.1
    two: {disabled: "yes"}
    three: {disabled: off}
"""
    hosts = loaded(tmp_path, text).hosts
    assert hosts["one"].disabled == "new disks on Monday"
    assert hosts["one"].metrics == {"cpu.percent": 12.5, "temperature": -3.0}
    assert hosts["one"].pci_devices == {"gpu": ("0000:41:00.0", "0001:c1:1f.7"), "nic": ("0000:05:00.1",)}, "unquoted, as written"
    assert (hosts["two"].disabled, hosts["three"].disabled) == ("the inventory says so", "")
