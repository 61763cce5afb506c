"""--limit: only what is, or may be placed, on these hosts; nothing at all is an error."""

from __future__ import annotations

from tests.cli.world import Operator


def hosts(operator: Operator) -> dict[str, str]:
    return {each["name"]: each["host"] for each in operator.ok("get", "vm", "-o", "json").json}  # type: ignore[attr-defined]


def test_new_instances_go_nowhere_else(operator: Operator) -> None:
    operator.ok("apply", "-l", "n2", "site.yaml")
    assert set(hosts(operator).values()) == {"n2"}


def test_what_is_elsewhere_is_left_alone(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    assert hosts(operator) == {"web-1": "n1", "web-2": "n2", "web-3": "n1"}
    assert operator.ok("stop", "--all", "-l", "n1").err.endswith("2 changed, 0 unchanged, 0 failed\n")
    assert operator.ok("apply", "-l", "n2", "site.yaml").err.endswith("0 changed, 1 unchanged, 0 failed\n")
    assert operator.ok("apply", "-l", "all:!n2", "site.yaml").err.endswith("2 changed, 0 unchanged, 0 failed\n")
    assert operator.ok("get", "vm", "-l", "n2", "-o", "name").out == "web-2\n"
    assert operator.ok("get", "hosts", "-l", "n2", "-o", "name").out == "n2\n"
    assert operator.ok("get", "ports", "-l", "n2").out.count("web-") == 1
    assert operator("start", "web-2", "-l", "n1").code == 1
    assert operator.ok("destroy", "--yes", "site.yaml", "-l", "n2").err.endswith("1 changed, 0 unchanged, 0 failed\n")
    assert sorted(hosts(operator)) == ["web-1", "web-3"]


def test_a_host_that_may_hold_none_of_them(operator: Operator) -> None:
    text = (operator.folder / "site.yaml").read_text().replace("hosts: compute", "hosts: n1")
    done = operator("apply", "-l", "n2", operator.write("site.yaml", text))
    assert (done.code, "--limit leaves no instance: none is, or may be, on n2" in done.err) == (1, True)


ROLLING = "hosts: compute\n  serial: 1\n  max_fail_percentage: 0"


def test_what_the_last_run_left_undone(operator: Operator) -> None:
    assert "no run has come to its end yet" in operator("apply", "-l", "@failed", "site.yaml").err
    operator.fleet.fail("n1", "qemu:///system start", stderr="error: no memory")
    operator.fleet.fail("n2", "qemu:///system start", stderr="error: no memory")
    text = (operator.folder / "site.yaml").read_text()
    path = operator.write("site.yaml", text.replace("hosts: compute", ROLLING))
    done = operator("apply", path)
    assert (done.code, "the run ends here: all of a batch failed" in done.err) == (3, True)
    assert "\n0 changed, 0 unchanged, 1 failed, 2 pending" in done.err
    for host in ("n1", "n2"):
        operator.fleet.heal(host)
    assert operator("stop", "--all", "-l", "n1").code == 1  # it was never built: an error before anything is done counts for nothing
    assert operator("stop", "web-1", "-l", "@failed").code == 1
    assert operator.ok("apply", "-l", "@failed", path).err.endswith("3 changed, 0 unchanged, 0 failed\n")
    done = operator("apply", "-l", "@failed", path)
    assert (done.code, "left nothing undone" in done.err) == (1, True)


def test_only_what_failed_and_is_in_the_playbook(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    operator.fleet.unreachable("n2")
    assert operator("apply", "site.yaml").code == 4
    operator.fleet.heal("n2")
    assert operator.ok("get", "vm", "-l", "@failed", "-o", "name").out == "web-2\n"
    other = operator.write("other.yaml", (operator.folder / "site.yaml").read_text().replace("web-{{ item }}", "db-{{ item }}"))
    assert "what the last run left undone is not in these playbooks" in operator("apply", "-l", "@failed", other).err
    assert operator.ok("stop", "--all", "-l", "@failed").err.endswith("1 changed, 0 unchanged, 0 failed\n")


def test_what_stands_before_an_instance_is_left_out(operator: Operator) -> None:
    assert operator.ok("apply", "--start-at", "web-[23]", "site.yaml").err.endswith("2 changed, 0 unchanged, 0 failed\n")
    assert sorted(hosts(operator)) == ["web-2", "web-3"]
    done = operator("plan", "--start-at", "wbe-1", "site.yaml")
    assert (done.code, "--start-at 'wbe-1' names no instance" in done.err, "did you mean 'web-1'?" in done.err) == (1, True, True)
    assert operator("get", "vm", "--start-at", "web-1").code == 64


def test_a_saved_plan_starts_where_it_started(operator: Operator) -> None:
    operator.ok("plan", "--start-at", "web-3", "-o", "saved", "site.yaml")
    assert operator("apply", "--start-at", "web-1", "saved").code == 64
    operator.ok("apply", "saved")
    assert sorted(hosts(operator)) == ["web-3"]


def test_a_run_tells_what_became_of_instances(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    operator.fleet.unreachable("n2")
    operator("stop", "web-1", "web-2")
    (last, first) = operator.ok("get", "runs", "-o", "json").json  # type: ignore[misc]
    assert (first["verb"], first["recap"], first["duration"]) == ("apply", "3 changed, 0 unchanged, 0 failed", 0.0)
    told = operator.ok("describe", "run", last["name"], "-o", "json").json["outcomes"]  # type: ignore[index,call-overload]
    assert [(each["name"], each["host"], each["status"]) for each in told] == [("web-1", "n1", "changed"), ("web-2", "n2", "unreachable")]
    assert "cannot connect" in told[1]["fault"]
