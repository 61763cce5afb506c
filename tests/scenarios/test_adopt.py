"""Guests taken over: those that others made, and those that a store forgot. None is restarted, and what is written of them is what there is."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.cli import yaml_text
from orchestrator.files import playbook
from orchestrator.model import desired, errors
from orchestrator.services import adopt, apply, plan, verify, volumes
from orchestrator.services.app import App
from tests.crash.harness import Clock, Ids
from tests.samples.adopted import foreign
from tests.scenarios.conftest import Patient, Site, build


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return build(tmp_path, "n1", "n2")


def empty(site: Site, name: str = "other.db") -> Site:
    """The same hosts, with a store that has nothing yet."""
    store = stores.open(f"sqlite:///{site.image.parent}/{name}", Clock(), Ids())
    app = App(site.app.inventory, site.fleet, store, Patient())
    return Site(site.fleet, store, app, site.image)


def test_guests_of_others_are_taken_over_as_they_are(site: Site) -> None:
    host = site.fleet.hosts["n1"]
    running, off = foreign(host, 1), foreign(host, 2, start=False)
    before = dict(host.starts), running.pid, host.files["/srv/theirs1.img"]
    seen = adopt.look(site.app, "n1")
    assert (seen.names, seen.left) == (("theirs1", "theirs2"), ())
    assert "definition" not in str(host.journal)
    report = adopt.adopt(site.app, seen)
    assert (report.exit_code, report.recap) == (0, "2 changed, 0 unchanged, 0 failed")
    assert [(each.instance.name, each.state, each.wanted) for each in site.store.records()] == [
        ("theirs1", "ACTIVE", "active"),
        ("theirs2", "STOPPED", "stopped"),
    ]
    assert before == (dict(host.starts), running.pid, host.files["/srv/theirs1.img"])
    assert "orchestrator:instance" in running.xml
    assert '<sound model="ich9"' in running.xml
    assert not host.unknown
    site.act("hard-reboot", "theirs1")
    assert host.starts["theirs1"] == 2
    site.act("stop", "theirs1")
    assert not running.active
    site.act("start", "theirs1")
    site.act("destroy", "theirs1", "theirs2")
    assert host.file("/srv/theirs1.img")
    assert not host.domains
    assert {each.volume.name: each.status for each in site.store.volumes()} == {"theirs1-sda": "available", "theirs2-sda": "available"}
    assert off.uuid not in str(host.files)


def test_what_starts_with_its_host_does_so_after_a_hard_reboot_as_well(site: Site) -> None:
    host = site.fleet.hosts["n1"]
    starting, other = foreign(host, 1), foreign(host, 2)
    starting.autostart = True
    adopt.adopt(site.app, adopt.look(site.app, "n1"))
    assert (starting.autostart, other.autostart) == (True, False)
    assert site.act("hard-reboot", "theirs1", "theirs2").exit_code == 0
    assert {name: domain.autostart for name, domain in host.domains.items()} == {"theirs1": True, "theirs2": False}
    host.domains["theirs1"].autostart = False  # somebody else's doing is told
    wish = written(site, ("theirs1", "theirs2"))
    assert [(each.name, each.notes) for each in plan.plan(site.app, wish)[0].changes if each.notes] == [
        ("theirs1", ("autostart-off: it does not start with its host any more",))
    ]
    found = verify.verify(site.app, [site.app.inventory.hosts["n1"]]).findings
    assert [(each.name, each.cause) for each in found] == [("theirs1", "autostart-off")]


@pytest.mark.parametrize("order", [("web theirs1",), ("web", "theirs1"), ("theirs1", "web")], ids=str)
@pytest.mark.parametrize("way", ["destroy", "apply"])
def test_what_ours_and_adopted_guests_shared_goes_with_the_last_of_them(site: Site, order: tuple[str, ...], way: str) -> None:
    host = site.fleet.hosts["n1"]
    world = site.desired("web", hosts=("n1",))
    apply.apply(site.app, world)
    assert "br-phys0" in host.links
    foreign(host, 1)
    adopt.adopt(site.app, adopt.look(site.app, "n1"))
    theirs = written(site, ("theirs1",))
    everything = replace(world, **{name: {**getattr(theirs, name), **getattr(world, name)} for name in ("flavors", "volumes", "instances")})
    for names in order:
        if way == "destroy":
            assert site.act("destroy", *names.split()).exit_code == 0
            continue
        gone = {name: replace(everything.instances[name], state="absent") for name in names.split()}
        assert apply.apply(site.app, replace(everything, instances=gone)).exit_code == 0
    assert (list(host.domains), "br-phys0" in host.links) == ([], False)


def written(site: Site, names: tuple[str, ...], declared: desired.Desired | None = None) -> desired.Desired:
    """The playbook of these instances, read back."""
    path = site.image.parent / "adopted.yaml"
    path.write_text(yaml_text.dump([adopt.play(site.app, names, declared)]))
    return playbook.load((path,), site.app.inventory, {})


def test_a_plan_of_what_was_written_is_empty(site: Site) -> None:
    host = site.fleet.hosts["n1"]
    foreign(host, 1)
    foreign(host, 2, start=False)
    seen = adopt.look(site.app, "n1")
    adopt.adopt(site.app, seen)
    wish = written(site, seen.names)
    assert adopt.pending(site.app, wish) == ()
    assert (wish.instances["theirs2"].state, wish.volumes["theirs2-sda"].path) == ("stopped", "/srv/theirs2.img")
    report = apply.apply(site.app, wish)
    assert report.recap == "0 changed, 2 unchanged, 0 failed"
    assert host.starts == {"theirs1": 1}
    assert adopt.look(site.app, "n1").names == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"more": "\n    <hostdev mode='subsystem' type='usb'/>"}, "devices of the host"),
        ({"more": "\n    <tpm model='tpm-tis'><backend type='emulator'/></tpm>"}, "TPM"),
        ({"more": "\n    <graphics type='vnc' passwd='x'/>"}, "password"),
        (
            {"more": "\n    <interface type='network'><mac address='52:54:00:00:00:99'/><source network='default'/></interface>"},
            "of type network default",
        ),
        (
            {"more": "\n    <interface type='bridge'><mac address='52:54:00:00:00:99'/><source bridge='br1'/></interface>"},
            "no Linux bridge",
        ),
        ({"more": "\n    <disk type='block' device='disk'><source dev='/dev/sdz'/><target dev='vdb'/></disk>"}, "of type block"),
        ({"form": "qcow2"}, "no qcow2 file"),
        ({"at": "/var/lib/nova/instances/f0f0f0f0-aaaa-4bbb-8ccc-000000000001/disk"}, "goes with an instance"),
        ({"form": "vmdk"}, "is vmdk"),
        ({"name": "a b"}, "could be read as something else"),
        ({"name": "17"}, "could be read as something else"),
    ],
)
def test_what_cannot_be_said_is_left_alone_and_others_go_on(site: Site, change: dict[str, object], why: str) -> None:
    host = site.fleet.hosts["n1"]
    odd = foreign(host, 1, start=False, **change)  # type: ignore[arg-type]
    foreign(host, 2)
    before = odd.xml
    seen = adopt.look(site.app, "n1")
    assert seen.names == ("theirs2",)
    assert [each.name for each in seen.left] == [odd.name]
    assert why in seen.left[0].why
    adopt.adopt(site.app, seen)
    assert odd.xml == before


def test_names_choose_and_one_that_nobody_has_is_an_error(site: Site) -> None:
    host = site.fleet.hosts["n1"]
    foreign(host, 1)
    foreign(host, 2)
    assert adopt.look(site.app, "n1", ["theirs2"]).names == ("theirs2",)
    with pytest.raises(errors.NotFound, match="theirs9"):
        adopt.look(site.app, "n1", ["theirs9"])


def test_an_empty_store_goes_on_where_a_lost_one_left_off(site: Site) -> None:
    site.apply("web", "db")
    site.act("stop", "db")
    was = {record.instance.name: record for record in site.store.records()}
    new = empty(site)
    journal = {name: list(host.journal) for name, host in site.fleet.hosts.items()}
    for name in {record.instance.host for record in was.values()}:
        adopt.adopt(new.app, adopt.look(new.app, name))
    assert {name: list(host.journal) for name, host in site.fleet.hosts.items()} == journal, "nothing is done to them"
    assert {each.instance.name: (each.instance, each.state, each.wanted) for each in new.store.records()} == {
        name: (each.instance, each.state, each.wanted) for name, each in was.items()
    }
    assert new.store.lineage == site.store.lineage
    for name in was:
        assert adopt.pending(new.app, written(new, (name,))) == ()
    report = new.act("hard-reboot", "web")
    assert report.exit_code == 0, report
    assert new.apply("web", "db", "third").exit_code == 0
    assert int(new.record("third").instance.domain[-8:], 16) >= 0x1000, "numbers of those that may be elsewhere are left out"
    assert adopt.look(new.app, new.record("web").instance.host).names == ()


def test_an_older_store_is_told_what_it_forgot(site: Site, tmp_path: Path) -> None:
    site.apply("web")
    shutil.copy(tmp_path / "state.db", tmp_path / "older.db")
    site.apply("web", "db", "mail")
    old = empty(site, "older.db")
    with pytest.raises(errors.StaleStore, match="adopt"):
        old.apply("web", "other")
    for name in site.fleet.hosts:
        adopt.adopt(old.app, adopt.look(old.app, name))
    assert {record.instance.name: record.instance for record in old.store.records()} == {
        record.instance.name: record.instance for record in site.store.records()
    }
    assert old.apply("web", "db", "mail").recap == "0 changed, 3 unchanged, 0 failed"
    assert old.apply("web", "db", "mail", "other").exit_code == 0


def test_what_another_store_has_is_not_taken_by_one_that_has_its_own(site: Site) -> None:
    new = empty(site)
    apply.apply(new.app, new.desired("mine", hosts=("n2",)))
    apply.apply(site.app, site.desired("web", "db", hosts=("n1",)))
    seen = adopt.look(new.app, site.record("web").instance.host)
    assert seen.names == ()
    assert all("another store" in each.why for each in seen.left)


def test_rules_that_nobody_knows_are_asked_for(site: Site) -> None:
    wish = site.desired("web")
    group = desired.SecurityGroup("web", (desired.Rule("egress"), desired.Rule("ingress", protocol="tcp", port_min=80, port_max=80)))
    secured = replace(wish.instances["web"], security_groups=("web",))
    apply.apply(site.app, replace(wish, instances={"web": secured}, security_groups={"web": group}))
    new, host = empty(site), site.record("web").instance.host
    assert "the rules of its security group 'web' are not known" in adopt.look(new.app, host).left[0].why
    declared = desired.Desired(security_groups={"web": group})
    seen = adopt.look(new.app, host, (), declared)
    adopt.adopt(new.app, seen)
    again = written(new, seen.names, declared)
    assert again.security_groups["web"] == group
    assert adopt.pending(new.app, again) == ()


def test_an_empty_store_does_nothing_where_guests_of_another_are(site: Site) -> None:
    site.apply("web", "db")
    new = empty(site)
    trips = site.fleet.hosts["n1"].trips
    with pytest.raises(errors.Conflict, match=r"the store is empty.*guests with our mark: .*orchestrator adopt n.*--new-store"):
        new.apply("mine")
    assert new.store.records() == ()
    assert site.fleet.hosts["n1"].trips == trips + 2, "that there are any, and whose"
    meant = Site(new.fleet, new.store, replace(new.app, new_store=True), new.image)
    apply.apply(meant.app, replace(meant.desired("mine"), instances={}))
    for name in site.fleet.hosts:
        adopt.adopt(new.app, adopt.look(new.app, name))
    assert new.apply("web", "db").recap == "0 changed, 2 unchanged, 0 failed"


def test_a_store_that_is_meant_to_be_new_begins(site: Site) -> None:
    apply.apply(site.app, site.desired("web", hosts=("n1",)))
    new = empty(site)
    app = replace(new.app, new_store=True)
    assert apply.apply(app, site.desired("mine", hosts=("n2",))).exit_code == 0
    assert apply.apply(new.app, site.desired("mine", "more", hosts=("n2",))).exit_code == 0, "from then on it has something"


def test_a_store_that_forgot_all_of_its_own_is_refused_whatever_is_said(site: Site, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "state.db", tmp_path / "older.db")
    site.apply("web")
    del site.fleet.hosts["n1"].newest[site.store.lineage]
    old = empty(site, "older.db")
    with pytest.raises(errors.Conflict, match="that it forgot"):
        apply.apply(replace(old.app, new_store=True), old.desired("other", hosts=("n1",)))


def test_what_a_guest_came_with_stays(site: Site) -> None:
    foreign(site.fleet.hosts["n1"], 1)
    adopt.adopt(site.app, adopt.look(site.app, "n1"))
    wish = written(site, ("theirs1",))
    instance, volume = wish.instances["theirs1"], wish.volumes["theirs1-sda"]
    port, flavor = instance.networks[0], wish.flavors["adopted-2-128"]
    for changed in (
        {"instances": {"theirs1": replace(instance, networks=(replace(port, port_security=True),))}},
        {"instances": {"theirs1": replace(instance, networks=())}},
        {"flavors": {flavor.name: replace(flavor, ram=256)}},
        {"volumes": {volume.name: replace(volume, size=9)}},
        {"volumes": {volume.name: replace(volume, path="/srv/another.img")}},
    ):
        with pytest.raises((errors.SpecError, errors.Conflict)):
            apply.apply(site.app, replace(wish, **changed))
    with pytest.raises(errors.Conflict, match="boots from"):
        volumes.detach(site.app, "theirs1", "theirs1-sda")
    with pytest.raises(errors.Conflict, match="cannot grow"):
        volumes.extend(site.app, "theirs1-sda", 9)


def test_what_nobody_took_over_is_not_begun_from_its_playbook(site: Site) -> None:
    foreign(site.fleet.hosts["n1"], 1)
    adopt.adopt(site.app, adopt.look(site.app, "n1"))
    wish = written(site, ("theirs1",))
    with pytest.raises(errors.Conflict, match="adopt HOST"):
        apply.apply(empty(site).app, wish)


def test_what_guests_are_told_comes_back_from_their_drives_to_the_letter(site: Site) -> None:
    told = "## template: jinja\n{% if a %}{{ ds.meta_data }}{% endif %}{# c #}\n\U0001f600 é\n\n"
    wish = site.desired("web", hosts=("n1",))
    drive = replace(wish.instances["web"], config_drive=True, user_data=told, metadata={"a b": "{{ x }}", "yes": "no"})
    apply.apply(site.app, replace(wish, instances={"web": drive}))
    kept = site.fleet.hosts["n1"].file(f"{site.record('web').instance.directory}/instance.json")
    assert kept
    assert kept.mode == 0o600
    assert b"jinja" not in kept.content
    assert b"a b" not in kept.content
    new = empty(site)
    adopt.adopt(new.app, adopt.look(new.app, "n1"))
    again = written(new, ("web",)).instances["web"]
    assert (again.user_data, again.metadata) == (told, {"a b": "{{ x }}", "yes": "no"})
    assert adopt.pending(new.app, written(new, ("web",))) == ()


class Overtaken:
    """A fleet of which another operator has made use just before the first look."""

    def __init__(self, site: Site, first: Callable[[], object]) -> None:
        self._fleet, self._first = site.fleet, first

    def __getattr__(self, name: str) -> object:
        return getattr(self._fleet, name)

    def run(self, *words: object) -> object:
        first, self._first = self._first, lambda: None
        first()
        return self._fleet.run(*words)  # type: ignore[arg-type]


def test_what_another_run_of_the_store_makes_meanwhile_is_not_forgotten(site: Site) -> None:
    other = empty(site, "state.db")
    late = replace(site.app, transport=Overtaken(site, lambda: other.apply("first")))
    assert apply.apply(late, site.desired("second")).exit_code == 0
    assert [record.instance.name for record in site.store.records()] == ["first", "second"]


def test_a_rebuild_that_was_finished_is_not_done_once_more_for_a_store_that_forgot_it(site: Site) -> None:
    world = site.desired("vm")
    apply.apply(site.app, world)
    path = site.image.with_name("other.raw")
    path.write_bytes(b"other".ljust(1024, b"\0"))
    image = replace(world.images["guest"], name="other", source=str(path), digest=hashlib.sha256(path.read_bytes()).hexdigest())
    wish = replace(world.instances["vm"], image="other")
    other = replace(world, images={"other": image}, instances={"vm": wish})
    apply.apply(replace(site.app, allow=frozenset({"rebuild"})), other)
    instance = site.record("vm").instance
    disk = site.fleet.hosts[instance.host].files[instance.disks[0].path]
    again = empty(site)
    adopt.adopt(again.app, adopt.look(again.app, instance.host, (), other))
    assert again.record("vm").instance.renews == ()
    assert plan.plan(again.app, other)[0].empty
    apply.apply(again.app, other)
    assert site.fleet.hosts[instance.host].files[instance.disks[0].path] is disk
