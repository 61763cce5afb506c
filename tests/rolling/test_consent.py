"""Consent to what loses a guest its uptime or its data is to what a run begins: an instance whose turn did not come was given up nothing of."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Batch, Record
from orchestrator.engine.context import Progress
from orchestrator.model import desired, errors
from orchestrator.model.desired import Desired, Play
from orchestrator.model.host import Host
from orchestrator.services import apply, edits, lifecycle, plan
from orchestrator.services.report import Report
from tests.fakes.state import File
from tests.scenarios.conftest import Site, site

__all__ = ["site"]

START = "qemu:///system start"
ROOT = b"what the guest wrote"
PLAY = Play(serial=("1",), max_fail_percentage=0.0)


def wished(site: Site, play: Play = PLAY) -> Desired:
    """`a` on n1 and then `b` on n2, each with an ephemeral disk."""
    made = site.desired("a", "b")
    wishes = {name: replace(made.instances[name], hosts=(host,)) for name, host in (("a", "n1"), ("b", "n2"))}
    flavor = replace(made.flavors["small"], ephemeral=1)
    return replace(made, instances=wishes, flavors={"small": flavor}, plays=(play,))


def rebuilt(site: Site, world: Desired) -> Desired:
    """The world with an image of other bytes."""
    path = site.image.with_name("other.raw")
    path.write_bytes(b"other".ljust(1024, b"\0"))
    image = replace(world.images["guest"], name="other", source=str(path), digest=hashlib.sha256(path.read_bytes()).hexdigest())
    wishes = {name: replace(wish, image="other") for name, wish in world.instances.items()}
    return replace(world, images={"other": image}, instances=wishes)


def rebooted(site: Site, world: Desired) -> Desired:
    return replace(world, flavors={"small": replace(world.flavors["small"], ram=128)})


def shrunk(site: Site, world: Desired) -> Desired:
    return replace(world, flavors={"small": replace(world.flavors["small"], ephemeral=0)})


CLASSES: dict[str, Callable[[Site, Desired], Desired]] = {"rebuild": rebuilt, "reboot": rebooted, "destroy": shrunk}


def settle(site: Site, world: Desired, *consents: str, **app: object) -> Report:
    return apply.apply(replace(site.app, allow=frozenset(consents), **app), world)


def statuses(report: Report) -> dict[str, str]:
    return {each.name: each.status for each in report.outcomes}


def made(site: Site, world: Desired) -> None:
    """The instances of the world run, and have written on each of their disks."""
    assert settle(site, world).exit_code == 0
    for record in site.store.records():
        for disk in record.instance.disks:
            file = site.fleet.hosts[record.instance.host].files[disk.path]
            assert isinstance(file, File)
            file.content += ROOT


def kept(site: Site, name: str) -> set[str]:
    """Disks on which what was written is there."""
    instance = site.record(name).instance
    files = site.fleet.hosts[instance.host].files
    found = {disk.name: files.get(disk.path) for disk in instance.disks}
    return {name for name, file in found.items() if isinstance(file, File) and ROOT in file.content}


def starts(site: Site, host: str) -> int:
    return sum(site.fleet.hosts[host].starts.values())


@pytest.mark.parametrize("consent", CLASSES)
def test_a_batch_that_was_not_begun_is_asked_about_anew(site: Site, consent: str) -> None:
    world = wished(site)
    made(site, world)
    before, edited = site.record("b"), CLASSES[consent](site, world)
    site.fleet.fail("n1", START, stderr="error: no memory")
    assert statuses(settle(site, edited, consent)) == {"a": "failed", "b": "pending"}
    assert site.record("b").instance == before.instance
    site.fleet.heal("n1")
    again = settle(site, edited)
    assert (again.exit_code, statuses(again)) == (0, {"a": "changed", "b": "unchanged"})  # what was begun is finished without asking
    assert [edit.held for edit in again.withheld["b"]] == [f"needs --allow {consent}"]
    assert lifecycle.act(site.app, "hard-reboot", ["b"]).exit_code == 0
    assert (site.record("b").instance, kept(site, "b")) == (before.instance, {"disk", "disk.local"})
    assert settle(site, edited, consent).exit_code == 0
    assert plan.plan(site.app, edited)[0].empty


@pytest.mark.parametrize("consent", CLASSES)
def test_an_interruption_between_two_batches_leaves_the_later_one_as_it_was(site: Site, consent: str) -> None:
    world = wished(site)
    made(site, world)
    before, edited, stopping = site.record("b").instance, CLASSES[consent](site, world), threading.Event()

    def stop(progress: Progress) -> None:
        if (progress.name, progress.state) == ("a", "ACTIVE"):
            stopping.set()

    report = settle(site, edited, consent, report=stop, stopping=stopping)
    assert statuses(report) == {"a": "changed", "b": "pending"}
    assert settle(site, edited).withheld.keys() == {"b"}
    assert (site.record("b").instance, starts(site, "n2"), kept(site, "b")) == (before, 1, {"disk", "disk.local"})


def test_an_interruption_within_a_batch_leaves_hosts_as_they_were_whose_turn_did_not_come(site: Site) -> None:
    world = wished(site, Play())
    made(site, world)
    before, edited, stopping = site.record("b").instance, rebuilt(site, world), threading.Event()
    report = settle(site, edited, "rebuild", report=lambda progress: stopping.set() if progress.step else None, stopping=stopping, forks=1)
    assert statuses(report) == {"a": "changed", "b": "pending"}
    assert (site.record("b").instance, settle(site, edited).withheld.keys()) == (before, {"b"})


def test_what_is_blocked_before_its_first_command_gave_up_nothing(site: Site) -> None:
    world = wished(site, Play())
    made(site, world)
    edited = rebuilt(site, world)
    instance = site.record("a").instance
    ephemeral = next(disk for disk in instance.disks if disk.name != "disk")
    kept_elsewhere = site.fleet.hosts["n1"].files.pop(ephemeral.path)
    report = settle(site, edited, "rebuild")
    assert (statuses(report)["a"], site.record("a").instance.image.name, site.record("a").instance.renews) == ("failed", "guest", ())
    site.fleet.hosts["n1"].files[ephemeral.path] = kept_elsewhere
    assert settle(site, edited).withheld.keys() == {"a"}
    assert (site.record("a").state, kept(site, "a")) == ("ACTIVE", {"disk", "disk.local"})


class Struck:
    """The fleet, of which n1 meets with something as soon as it is told to do anything."""

    def __init__(self, site: Site, befalls: Callable[[], None]) -> None:
        self._fleet, self._befalls = site.fleet, befalls
        self.trips, self.close = site.fleet.trips, site.fleet.close

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        if batch.lanes and host.name == "n1":
            self._befalls()
        return self._fleet.run(host, batch, on_record)


@pytest.mark.parametrize("consent", CLASSES)
def test_what_was_never_sent_gave_up_nothing(site: Site, consent: str) -> None:
    """The host was there when it was looked at, and gone when its turn came; the playbook is put back before it is there again."""
    world = wished(site, Play())
    made(site, world)
    before, edited = site.record("a").instance, CLASSES[consent](site, world)
    report = settle(site, edited, consent, transport=Struck(site, lambda: site.fleet.unreachable("n1")))
    assert (report.exit_code, statuses(report)) == (4, {"a": "unreachable", "b": "changed"})
    site.fleet.heal("n1")
    settle(site, world)
    assert (site.record("a").instance, site.record("a").state, kept(site, "a")) == (before, "ACTIVE", {"disk", "disk.local"})
    assert starts(site, "n1") == 1  # nor its uptime
    assert settle(site, edited).withheld.keys() == {"a"}


@pytest.mark.parametrize("consent", CLASSES)
def test_what_a_host_refused_to_begin_gave_up_no_data(site: Site, consent: str) -> None:
    """Its /run was full, say; the playbook is put back before it is mended."""
    world = wished(site, Play())
    made(site, world)
    before, edited = site.record("a").instance, CLASSES[consent](site, world)

    def refuse() -> None:
        raise errors.HostError("cannot prepare the job", where="n1", why="No space left on device")

    assert statuses(settle(site, edited, consent, transport=Struck(site, refuse))) == {"a": "failed", "b": "changed"}
    settle(site, world)
    assert (site.record("a").instance, site.record("a").state, kept(site, "a")) == (before, "ACTIVE", {"disk", "disk.local"})
    assert settle(site, edited).withheld.keys() == {"a"}


def test_what_takes_no_consent_is_recorded_whatever_becomes_of_the_rest(site: Site) -> None:
    world = wished(site)
    made(site, world)
    edited = rebuilt(site, world)
    edited = replace(edited, instances={name: replace(wish, tags=("web",)) for name, wish in edited.instances.items()})
    site.fleet.fail("n1", START, stderr="error: no memory")
    settle(site, edited, "rebuild")
    assert (site.record("b").instance.tags, site.record("b").instance.image.name) == (("web",), "guest")


def test_later_batches_get_all_that_was_allowed_them(site: Site) -> None:
    """A port of a network that their hosts do not have yet, too."""
    world = wished(site)
    made(site, world)
    other = desired.Network("office", "phys0", type="vlan", segmentation_id=7, subnets=(desired.Subnet("10.9.0.0/24"),))
    ports = (desired.NetworkRequest("private"), desired.NetworkRequest("office"))
    edited = rebooted(site, rebuilt(site, replace(world, networks={**world.networks, "office": other})))
    edited = replace(edited, instances={name: replace(wish, networks=ports) for name, wish in edited.instances.items()})
    report = settle(site, edited, "rebuild")
    assert (report.exit_code, statuses(report)) == (0, {"a": "changed", "b": "changed"})
    for name in ("a", "b"):
        instance = site.record(name).instance
        assert (instance.image.name, instance.flavor.ram, len(instance.ports), instance.renews) == ("other", 128, 2, ())
        assert kept(site, name) == {"disk.local"}
    assert plan.plan(site.app, edited)[0].empty


def test_room_that_another_run_took_meanwhile_is_not_claimed_twice(site: Site) -> None:
    """Room is asked for again when the turn of a later batch comes."""
    world = wished(site)
    made(site, world)
    large = replace(world, flavors={"small": replace(world.flavors["small"], ram=10000)})
    guest = site.desired("c", ram=8000)
    guest = replace(guest, instances={"c": replace(guest.instances["c"], hosts=("n2",))})
    begun = threading.Event()

    def other(progress: Progress) -> None:
        if (progress.name, progress.state) == ("a", "ACTIVE") and not begun.is_set():
            begun.set()
            assert apply.apply(site.app, guest).exit_code == 0

    report = settle(site, large, "reboot", report=other)
    assert statuses(report) == {"a": "changed", "b": "failed"}
    assert "cannot have a larger flavor (ram)" in report.outcomes[1].fault
    assert site.record("b").instance.flavor.ram == 64
    with pytest.raises(errors.SpecErrors, match="cannot have a larger flavor"):
        settle(site, large, "reboot")


def test_a_plan_that_is_made_of_half_a_run_asks_for_what_is_left(site: Site) -> None:
    world = wished(site)
    made(site, world)
    edited = rebuilt(site, world)
    site.fleet.fail("n1", START, stderr="error: no memory")
    settle(site, edited, "rebuild")
    left = edits.of(site.app, site.store.snapshot(), edited)
    assert {name: [edit.held for edit in found] for name, found in left.items()} == {"b": ["needs --allow rebuild"]}
