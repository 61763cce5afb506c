"""Entries that are edited while their instances exist: what becomes of each class of change, on in-memory hosts."""

from __future__ import annotations

import hashlib

import pytest
from msgspec.structs import replace

from orchestrator.model import desired, errors
from orchestrator.planning import amend
from orchestrator.services import apply, lifecycle, plan, repair
from orchestrator.services.report import Report
from tests.fakes.state import Domain, File
from tests.scenarios.conftest import Site

ROOT = b"what the guest wrote"


def edited(world: desired.Desired, **changes: object) -> desired.Desired:
    """The instances of the world, otherwise."""
    return replace(world, instances={name: replace(wish, **changes) for name, wish in world.instances.items()})


def flavored(world: desired.Desired, **changes: object) -> desired.Desired:
    return replace(world, flavors={"small": replace(world.flavors["small"], **changes)})


def ported(world: desired.Desired, *networks: str) -> desired.Desired:
    """The instances with these ports; a network besides."""
    other = desired.Network("office", "phys1", subnets=(desired.Subnet("10.9.0.0/24"),))
    wishes = tuple(desired.NetworkRequest(name) for name in networks)
    return edited(replace(world, networks={**world.networks, "office": other}), networks=wishes)


@pytest.fixture
def site(site: Site) -> Site:
    """Hosts with two physical networks."""
    hosts = {
        name: replace(host, physical_networks={"phys0": "br-phys0", "phys1": "br-phys1"}) for name, host in site.app.inventory.hosts.items()
    }
    site.app = replace(site.app, inventory=replace(site.app.inventory, hosts=hosts))
    return site


def settle(site: Site, world: desired.Desired, *consents: str) -> Report:
    return apply.apply(replace(site.app, allow=frozenset(consents)), world)


def recap(report: Report) -> str:
    return report.recap.partition(", shared")[0]


def domain(site: Site, name: str = "vm") -> Domain:
    instance = site.record(name).instance
    return site.fleet.hosts[instance.host].domains[instance.domain]


def written(site: Site) -> None:
    """The guest has written on each of its disks."""
    instance = site.record("vm").instance
    for disk in instance.disks:
        file = site.fleet.hosts[instance.host].files[disk.path]
        assert isinstance(file, File)
        file.content += ROOT


def kept(site: Site) -> dict[str, bool]:
    """By disk, whether what was written is there."""
    instance = site.record("vm").instance
    files = site.fleet.hosts[instance.host].files
    found = {disk.name: files.get(disk.path) for disk in instance.disks}
    return {name: isinstance(file, File) and ROOT in file.content for name, file in found.items()}


def test_metadata_and_tags_are_recorded_and_nothing_runs(site: Site) -> None:
    settle(site, site.desired("vm"))
    world, starts = edited(site.desired("vm"), tags=("web",), metadata={"role": "db"}), site.starts()
    made, _ = plan.plan(site.app, world)
    assert [str(edit) for edit in made.changes[0].edits] == ["tags none -> web (live)", "metadata.role none -> db (live)"]
    assert (made.changes[0].verb, made.changes[0].course, made.empty) == ("update", None, False)
    assert recap(settle(site, world)) == "1 changed, 0 unchanged, 0 failed"
    assert (site.record("vm").instance.tags, site.record("vm").instance.metadata) == (("web",), {"role": "db"})
    assert (site.starts(), plan.plan(site.app, world)[0].empty) == (starts, True)


def test_without_consent_the_rest_is_done_and_the_change_is_told(site: Site) -> None:
    settle(site, site.desired("a"))
    world = flavored(site.desired("a", "b"), ram=128)
    before = site.record("a").instance
    made, _ = plan.plan(site.app, world)
    assert [edit.told for edit in made.withheld] == ["flavor.ram 64 -> 128 (reboot): not done: needs --allow reboot"]
    report = settle(site, world)
    assert (report.exit_code, recap(report)) == (0, "1 changed, 1 unchanged, 0 failed")
    assert [edit.field for edit in report.withheld["a"]] == ["flavor.ram"]
    assert (site.record("a").instance, site.record("b").instance.flavor.ram) == (before, 128)
    assert not plan.plan(site.app, world)[0].empty


def test_a_reboot_that_is_allowed_gives_the_guest_what_it_is_to_have(site: Site) -> None:
    settle(site, site.desired("vm"))
    written(site)
    world = flavored(site.desired("vm"), ram=128, vcpus=2)
    made, _ = plan.plan(replace(site.app, allow=frozenset({"reboot"})), world)
    assert (made.changes[0].verb, len(made.withheld)) == ("hard-reboot", 0)
    assert recap(settle(site, world, "reboot")) == "1 changed, 0 unchanged, 0 failed"
    assert '<memory unit="MiB">128</memory>' in domain(site).xml
    assert (site.starts(), site.record("vm").instance.due, kept(site)) == (2, "", {"disk": True})
    assert plan.plan(site.app, world)[0].empty


def test_a_name_alone_is_that_of_the_next_boot(site: Site) -> None:
    settle(site, site.desired("vm"))
    world = site.desired("vm")
    named = replace(world, flavors={"tiny": replace(world.flavors["small"], name="tiny")})
    assert recap(settle(site, edited(named, flavor="tiny"))) == "1 changed, 0 unchanged, 0 failed"
    assert 'flavor="tiny"' in domain(site).xml
    assert (site.starts(), site.record("vm").instance.due, plan.plan(site.app, edited(named, flavor="tiny"))[0].empty) == (1, "", True)


def test_who_is_off_takes_a_larger_flavor_over_and_stays_off(site: Site) -> None:
    settle(site, site.desired("vm"))
    settle(site, site.desired("vm", state="stopped"))
    world = flavored(site.desired("vm", state="stopped"), ram=128)
    assert recap(settle(site, world)) == "1 changed, 0 unchanged, 0 failed"
    assert '<memory unit="MiB">128</memory>' in domain(site).xml
    assert (site.record("vm").state, site.starts(), plan.plan(site.app, world)[0].empty) == ("STOPPED", 1, True)
    settle(site, flavored(site.desired("vm"), ram=128))
    assert site.record("vm").state == "ACTIVE"


@pytest.mark.parametrize("what", ["ram", "vcpus", "disk", "swap"])
def test_a_larger_flavor_fits_its_host_or_is_refused_with_the_numbers(site: Site, what: str) -> None:
    settle(site, site.desired("vm"))
    before = site.record("vm")
    with pytest.raises(errors.SpecErrors, match=r"host n\d has \d+ .*, and its instances would have 1000001?") as caught:
        settle(site, flavored(site.desired("vm"), **{what: 1000000 if what != "swap" else 1000000 * 1024}), "reboot")
    assert "cannot have a larger flavor" in str(caught.value)
    assert site.record("vm") == before


def test_ports_are_plugged_into_the_running_guest_and_out(site: Site) -> None:
    settle(site, site.desired("vm"))
    first = site.record("vm").instance.ports[0]
    assert recap(settle(site, ported(site.desired("vm"), "private", "office"))) == "1 changed, 0 unchanged, 0 failed"
    ports = site.record("vm").instance.ports
    assert [(port.network, port.status) for port in ports] == [("private", ""), ("office", "")]
    assert (ports[0], set(domain(site).taps), ports[1].mac in domain(site).xml) == (first, {port.tap for port in ports}, True)
    assert plan.plan(site.app, ported(site.desired("vm"), "office", "private"))[0].empty
    assert recap(settle(site, ported(site.desired("vm"), "office"))) == "1 changed, 0 unchanged, 0 failed"
    assert (site.record("vm").instance.ports, domain(site).taps) == (ports[1:], (ports[1].tap,))
    assert list(site.record("vm").instance.networks) == ["office"]
    assert (site.starts(), site.record("vm").state, first.mac in domain(site).xml) == (1, "ACTIVE", False)
    assert plan.plan(site.app, ported(site.desired("vm"), "office"))[0].empty


def test_an_address_that_left_is_free_for_others(site: Site) -> None:
    settle(site, site.desired("a"))
    address = site.record("a").instance.ports[0].fixed_ips[0]
    settle(site, ported(site.desired("a"), "office"))
    world = edited(site.desired("b"), networks=(desired.NetworkRequest("private", address),))
    assert settle(site, world).exit_code == 0
    assert site.record("b").instance.ports[0].fixed_ips == (address,)


def test_new_ports_and_new_instances_of_a_run_share_no_address(site: Site) -> None:
    settle(site, ported(site.desired("a"), "private"))
    world = ported(site.desired("a", "b"), "private", "private")
    assert settle(site, world).exit_code == 0
    addresses = [port.fixed_ips for name in ("a", "b") for port in site.record(name).instance.ports]
    assert len(set(addresses)) == 4


def test_a_port_that_the_guest_does_not_let_go_of_keeps_its_address(site: Site) -> None:
    settle(site, ported(site.desired("vm"), "private", "office"))
    host = site.fleet.hosts[site.record("vm").instance.host]
    host.deaf.add(domain(site).name)
    report = settle(site, ported(site.desired("vm"), "office"))
    assert (report.exit_code, site.record("vm").state) == (3, "ACTIVE")
    assert "does not let go" in report.outcomes[0].fault
    assert [port.status for port in site.record("vm").instance.ports] == ["detaching", ""]
    host.deaf.clear()
    assert settle(site, ported(site.desired("vm"), "office")).exit_code == 0
    assert len(site.record("vm").instance.ports) == 1


def test_a_hard_reboot_takes_a_port_away_that_the_guest_kept(site: Site) -> None:
    settle(site, ported(site.desired("vm"), "private", "office"))
    site.fleet.hosts[site.record("vm").instance.host].deaf.add(domain(site).name)
    settle(site, ported(site.desired("vm"), "office"))
    assert lifecycle.act(site.app, "hard-reboot", ["vm"]).exit_code == 0
    ports = site.record("vm").instance.ports
    assert [(port.network, port.status) for port in ports] == [("office", "")]
    assert domain(site).taps == (ports[0].tap,)
    assert plan.plan(site.app, ported(site.desired("vm"), "office"))[0].empty


def test_ports_of_who_is_off_come_and_go_with_its_definition(site: Site) -> None:
    settle(site, site.desired("vm"))
    settle(site, site.desired("vm", state="stopped"))
    settle(site, ported(site.desired("vm", state="stopped"), "office"))
    assert [(port.network, port.status) for port in site.record("vm").instance.ports] == [("office", "")]
    assert (site.record("vm").state, site.starts()) == ("STOPPED", 1)
    settle(site, ported(site.desired("vm"), "office"))
    assert domain(site).taps == (site.record("vm").instance.ports[0].tap,)


def other_image(site: Site, world: desired.Desired) -> desired.Desired:
    """The world with an image of other bytes."""
    path = site.image.with_name("other.raw")
    path.write_bytes(b"other".ljust(1024, b"\0"))
    image = replace(world.images["guest"], name="other", source=str(path), digest=hashlib.sha256(path.read_bytes()).hexdigest())
    return edited(replace(world, images={"other": image}), image="other")


def test_a_rebuild_gives_another_image_and_keeps_who_it_is(site: Site) -> None:
    world = edited(flavored(site.desired("vm"), ephemeral=1), config_drive=True)
    settle(site, world)
    written(site)
    before, other = site.record("vm").instance, other_image(site, world)
    assert [str(edit) for edit in plan.plan(site.app, other)[0].withheld] == ["image guest -> other (rebuild, destroys data)"]
    assert settle(site, other, "reboot", "destroy").exit_code == 0
    assert (site.record("vm").instance, kept(site)) == (before, {"disk": True, "disk.local": True})
    assert recap(settle(site, other, "rebuild")) == "1 changed, 0 unchanged, 0 failed"
    after = site.record("vm").instance
    assert (after.uuid, after.ports, after.directory, after.image.name) == (before.uuid, before.ports, before.directory, "other")
    assert (kept(site), after.renews, after.due) == ({"disk": False, "disk.local": True}, (), "")
    assert (site.record("vm").state, site.starts(), plan.plan(site.app, other)[0].empty) == ("ACTIVE", 2, True)


def test_a_disk_gets_smaller_or_goes_by_consent_alone(site: Site) -> None:
    world = flavored(site.desired("vm"), disk=2, ephemeral=1)
    settle(site, world)
    written(site)
    instance = site.record("vm").instance
    smaller = flavored(world, disk=1, ephemeral=0)
    assert settle(site, smaller, "rebuild").exit_code == 0
    assert kept(site) == {"disk": True, "disk.local": True}
    assert settle(site, smaller, "destroy").exit_code == 0
    assert (kept(site), site.record("vm").instance.disks[0].size) == ({"disk": False}, 1 << 30)
    assert f"{instance.directory}/disk.local" not in site.fleet.hosts[instance.host].files
    assert plan.plan(site.app, smaller)[0].empty


def test_a_rebuild_that_fails_is_done_by_the_next_apply_without_asking_again(site: Site) -> None:
    settle(site, site.desired("vm"))
    other = other_image(site, site.desired("vm"))
    host = site.record("vm").instance.host
    site.fleet.fail(host, "qemu:///system start", stderr="error: no memory")
    assert settle(site, other, "rebuild").exit_code == 3
    assert (site.record("vm").state, bool(site.record("vm").instance.renews)) == ("ERROR", True)
    site.fleet.heal(host)
    assert settle(site, other).exit_code == 0
    assert (site.record("vm").state, site.record("vm").instance.renews) == ("ACTIVE", ())


def test_no_disk_is_given_up_on_a_host_that_was_not_reached(site: Site) -> None:
    world = site.desired("vm")
    settle(site, world)
    written(site)
    before = site.record("vm").instance
    other = other_image(site, world)
    site.fleet.unreachable(before.host)
    report = settle(site, other, "rebuild")
    assert (report.exit_code, [edit.held for edit in report.withheld["vm"]]) == (4, [amend.AWAY])
    assert site.record("vm").instance == before
    site.fleet.heal(before.host)
    assert plan.plan(site.app, world)[0].empty  # the image was put back meanwhile
    assert settle(site, world).exit_code == 0
    assert (kept(site), site.starts()) == ({"disk": True}, 1)
    assert settle(site, other, "rebuild").exit_code == 0
    assert site.record("vm").instance.image.name == "other"


def test_what_a_guest_writes_once_it_was_started_after_a_failed_rebuild_stays(site: Site) -> None:
    settle(site, site.desired("vm"))
    host, other = site.record("vm").instance.host, other_image(site, site.desired("vm"))
    site.fleet.fail(host, "qemu:///system start", stderr="error: no memory")
    assert settle(site, other, "rebuild").exit_code == 3
    site.fleet.heal(host)
    repair.repair(site.app, ("vm",), lambda findings: True)
    assert site.record("vm").state == "ACTIVE"
    written(site)
    assert plan.plan(site.app, other)[0].empty
    assert settle(site, other).exit_code == 0
    assert kept(site) == {"disk": True}


def test_hard_reboot_finishes_a_rebuild_that_failed(site: Site) -> None:
    settle(site, site.desired("vm"))
    host = site.record("vm").instance.host
    site.fleet.fail(host, "qemu:///system start", stderr="error: no memory")
    settle(site, other_image(site, site.desired("vm")), "rebuild")
    site.fleet.heal(host)
    assert lifecycle.act(site.app, "hard-reboot", ["vm"]).exit_code == 0
    assert (site.record("vm").state, site.record("vm").instance.renews) == ("ACTIVE", ())


def test_what_is_fixed_is_refused_before_anything_is_done(site: Site) -> None:
    settle(site, site.desired("vm"))
    with pytest.raises(errors.SpecErrors, match="project: default -> red"):
        settle(site, edited(site.desired("vm", "b"), project="red"), "reboot", "rebuild", "destroy")
    assert [record.instance.name for record in site.store.records()] == ["vm"]
