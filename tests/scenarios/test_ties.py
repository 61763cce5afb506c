"""Instances that are tied to parts of their host: NUMA nodes, PCI devices."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.host import Inventory
from orchestrator.model.scheduler import Options
from orchestrator.services import apply, plan
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.scenarios.conftest import Site

GPUS = {"gpu": ("0000:81:00.0", "0000:82:00.0")}


def offering(site: Site, **devices: Mapping[str, tuple[str, ...]]) -> App:
    hosts = {name: replace(host, pci_devices=devices.get(name, {})) for name, host in site.app.inventory.hosts.items()}
    return replace(site.app, inventory=Inventory(hosts, {"all": tuple(hosts)}))


def wished(site: Site, *names: str, vcpus: int = 1, ram: int = 64, **specs: str) -> desired.Desired:
    made = site.desired(*names)
    flavor = desired.Flavor("small", vcpus, ram, 1, extra_specs={key.replace("__", ":"): value for key, value in specs.items()})
    return replace(made, flavors={"small": flavor})


def run(app: App, wish: desired.Desired) -> Report:
    return apply.apply(app, wish)


def devices(site: Site) -> dict[str, tuple[str, ...]]:
    return {record.instance.name: tuple(each.address for each in record.instance.devices) for record in site.store.records()}


def test_no_two_instances_get_one_device(site: Site) -> None:
    app = offering(site, n1=GPUS, n2={"gpu": ("0000:81:00.0",)})
    wish = wished(site, "a", "b", "c", "d", pci_passthrough__alias="gpu:1")
    report = run(app, wish)
    assert (report.recap, report.exit_code) == ("3 changed, 0 unchanged, 1 failed", 3)
    assert "PCI devices: gpu: needs 1, 0 of 2 free" in str(report.outcomes)
    placed = [(record.instance.host, *(each.address for each in record.instance.devices)) for record in site.store.records()]
    assert sorted(placed) == [("n1", "0000:81:00.0"), ("n1", "0000:82:00.0"), ("n2", "0000:81:00.0")]
    for record in site.store.records():
        xml = site.fleet.hosts[record.instance.host].domains[record.instance.domain].xml
        assert xml.count("<hostdev ") == 1
    assert run(app, wish).recap == "0 changed, 3 unchanged, 1 failed", "what has its device keeps it"


def test_a_device_is_free_again_with_its_instance(site: Site) -> None:
    app = offering(site, n1={"gpu": ("0000:81:00.0",)})
    run(app, wished(site, "a", pci_passthrough__alias="gpu:1"))
    assert run(app, wished(site, "b", pci_passthrough__alias="gpu:1")).exit_code == 3
    gone = wished(site, "a", pci_passthrough__alias="gpu:1")
    run(app, replace(gone, instances={name: replace(each, state="absent") for name, each in gone.instances.items()}))
    assert run(app, wished(site, "b", pci_passthrough__alias="gpu:1")).exit_code == 0
    assert devices(site) == {"b": ("0000:81:00.0",)}


def test_a_device_that_another_run_took_since_the_plan_is_not_taken_again(site: Site) -> None:
    app = offering(site, n1=GPUS)
    planned, choose = plan.plan(app, wished(site, "b", pci_passthrough__alias="gpu:1"))
    assert [each.address for each in planned.placements[0].instance.devices] == ["0000:81:00.0"]
    run(app, wished(site, "a", pci_passthrough__alias="gpu:1"))
    (again,) = choose(site.store.snapshot())
    assert [each.address for each in again.instance.devices] == ["0000:82:00.0"]


def test_an_alternate_gives_devices_of_its_own(site: Site) -> None:
    app = offering(site, n1={"gpu": ("0000:81:00.0",)}, n2={"gpu": ("0000:05:00.0",)})
    site.fleet.fail("n1", "virsh -q -c qemu:///system start", stderr="error: Failed to start domain")
    assert run(app, wished(site, "a", pci_passthrough__alias="gpu:1")).exit_code == 0
    assert (site.record("a").instance.host, devices(site)) == ("n2", {"a": ("0000:05:00.0",)})


def test_devices_are_claimed_whatever_filters_are_enabled(site: Site) -> None:
    app = replace(offering(site), scheduler=Options(enabled_filters=("AllHostsFilter",)))
    report = run(app, wished(site, "a", pci_passthrough__alias="gpu:1"))
    assert report.exit_code == 3
    assert site.store.records() == ()


def test_nodes_of_guests_are_tied_to_nodes_of_the_host(site: Site) -> None:
    for host in site.fleet.hosts.values():
        host.cells = 2
    app = replace(site.app, scheduler=Options(enabled_filters=("ComputeFilter", "NUMATopologyFilter")))
    assert run(app, wished(site, "a", vcpus=4, ram=512, hw__numa_nodes="2")).exit_code == 0
    instance = site.record("a").instance
    assert (instance.cells, instance.cpusets) == ((0, 1), ("0-3", "4-7"))
    xml = site.fleet.hosts[instance.host].domains[instance.domain].xml
    assert '<vcpupin vcpu="3" cpuset="4-7"/>' in xml
    assert '<memnode cellid="1" mode="strict" nodeset="1"/>' in xml
    found, _ = plan.plan(app, wished(site, "b", vcpus=3, ram=600, hw__numa_nodes="3"))
    assert "NUMA: needs" in found.changes[0].why


def test_without_the_filter_guests_of_more_nodes_than_the_host_has_run_wherever(site: Site) -> None:
    assert run(site.app, wished(site, "a", vcpus=2, ram=128, hw__numa_nodes="2")).exit_code == 0
    instance = site.record("a").instance
    assert instance.cells == instance.cpusets == ()
    assert "numatune" not in site.fleet.hosts[instance.host].domains[instance.domain].xml


def test_one_node_goes_onto_the_emptier_of_the_hosts(site: Site) -> None:
    for host in site.fleet.hosts.values():
        host.cells = 2
    run(site.app, wished(site, "a", "b", "c", "d", vcpus=2, ram=128, hw__numa_nodes="1"))
    placed = sorted((record.instance.host, record.instance.cells) for record in site.store.records())
    assert placed == [("n1", (0,)), ("n1", (1,)), ("n2", (0,)), ("n2", (1,))]
