"""Hosts that booted are brought back: networks and rules, volumes, then the guests that are to run; nothing is started twice, nothing that was stopped."""

from __future__ import annotations

from msgspec import structs

from orchestrator.model.desired import Play, RestartPolicy
from orchestrator.planning import restart
from orchestrator.ports.writes import Amend
from orchestrator.services import apply, hard_reboot, restarts
from orchestrator.services.report import Report
from tests.fakes import processes
from tests.scenarios.conftest import Site

NAMES = ("a", "b", "c", "d", "e", "f")


def settled(site: Site, *stopped: str) -> None:
    """Instances on both hosts, some of them stopped."""
    assert site.apply(*NAMES).exit_code == 0
    if stopped:
        assert site.act("stop", *stopped).exit_code == 0


def back(site: Site, *hosts: str, pace: Play | None = None) -> Report:
    """`hard-reboot --host`, or --all."""
    names = [record.instance.name for record in site.store.records() if not hosts or record.instance.host in hosts]
    return hard_reboot.act(site.app, names, named=False, pace=pace)


def power(site: Site) -> dict[str, bool]:
    """Which domains run."""
    found = {}
    for record in site.store.records():
        domain = site.fleet.hosts[record.instance.host].domains.get(record.instance.domain)
        found[record.instance.name] = domain is not None and domain.state == "running"
    return found


def home(site: Site, name: str) -> str:
    return site.record(name).instance.host


def statuses(report: Report) -> dict[str, str]:
    return {each.name: each.status for each in report.outcomes}


def test_after_a_reboot_what_is_to_run_runs_and_what_was_stopped_does_not(site: Site) -> None:
    settled(site, "b", "e")
    for host in site.fleet.hosts:
        site.fleet.reboot(host)
    seen = {name: len(host.journal) for name, host in site.fleet.hosts.items()}
    starts, trips = site.starts(), {name: host.trips for name, host in site.fleet.hosts.items()}
    report = back(site)
    assert (report.exit_code, report.recap) == (0, "4 changed, 2 unchanged, 0 failed")
    assert power(site) == {name: name not in "be" for name in NAMES}
    assert report.left == {"b": "it is stopped", "e": "it is stopped"}
    assert site.starts() == starts + 4
    assert {site.record(name).state for name in "be"} == {"STOPPED"}
    for name, there in site.fleet.hosts.items():
        steps = [entry.step for entry in there.journal[seen[name] :]]
        shared = [at for at, step in enumerate(steps) if step.startswith("fabric.")]
        assert max(shared) < steps.index("spawning.start_domain"), steps
        assert not [step for step in steps if step.startswith("teardown.")], "there is nothing to take down"
        assert there.trips == trips[name] + 2, "a look, and a job with a look of its own"


def test_networks_come_before_rules_in_the_journal(site: Site) -> None:
    settled(site)
    site.fleet.reboot("n1")
    seen = len(site.fleet.hosts["n1"].journal)
    back(site, "n1")
    steps = list(dict.fromkeys(entry.step for entry in site.fleet.hosts["n1"].journal[seen:]))
    bridges = steps.index("fabric.ensure_bridges")
    assert bridges < steps.index("fabric.ensure_rules") < steps.index("spawning.start_domain"), steps


def test_a_second_time_it_reboots_what_runs(site: Site) -> None:
    settled(site, "b")
    site.fleet.reboot("n1")
    back(site, "n1")
    starts = site.starts()
    report = back(site, "n1")
    running = sum(site.record(name).instance.host == "n1" for name in NAMES if name != "b")
    assert report.count("changed") == running
    assert site.starts() == starts + running
    assert not power(site)["b"]


def test_without_a_reboot_active_ones_are_rebooted_and_a_stopped_one_is_started_by_its_name_alone(site: Site) -> None:
    settled(site, "b")
    starts = site.starts()
    assert statuses(back(site)) == {name: "unchanged" if name == "b" else "changed" for name in NAMES}
    assert site.starts() == starts + 5
    assert site.act("hard-reboot", "b").recap == "1 changed, 0 unchanged, 0 failed"
    assert power(site)["b"]


def test_what_others_brought_back_is_rebooted(site: Site) -> None:
    settled(site)
    site.fleet.reboot("n1")
    site.apply(*NAMES)
    starts = site.starts()
    back(site, "n1")
    assert site.starts() == starts + sum(home(site, name) == "n1" for name in NAMES)


def test_a_guest_that_failed_to_come_back_is_tried_again_and_the_others_are_let_run(site: Site) -> None:
    settled(site)
    for host in site.fleet.hosts:
        site.fleet.reboot(host)
    broken = site.record("c").instance
    site.fleet.fail(broken.host, f"start --domain {broken.uuid}", stderr="error: no memory")
    report = back(site)
    assert (report.exit_code, report.recap) == (3, "5 changed, 0 unchanged, 1 failed")
    assert site.record("c").state == "ERROR"
    site.fleet.heal(broken.host)
    starts = site.starts()
    again = back(site)
    assert again.recap == "1 changed, 5 unchanged, 0 failed"
    assert again.left == dict.fromkeys("abdef", hard_reboot.LET_RUN)
    assert site.starts() == starts + 1
    assert all(power(site).values())


def test_a_host_that_is_down_does_not_stop_the_others(site: Site) -> None:
    settled(site)
    for host in site.fleet.hosts:
        site.fleet.reboot(host)
    site.fleet.unreachable("n1")
    report = back(site)
    assert report.exit_code == 4
    assert {name for name, runs in power(site).items() if runs} == {name for name in NAMES if home(site, name) == "n2"}
    site.fleet.heal("n1")
    starts = site.starts()
    assert back(site).exit_code == 0
    assert all(power(site).values())
    assert site.starts() == starts + sum(home(site, name) == "n1" for name in NAMES), "those of the other host ran on"


def test_a_guest_that_shut_itself_down_is_stopped_and_left_so(site: Site) -> None:
    settled(site)
    instance = site.record("a").instance
    site.fleet.power_off(instance.host, instance.domain)
    crashed = next(site.record(name).instance for name in NAMES if name != "a")
    site.fleet.kill_qemu(crashed.host, crashed.domain)
    report = back(site)
    assert report.left == {"a": "it shut itself down"}
    assert power(site) == {name: name != "a" for name in NAMES}
    assert (site.record("a").state, site.record("a").wanted) == ("STOPPED", "stopped")
    assert back(site).left == {"a": "it is stopped"}
    assert site.apply(*NAMES).exit_code == 0
    assert power(site)["a"], "the operator's file says so"


def test_one_that_is_always_to_run_comes_back_from_its_own_shutdown(site: Site) -> None:
    wished = site.desired("a")
    wish = structs.replace(wished.instances["a"], restart_policy=RestartPolicy("always"))
    assert apply.apply(site.app, structs.replace(wished, instances={"a": wish})).exit_code == 0
    instance = site.record("a").instance
    site.fleet.power_off(instance.host, instance.domain)
    assert back(site).left == {}
    assert power(site) == {"a": True}


def test_a_forgotten_process_is_not_started_beside_itself(site: Site) -> None:
    settled(site)
    instance = site.record("a").instance
    host = site.fleet.hosts[instance.host]
    pid = host.domains[instance.domain].pid
    processes.forget(host, host.domains[instance.domain])
    starts = dict(host.starts)
    report = back(site)
    assert report.exit_code == 3
    assert host.starts[instance.domain] == starts[instance.domain], "no second start"
    assert str(pid) in str(site.record("a").fault)
    assert power(site) == {name: name != "a" for name in NAMES}


def test_batches_and_their_end(site: Site) -> None:
    settled(site)
    for host in site.fleet.hosts:
        site.fleet.reboot(host)
    for host in site.fleet.hosts:
        site.fleet.fail(host, "qemu:///system start", stderr="error: no memory")
    report = back(site, pace=Play(serial=("2",), max_fail_percentage=50))
    assert report.ended == "all of a batch failed"
    assert (report.count("failed"), report.count("pending")) == (2, 4)
    for host in site.fleet.hosts:
        site.fleet.heal(host)
    starts = site.starts()
    assert back(site, pace=Play(serial=("2",))).recap == "6 changed, 0 unchanged, 0 failed"
    assert site.starts() == starts + 6


def test_what_is_begun_elsewhere_is_left_to_its_command(site: Site) -> None:
    settled(site)
    run = site.store.begin("apply", ["z"])
    site.store.finish(run, "ok", "")
    wished = site.desired("z")
    host = home(site, "a")
    for each in site.fleet.hosts:
        site.fleet.fail(each, "qemu:///system start", stderr="error: no memory")
    assert apply.apply(site.app, wished).exit_code == 3
    for each in site.fleet.hosts:
        site.fleet.heal(each)
    site.fleet.reboot(host)
    report = back(site)
    assert report.left == {"z": "it was never built: `orchestrator apply` does that"}
    assert all(power(site)[name] for name in NAMES)


def test_an_operator_s_start_forgets_counted_restarts(site: Site) -> None:
    settled(site)
    record = site.record("a")
    for verb in ("hard-reboot", "stop", "start", "destroy"):
        run = site.store.begin("watch", ["a"])
        site.store.commit(run, [restarts.remembered(record, (), "2026-03-01T12:00:00.000Z")])
        site.store.finish(run, "ok", "")
        assert restarts.attempts(site.store) == {record.instance.uuid: ("2026-03-01T12:00:00.000Z",)}
        assert site.act(verb, "a").exit_code == 0
        assert restarts.attempts(site.store) == {}, verb


def test_a_policy_is_taken_over_from_the_playbook(site: Site) -> None:
    settled(site)
    policy = RestartPolicy("never", 1, 60, 1)
    run = site.store.begin("apply", ["a"])
    site.store.commit(run, [Amend(structs.replace(site.record("a").instance, restart_policy=policy))])
    site.store.finish(run, "ok", "")
    assert site.record("a").instance.restart_policy == policy
    assert site.apply(*NAMES).exit_code == 0
    assert site.record("a").instance.restart_policy == RestartPolicy()
    assert restart.decide(site.record("a").instance.restart_policy, "crashed", (), "2026-03-01T12:00:00.000Z").do is restart.Do.RESTART
