"""What a host's instances share: made before them, changed under them, gone with the last; and who is concerned by a change elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Batch
from orchestrator.engine.context import Progress
from orchestrator.facts import fdb, gather
from orchestrator.model import desired, errors
from orchestrator.model.desired import NetworkRequest, Rule, SecurityGroup
from orchestrator.model.host import Host, Inventory
from orchestrator.model.instance import Record
from orchestrator.services import apply, grounds, lifecycle, plan
from orchestrator.services.report import Report
from tests.scenarios.conftest import Site

BRIDGE = "br-phys0"
WEB = SecurityGroup("web", (Rule("egress"), Rule("ingress", protocol="tcp", port_min=80, port_max=80)))
PARTNERS = SecurityGroup("partners", (Rule("ingress", remote_group="partners"),))


class Tenants:
    """Instances in a VXLAN network, in a security group."""

    def __init__(self, site: Site) -> None:
        hosts = {name: Host(name, f"192.0.2.{number}", virt_type="qemu") for number, name in enumerate(site.fleet.hosts, 1)}
        for name, host in hosts.items():
            site.fleet.hosts[name].links["eth0"].addresses = (host.address,)
        self.app = replace(site.app, inventory=Inventory(hosts, {"all": tuple(hosts)}))
        self.site = site

    def desired(self, group: SecurityGroup = PARTNERS, **homes: str) -> desired.Desired:
        """Instances by name, each on its host."""
        plain = self.site.desired(*homes)
        tenant = desired.Network("tenant", "", "vxlan", (desired.Subnet("10.9.0.0/24"),), 77)
        wishes = {
            name: replace(wish, hosts=(homes[name],), networks=(NetworkRequest("tenant"),), security_groups=(group.name,))
            for name, wish in plain.instances.items()
        }
        return replace(plain, networks={"tenant": tenant}, instances=wishes, security_groups={group.name: group})

    def apply(self, group: SecurityGroup = PARTNERS, **homes: str) -> Report:
        return apply.apply(self.app, self.desired(group, **homes))

    def trips(self, work: Callable[[], object]) -> dict[str, int]:
        """Round trips that it takes, by host."""
        before = {name: host.trips for name, host in self.site.fleet.hosts.items()}
        work()
        return {name: host.trips - before[name] for name, host in self.site.fleet.hosts.items()}

    def peers(self, host: str) -> object:
        """Addresses that the host's tunnel floods to."""
        key = fdb.Key("vxlan-77")
        batch = Batch("", 0, reads=gather.commands([key]))
        return gather.parse([key], self.site.fleet.run(self.app.inventory.hosts[host], batch, lambda record: None))[key]

    def wired(self) -> set[str]:
        return {name for name, host in self.site.fleet.hosts.items() if "vxlan-77" in host.links}


@pytest.fixture
def tenants(site: Site) -> Tenants:
    return Tenants(site)


def record(site: Site, name: str) -> Record:
    return site.record(name)


def test_bridges_are_there_before_the_guest_and_gone_with_the_last(site: Site) -> None:
    site.apply("a", "b", "c")
    host = site.fleet.hosts["n1"]
    assert BRIDGE in host.links
    steps = [entry.step for entry in host.journal]
    assert steps.index("fabric.ensure_bridges") < steps.index("spawning.start_domain")
    here = [each.instance.name for each in site.store.records() if each.instance.host == "n1"]
    assert len(here) == 2
    site.act("destroy", here[0])
    assert BRIDGE in host.links
    site.act("destroy", here[1])
    assert BRIDGE not in host.links
    assert BRIDGE in site.fleet.hosts["n2"].links


def test_a_second_apply_asks_once_and_a_plan_is_empty(tenants: Tenants) -> None:
    homes = {"a": "n1", "b": "n2"}
    tenants.apply(**homes)
    assert tenants.trips(lambda: tenants.apply(**homes)) == {"n1": 1, "n2": 1}
    assert plan.plan(tenants.app, tenants.desired(**homes))[0].empty


def test_a_new_end_of_a_tunnel_is_told_to_the_others(tenants: Tenants) -> None:
    tenants.apply(a="n1")
    assert tenants.peers("n1") == ()
    report = tenants.apply(b="n2")
    assert {each.host for each in report.hosts} == {"n1", "n2"}
    assert (tenants.peers("n1"), tenants.peers("n2")) == (("192.0.2.2",), ("192.0.2.1",))
    assert record(tenants.site, "a").state == "ACTIVE"
    lifecycle.act(tenants.app, "destroy", ["b"])
    assert (tenants.peers("n1"), tenants.wired()) == ((), {"n1"})


def test_a_host_that_could_not_be_told_is_told_by_the_next_apply(tenants: Tenants) -> None:
    tenants.apply(a="n1")
    tenants.site.fleet.unreachable("n1")
    report = tenants.apply(b="n2")
    assert (report.exit_code, record(tenants.site, "b").state) == (4, "ACTIVE")
    tenants.site.fleet.heal("n1")
    report = tenants.apply(b="n2")
    assert (report.exit_code, tenants.peers("n1")) == (0, ("192.0.2.2",))
    assert tenants.trips(lambda: tenants.apply(b="n2")) == {"n1": 0, "n2": 1}


@pytest.mark.parametrize("lingers", [False, True])
def test_a_change_whose_end_was_not_seen_is_looked_at_again(tenants: Tenants, lingers: bool) -> None:
    tenants.apply(a="n1")
    wish = tenants.desired(b="n2")
    made, _ = plan.plan(tenants.app, wish)
    assert {each.fabric.host for each in made.shared} == {"n1", "n2"}

    def cut(progress: Progress) -> None:
        if not progress.result:
            tenants.site.fleet.cut(progress.host, lingers=lingers)

    assert apply.apply(replace(tenants.app, report=cut), wish).exit_code == 4
    assert apply.apply(tenants.app, wish).exit_code == 0
    assert (tenants.peers("n1"), tenants.peers("n2")) == (("192.0.2.2",), ("192.0.2.1",))
    assert tenants.trips(lambda: tenants.apply(b="n2")) == {"n1": 0, "n2": 1}


def test_where_the_ground_cannot_be_laid_no_guest_starts_and_others_go_on(tenants: Tenants) -> None:
    tenants.site.fleet.hosts["n1"].links["eth0"].addresses = ()
    report = tenants.apply(a="n1", b="n2")
    states = {name: record(tenants.site, name).state for name in ("a", "b")}
    assert (report.exit_code, states) == (3, {"a": "ERROR", "b": "ACTIVE"})
    assert "192.0.2.1 is no address of this host" in str(record(tenants.site, "a").fault)
    assert tenants.site.fleet.hosts["n1"].starts == {}
    tenants.site.fleet.hosts["n1"].links["eth0"].addresses = ("192.0.2.1",)
    assert tenants.apply(a="n1", b="n2").exit_code == 0
    assert tenants.peers("n1") == ("192.0.2.2",)


def test_a_failed_action_of_the_ground_keeps_its_guests_from_starting(site: Site) -> None:
    site.fleet.fail("n1", "make-bridge", stderr="RTNETLINK answers: Operation not permitted")
    wished = site.desired("a", "b")
    wished = replace(wished, instances={**wished.instances, "a": replace(wished.instances["a"], hosts=("n1",))})
    report = apply.apply(site.app, wished)
    failed = next(each for each in site.store.records() if each.state == "ERROR")
    assert (report.exit_code, failed.instance.host) == (3, "n1")
    assert "Operation not permitted" in str(failed.fault)
    assert site.fleet.hosts["n1"].starts == {}
    site.fleet.heal("n1")
    assert apply.apply(site.app, wished).exit_code == 0


def test_instances_leave_a_host_whose_ground_cannot_be_laid(site: Site) -> None:
    site.fleet.fail("n1", "make-bridge", stderr="RTNETLINK answers: Operation not permitted")
    report = site.apply("a", "b")
    assert report.recap == "2 changed, 0 unchanged, 0 failed"
    assert report.exit_code == 3
    assert {each.instance.host for each in site.store.records()} == {"n2"}
    assert [(each.host, each.status) for each in report.hosts if each.status == "failed"] == [("n1", "failed")]


def test_what_is_missing_is_shown_and_mended_without_a_move_of_an_instance(site: Site) -> None:
    site.apply("a")
    home = site.record("a").instance.host
    site.fleet.hosts[home].links[BRIDGE].up = False
    made, _ = plan.plan(site.app, site.desired("a"))
    assert ([each.fabric.host for each in made.shared], made.pending) == ([home], ())
    before = site.store.events("a")
    assert site.apply("a").recap == f"0 changed, 1 unchanged, 0 failed, shared things changed on {home}"
    assert site.fleet.hosts[home].links[BRIDGE].up
    assert (site.store.events("a"), site.starts()) == (before, 1)
    assert plan.plan(site.app, site.desired("a"))[0].empty


def test_groups_of_a_running_instance_are_recorded_anew(tenants: Tenants) -> None:
    tenants.apply(a="n1")
    tenants.apply(WEB, a="n1")
    assert record(tenants.site, "a").instance.ports[0].security_groups == ("web",)
    assert tenants.site.starts() == 1
    assert plan.plan(tenants.app, tenants.desired(WEB, a="n1"))[0].empty


def test_hard_reboot_lays_the_ground_again(site: Site) -> None:
    site.apply("a")
    home = site.record("a").instance.host
    site.fleet.reboot(home)
    assert BRIDGE not in site.fleet.hosts[home].links
    assert site.act("hard-reboot", "a").exit_code == 0
    assert BRIDGE in site.fleet.hosts[home].links
    assert plan.plan(site.app, site.desired("a"))[0].empty


def test_a_job_of_a_dead_run_that_concerns_no_instance_is_settled_by_the_next(site: Site) -> None:
    site.apply("a")
    home = site.record("a").instance.host
    site.fleet.hosts[home].links[BRIDGE].up = False
    lost = replace(site.app, report=lambda progress: site.fleet.cut(progress.host))
    assert apply.apply(lost, site.desired("a")).exit_code == 4
    assert len(site.store.open_jobs()) == 1
    assert site.apply("a").exit_code == 0
    assert site.store.open_jobs() == ()


def test_a_bridge_that_was_lost_is_made_again_under_running_guests(site: Site) -> None:
    site.apply("a")
    made = site.record("a").instance
    links = site.fleet.hosts[made.host].links
    del links[BRIDGE]
    links[made.ports[0].tap].master = None
    assert site.apply("a").exit_code == 0
    assert (links[made.ports[0].tap].master, site.starts()) == (BRIDGE, 1)
    assert plan.plan(site.app, site.desired("a"))[0].empty


def test_what_a_playbook_does_not_declare_of_groups_stays(tenants: Tenants) -> None:
    """Another playbook, in which the group that is recorded is not written."""
    tenants.apply(PARTNERS, a="n1")
    other = replace(tenants.desired(WEB, b="n1"), security_groups={WEB.name: WEB})
    apply.apply(tenants.app, other)
    assert {name: len(group.rules) for name, group in grounds.groups(tenants.app).items()} == {"partners": 1, "web": 2}


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (desired.Network("tenant", "", "vxlan", (), 78), "instance 'a' has it as vxlan 77"),
        (desired.Network("other", "", "vxlan", (), 77), "that segment is network 'tenant' of instance 'a'"),
    ],
)
def test_a_network_is_one_segment_whatever_playbook_says_so(tenants: Tenants, network: desired.Network, why: str) -> None:
    tenants.apply(a="n1")
    wish = tenants.desired(b="n1")
    port = (NetworkRequest(network.name),)
    wish = replace(wish, networks={network.name: network}, instances={"b": replace(wish.instances["b"], networks=port)})
    with pytest.raises(errors.SpecErrors, match=why):
        apply.apply(tenants.app, wish)


def test_what_a_network_tells_is_what_was_said_last(tenants: Tenants) -> None:
    """By an apply of one of its instances: the others on the host hear of it too."""
    tenants.apply(a="n1", b="n1")
    wish = tenants.desired(b="n1")
    larger = replace(wish.networks["tenant"], mtu=1400)
    apply.apply(tenants.app, replace(wish, networks={"tenant": larger}))
    assert tenants.site.fleet.hosts["n1"].links["vxlan-77"].mtu == 1400


def test_a_host_that_the_inventory_does_not_name_keeps_its_tunnel(tenants: Tenants) -> None:
    tenants.apply(a="n1", b="n2")
    narrow = replace(tenants.app, inventory=Inventory({"n1": tenants.app.inventory.hosts["n1"]}, {"all": ("n1",)}))
    assert apply.apply(narrow, tenants.desired(a="n1")).exit_code == 0
    assert tenants.peers("n1") == ("192.0.2.2",)
