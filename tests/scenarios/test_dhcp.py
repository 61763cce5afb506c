"""Networks with DHCP and NAT through whole runs: each host serves its own, what died is repaired, nothing outlives the last."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.facts import dhcp
from orchestrator.model import desired
from orchestrator.services import apply, lifecycle, plan
from tests.fakes.state import State
from tests.scenarios.conftest import Site

SUBNET = desired.Subnet("10.0.0.0/24", "10.0.0.1", dhcp=True, nat=True)


def wishes(site: Site, *names: str) -> desired.Desired:
    """Instances that ask for their addresses."""
    plain = site.desired(*names)
    return replace(plain, networks={"private": replace(plain.networks["private"], subnets=(SUBNET,))})


def leases(host: State) -> list[str]:
    """Instances that the host's dnsmasq knows."""
    return sorted(name.rpartition(",24h")[0].rpartition(",")[2] for name in _texts(host))


def _texts(host: State) -> list[str]:
    found = [host.file(path) for path in host.files if path.startswith(f"{dhcp.ROOT}/") and "/hosts/" in path]
    return [file.content.decode().strip() for file in found if file]


def test_each_host_serves_its_own_and_nothing_outlives_the_last(site: Site) -> None:
    before = {name: (set(host.links), set(host.files)) for name, host in site.fleet.hosts.items()}
    assert apply.apply(site.app, wishes(site, "a", "b", "c")).count("failed") == 0
    for name, host in site.fleet.hosts.items():
        assert leases(host) == sorted(each for each in "abc" if site.record(each).instance.host == name)
        assert [len(each.servers) for each in host.namespaces.values()] == [1]
        steps = [entry.step for entry in host.journal]
        assert steps.index("fabric.ensure_dhcp") < steps.index("spawning.start_domain")
    assert apply.apply(site.app, wishes(site, "a", "b", "c")).recap == "0 changed, 3 unchanged, 0 failed"
    lifecycle.act(site.app, "destroy", ("a", "b", "c"))
    for name, host in site.fleet.hosts.items():
        assert (host.namespaces, host.outlets) == ({}, {})
        assert set(host.links) == before[name][0]
        assert not any(path.startswith("/var/lib/orchestrator") for path in host.files)


def test_a_dnsmasq_that_died_is_seen_and_serves_again_without_a_guest_s_knowing(site: Site) -> None:
    apply.apply(site.app, wishes(site, "a", "b"))
    host, starts = site.fleet.hosts["n1"], site.starts()
    for each in host.namespaces.values():
        each.servers = []
    found, _ = plan.plan(site.app, wishes(site, "a", "b"))
    assert [ground.fabric.host for ground in found.shared] == ["n1"]
    apply.apply(site.app, wishes(site, "a", "b"))
    assert [len(each.servers) for each in host.namespaces.values()] == [1]
    assert site.starts() == starts


def test_after_a_boot_guests_find_their_server_again(site: Site) -> None:
    apply.apply(site.app, wishes(site, "a", "b"))
    site.fleet.reboot("n1")
    mine = next(name for name in "ab" if site.record(name).instance.host == "n1")
    lifecycle.act(site.app, "hard-reboot", (mine,))
    host = site.fleet.hosts["n1"]
    assert [len(each.servers) for each in host.namespaces.values()] == [1]
    assert leases(host) == [mine]


def test_without_dnsmasq_no_guest_starts(site: Site) -> None:
    for host in site.fleet.hosts.values():
        host.missing.add("dnsmasq")
    report = apply.apply(site.app, wishes(site, "a"))
    assert report.count("failed") >= 1
    assert site.starts() == 0
