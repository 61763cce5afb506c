"""What a run left unseen, taken up by the next one: nothing lost that a guest wrote, nothing done twice, nothing begun that was not asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Action, Batch
from orchestrator.commands.command import Record as Answer
from orchestrator.engine.context import Progress
from orchestrator.facts.domain import URI
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.services import apply, lifecycle, likely
from tests.fakes import libvirt
from tests.fakes.state import Directory, File
from tests.scenarios.conftest import Site


def lose(site: Site, verb: str, after: int = 0, lingers: bool = False) -> Record:
    """`verb` to the instance `a`, its wire cut after so many records."""

    def cut(progress: Progress) -> None:
        if not progress.step and not progress.result:
            site.fleet.cut(progress.host, after, lingers)

    app = replace(site.app, report=cut)
    report = apply.apply(app, site.desired("a")) if verb == "apply" else lifecycle.act(app, verb, ["a"])
    assert report.count("unknown") == 1
    return site.record("a")


@pytest.mark.parametrize("after", range(15))
def test_a_guest_that_ran_unseen_keeps_its_disk_through_a_reboot_of_its_host(site: Site, after: int) -> None:
    record = lose(site, "apply", after)
    host, path = site.fleet.hosts[record.instance.host], record.instance.disks[0].path
    assert host.domains[record.instance.domain].state == "running"
    written = host.files[path]
    site.fleet.reboot(host.name)  # its bridge is gone
    site.apply("a")
    assert host.files.get(path) is written
    site.apply("a")
    assert (site.record("a").state, host.domains[record.instance.domain].state) == ("ACTIVE", "running")
    assert host.files.get(path) is written


def test_a_guest_that_ran_unseen_keeps_its_disk_when_it_cannot_be_started_again(site: Site) -> None:
    record = lose(site, "apply")
    host, path = site.fleet.hosts[record.instance.host], record.instance.disks[0].path
    written = host.files[path]
    site.fleet.kill_qemu(host.name, record.instance.domain)
    site.fleet.fail(host.name, "virsh -q -c qemu:///system start", stderr="error: no memory")
    for _ in range(2):
        assert site.apply("a").count("failed") == 1
        assert host.files.get(path) is written
    assert site.record("a").instance.launched


def test_a_guest_that_was_off_already_is_not_rebooted_twice(site: Site) -> None:
    """`destroy` ends with 1 then, which is accepted."""
    site.apply("a")
    record = lose(site, "hard-reboot", lingers=True)
    site.fleet.kill_qemu(record.instance.host, record.instance.domain)
    site.fleet.finish(record.instance.host)
    assert site.starts() == 2
    assert site.apply("a").count("changed") == 1
    assert (site.record("a").state, site.starts()) == ("ACTIVE", 2)


def test_a_job_is_not_over_because_another_machine_does_not_know_it(site: Site) -> None:
    site.apply("a")
    host = site.fleet.hosts[lose(site, "hard-reboot", lingers=True).instance.host]
    mine, host.machine_id = host.machine_id, "f" * 32
    jobs, host.jobs = host.jobs, {}
    assert site.apply("a").count("unreachable") == 1
    assert len(site.store.open_jobs()) == 1
    host.machine_id, host.jobs = mine, jobs
    assert site.apply("a").count("changed") == 1
    assert (site.store.open_jobs(), site.starts()) == ((), 2)


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_deletion_is_finished_by_destroy_alone(site: Site, verb: str) -> None:
    site.apply("a")
    record = lose(site, "destroy", lingers=True)
    site.fleet.abandon(record.instance.host)
    with pytest.raises(errors.StateError, match="destroy a"):
        site.act(verb, "a")
    assert record.instance.disks[0].path in site.fleet.hosts[record.instance.host].files
    assert site.act("destroy", "a").count("changed") == 1


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_what_was_never_built_is_built_by_apply_alone(site: Site, verb: str) -> None:
    for name in site.fleet.hosts:
        site.fleet.fail(name, "virsh -q -c qemu:///system start", stderr="error: no memory", times=1)
    site.apply("a")
    assert site.record("a").state == "ERROR"
    with pytest.raises(errors.StateError, match=f"cannot {verb}"):
        site.act(verb, "a")
    assert site.starts() == 0


def test_an_instance_that_was_placed_unseen_is_not_made_of_what_is_there_already(site: Site) -> None:
    """The host was lost between the look that chose it and the look at what the instance would find there."""
    wished, real, batches = site.desired("a", hosts=("n1",)), site.fleet.run, list[str]()

    def run(host: Host, batch: Batch, on_record: Callable[[Answer], None]) -> tuple[Answer, ...]:
        batches.append(batch.job)
        if len(batches) == 2:
            raise errors.Unreachable("no route", host.name)
        return real(host, batch, on_record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site.fleet, "run", run)
        patch.setattr(likely, "keys", lambda *_: {})  # or there is one look
        assert apply.apply(site.app, wished).count("unreachable") == 1
    instance, host = site.record("a").instance, site.fleet.hosts["n1"]
    forgotten = f"{instance.directory}/libvirt.xml"
    host.files |= {"/var/lib/nova": Directory(), "/var/lib/nova/instances": Directory(), instance.directory: Directory()}
    host.files[forgotten] = File(b"<domain/>")
    with pytest.raises(errors.Conflict, match="there already"):
        apply.apply(site.app, wished)
    assert (host.journal, site.record("a").state) == ([], "BUILDING")


def test_disks_stay_while_a_process_that_cannot_be_ended_writes_to_them(site: Site) -> None:
    """`virsh destroy` ends with 1 for a process that hangs too: that is no reason to take its disks away."""

    def hang(name: str, job: str, lane: str, index: int, action: Action, when: str) -> None:
        host = site.fleet.hosts[name]
        if action.step == "spawning.start_domain" and when == "before":
            for domain in host.domains:
                libvirt.virsh(host, ("virsh", "-q", "-c", URI, "start", "--domain", domain), b"")
            site.fleet.fail(name, "start --domain", stderr="error: timed out")
            site.fleet.fail(name, "domain-ended", stderr="error: Failed to terminate process: Device or resource busy")

    site.fleet.on_action = hang
    assert site.apply("a").count("failed") == 1
    record = site.record("a")
    host = site.fleet.hosts[record.instance.host]
    assert "could not be undone" in str(record.fault)
    assert host.domains[record.instance.domain].state == "running"
    assert record.instance.disks[0].path in host.files
    site.fleet.on_action = None
    site.fleet.heal(host.name)
    assert site.apply("a").count("changed") == 1
    assert (site.record("a").state, site.starts()) == ("ACTIVE", 1)
