"""What goes wrong between two batches is told, and stays with whom it befell."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Batch
from orchestrator.engine.context import Outcome, Progress
from orchestrator.model import errors
from orchestrator.model.desired import Desired, Handler, Play
from orchestrator.planning import course
from orchestrator.services import apply, handlers
from tests.rolling.test_handlers import START, TELL, ran, wished
from tests.scenarios.conftest import Site, site

__all__ = ["site"]


def playing(desired: Desired, *found: Handler) -> Desired:
    return replace(desired, plays=(replace(desired.plays[0], handlers=found),))


def test_a_handler_that_was_mended_in_the_playbook_is_run_as_it_is_now(site: Site) -> None:
    site.fleet.fail("n1", "echo 'reload dns'", code=127, stderr="not found")
    assert apply.apply(site.app, wished(site, "a")).exit_code == 3
    mended = playing(wished(site, "a"), Handler("reload", ("echo", "reload named")), TELL)
    again = apply.apply(site.app, mended)
    assert (again.exit_code, ran(site.fleet, "tell")) == (0, ["n1"])
    assert [entry.argv for entry in site.fleet.hosts["n1"].journal if entry.step == "handlers.reload"][1:] == [("echo", "reload named")]
    assert site.store.resources(handlers.KIND) == ()


def test_a_handler_that_was_taken_out_of_the_playbook_is_run_no_more(site: Site) -> None:
    site.fleet.fail("n1", "echo 'reload dns'", code=127, stderr="not found")
    assert apply.apply(site.app, wished(site, "a")).exit_code == 3
    assert apply.apply(site.app, playing(wished(site, "a"), TELL)).exit_code == 0
    assert (ran(site.fleet, "reload"), ran(site.fleet, "tell")) == (["n1"], ["n1"])
    assert site.store.resources(handlers.KIND) == ()


def test_what_another_run_notifies_on_the_same_host_is_its_own(site: Site) -> None:
    """Another run, of another instance there, begins and fails while this one works: this one's handlers are run all the same."""
    first = replace(wished(site, "a"), instances={"a": replace(wished(site, "a").instances["a"], hosts=("n1",))})
    other = replace(wished(site, "b"), instances={"b": replace(wished(site, "b").instances["b"], hosts=("n1",))})
    fleet = site.fleet

    class Between:
        trips, close = fleet.trips, fleet.close
        begun = False

        def run(self, host, batch: Batch, on_record):  # type: ignore[no-untyped-def]
            if batch.lanes and not self.begun:
                self.begun = True
                fleet.fail("n1", START, stderr="error: no memory", times=1)
                assert apply.apply(site.app, other).exit_code == 3
            return fleet.run(host, batch, on_record)

    assert apply.apply(replace(site.app, transport=Between()), first).exit_code == 0
    assert ran(fleet, "reload") == ["n1"]
    assert site.store.resources(handlers.KIND) == ()


def test_a_handler_that_failed_stays_told_when_its_host_is_changed_by_a_later_batch(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.fleet.fail("n1", "echo 'reload dns'", code=1, stderr="I/O error", times=1)
    made = wished(site, "a", "b", "c", serial=("2", "1"))
    wishes = {name: replace(wish, hosts=("n1",), notify=wish.notify if name == "a" else ()) for name, wish in made.instances.items()}
    made = replace(made, instances=wishes)
    kept = apply._Carried.carry

    def carry(self, app, work, begin):  # type: ignore[no-untyped-def]
        outcomes, hosts = kept(self, app, work, begin)
        return outcomes, hosts | ({"n1": Outcome("", "n1", "", "changed", 1)} if "c" in outcomes else {})

    monkeypatch.setattr(apply._Carried, "carry", carry)
    report = apply.apply(site.app, made)
    assert {each.name: each.status for each in report.outcomes} == {"a": "changed", "b": "changed", "c": "changed"}
    assert report.exit_code == 3
    assert [each.fault for each in report.hosts if each.status == "failed"] == [
        "handlers.reload: echo 'reload dns': exit code 1: I/O error"
    ]


def test_what_cannot_be_planned_any_more_by_the_time_of_its_batch_fails_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site.desired("a", "b", "c")
    made = replace(made, plays=(Play(serial=("1",), max_fail_percentage=100.0),))
    kept, seen = course.chart, list[str]()

    def chart(record, triggers, facts, ground):  # type: ignore[no-untyped-def]
        seen.append(record.instance.name)
        if record.instance.name == "b" and seen.count("b") > 1:
            raise errors.HostError("the disk is gone", record.instance.host, "it was there", "restore it")
        return kept(record, triggers, facts, ground)

    monkeypatch.setattr(course, "chart", chart)
    report = apply.apply(site.app, made)
    assert [(each.name, each.status) for each in report.outcomes] == [("a", "changed"), ("b", "failed"), ("c", "pending")]
    assert "the disk is gone" in report.outcomes[1].fault
    assert report.exit_code == 3
    assert site.store.outcomes(report.run) is not None


def test_a_failed_build_that_cannot_be_planned_anew_ends_nothing_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.fleet.fail("n1", START, stderr="error: no memory")
    kept = apply._settle

    def settle(app, run, desired, fingerprint, anew):  # type: ignore[no-untyped-def]
        if not anew:
            raise errors.Conflict("placement failed", why="other runs kept taking the places that were planned", hint="run it again")
        return kept(app, run, desired, fingerprint, anew)

    monkeypatch.setattr(apply, "_settle", settle)
    report = apply.apply(site.app, site.desired("a", "b"))
    found = {each.name: each for each in report.outcomes}
    assert sorted(each.status for each in found.values()) == ["changed", "failed"]
    failed = next(each for each in found.values() if each.status == "failed")
    assert "no memory" in failed.fault
    assert "placement failed" in failed.fault
    assert report.exit_code == 3


def test_handlers_that_an_interruption_left_are_told(site: Site) -> None:
    stopping = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.state == "ACTIVE":
            stopping.set()

    report = apply.apply(replace(site.app, report=stop, stopping=stopping), wished(site, "a"))
    assert (report.exit_code, report.recap) == (130, "1 changed, 0 unchanged, 0 failed, handlers pending on n1")
    assert (ran(site.fleet, "reload"), site.store.runs()[0].status) == ([], "interrupted")
    assert apply.apply(site.app, wished(site, "a")).exit_code == 0
    assert ran(site.fleet, "reload") == ["n1"]
