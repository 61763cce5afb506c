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
