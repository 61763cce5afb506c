"""What the verbs print, word for word, and what they exit with."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from orchestrator.cli import kinds
from orchestrator.store import database
from tests.cli.world import NOW, PLAYBOOK, Operator

Golden = Callable[[str, str], None]
KINDS = ("instances", "hosts", "images", "networks", "ports", "flavors", "keypairs", "runs")


def plain(operator: Operator, text: str) -> str:
    """Without what differs from one test to the next: the folder, who ran it, and the fingerprint, which the image's path is part of."""
    text = text.replace(str(operator.folder), "<folder>").replace(database.holder(), "<who>")
    return re.sub(r'("fingerprint": )"[0-9a-f]{64}"', r"\1<digest>", text)


def test_validate(operator: Operator) -> None:
    assert operator.ok("validate", "site.yaml").out == "valid: 1 flavor, 1 image, 1 network, 1 keypair, 3 instances, 2 hosts\n"
    assert operator.ok("validate", "site.yaml", "-o", "json", "-e", "count=1").json == {
        "schema_version": 1,
        "valid": True,
        "flavors": 1,
        "images": 1,
        "networks": 1,
        "keypairs": 1,
        "instances": 1,
        "hosts": 2,
    }


@pytest.mark.parametrize("flags", [(), ("--diff",), ("-o", "json")], ids=["short", "diff", "json"])
def test_plan(operator: Operator, golden: Golden, request: pytest.FixtureRequest, flags: tuple[str, ...]) -> None:
    done = operator.ok("plan", "site.yaml", *flags)
    golden(f"cli/plan-{request.node.callspec.id}.txt", plain(operator, done.out))
    assert operator.ok("get", "instances", "-o", "name").out == ""
    assert operator("diff", "--detailed-exitcode", "site.yaml").code == 2
    assert operator.ok("apply", "--check", "site.yaml").out == operator.ok("plan", "site.yaml").out
    assert operator.ok("apply", "--diff", "site.yaml").out == operator.ok("plan", "--diff", "site.yaml").out
    assert not [entry for host in operator.fleet.hosts.values() for entry in host.journal]


def test_apply_tells_and_does_nothing_twice(operator: Operator) -> None:
    done = operator.ok("apply", "site.yaml")
    assert done.out == ""
    assert done.err.splitlines()[-1] == "3 changed, 0 unchanged, 0 failed"
    assert "n1  web-1  spawning" in done.err.splitlines()
    assert "ensure_bridges" not in done.err
    again = operator.ok("apply", "-v", "site.yaml")
    assert again.err.splitlines() == ["trips: n1 3, n2 3", "0 changed, 3 unchanged, 0 failed"]
    assert operator.ok("plan", "--detailed-exitcode", "site.yaml").out == "No changes: 3 of 3 instances are as wanted.\n"


def test_apply_verbose_tells_every_step(operator: Operator) -> None:
    assert "n1  web-1  networking: fabric.ensure_bridges: done" in operator.ok("-v", "apply", "site.yaml").err.splitlines()


def test_apply_as_json(operator: Operator) -> None:
    report = operator.ok("apply", "site.yaml", "-o", "json").json
    assert isinstance(report, dict)
    assert (report["schema_version"], report["recap"], report["exit_code"]) == (1, "3 changed, 0 unchanged, 0 failed", 0)
    assert {each["name"]: each["state"] for each in report["outcomes"]} == {f"web-{number}": "ACTIVE" for number in (1, 2, 3)}
    assert report["trips"] == {"n1": 2, "n2": 2}


@pytest.mark.parametrize(
    ("short", "kind"), [("i", "instances"), ("inst", "instances"), ("instance", "instances"), ("host", "hosts"), ("run", "runs")]
)
def test_short_and_singular(operator: Operator, short: str, kind: str) -> None:
    operator.ok("apply", "site.yaml")
    assert operator.ok("get", short).out == operator.ok("get", kind).out != ""


def test_no_word_stands_for_two_kinds() -> None:
    words = [word for kind in kinds.KINDS for word in (kind.name, *kind.aliases)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("kind", KINDS)
def test_get(operator: Operator, golden: Golden, kind: str) -> None:
    operator.ok("apply", "site.yaml")
    text = "".join(f"--- {form}\n{operator.ok('get', kind, '-o', form).out}" for form in ("table", "wide", "name", "yaml", "json"))
    text = re.sub(" {3,}", "   ", text) if kind == "images" else text  # a column is as wide as the folder's path
    golden(f"cli/get-{kind}.txt", plain(operator, text))
    listed = operator.ok("get", kind, "-o", "json").json
    assert isinstance(listed, list)
    assert listed
    assert all(each["schema_version"] == 1 for each in listed)


def test_get_nothing_is_no_error(operator: Operator) -> None:
    assert operator.ok("get", "instances").out == "NAME  STATE  HOST  ADDRESSES  FLAVOR  IMAGE\n"
    assert operator.ok("get", "instances", "-o", "json").json == []
    assert operator.ok("get", "instances", "-o", "yaml").out == "[]\n"


@pytest.mark.parametrize("kind", ["instance", "inst", "vm"])
def test_get_by_name(operator: Operator, kind: str) -> None:
    operator.ok("apply", "site.yaml")
    assert operator.ok("get", kind, "web-2", "web-1", "web-2", "-o", "name").out.split() == ["web-2", "web-1"]
    gone = operator("get", kind, "web-1", "web-22")
    assert (gone.code, gone.out) == (1, "")
    assert gone.err == "no instance 'web-22'; did you mean 'web-2'?\n"


def test_what_scripts_rely_on(operator: Operator) -> None:
    """The fields that the interface promises."""
    operator.ok("apply", "site.yaml", "-e", "count=1")
    (found,) = operator.ok("get", "instances", "-o", "json").json  # type: ignore[misc]
    expected = {
        "name": "web-1",
        "state": "ACTIVE",
        "vm_state": "active",
        "task_state": None,
        "power_state": 1,
        "host": "n1",
        "flavor": "tiny",
        "image": "guest",
        "addresses": {"flat": ["10.0.0.1"]},
        "volumes": [],
        "fault": None,
        "created_at": NOW,
        "updated_at": NOW,
        "schema_version": 1,
    }
    assert expected.items() <= found.items()
    assert len(found["uuid"]) == 36


def test_describe(operator: Operator, golden: Golden) -> None:
    operator.ok("apply", "site.yaml", "-e", "count=1")
    golden("cli/describe-instance.txt", plain(operator, operator.ok("describe", "instance", "web-1").out))
    assert operator.ok("describe", "flavor", "tiny", "-o", "json").json == {
        "schema_version": 1,
        "name": "tiny",
        "vcpus": 1,
        "ram": 64,
        "disk": 1,
        "ephemeral": 0,
        "swap": 0,
        "extra_specs": {},
    }
    assert operator("describe", "instance", "web-9").code == 1


def test_events(operator: Operator, golden: Golden) -> None:
    operator.ok("apply", "site.yaml", "-e", "count=1")
    golden("cli/events.txt", operator.ok("events", "web-1").out)
    moves = [each["state"] for each in operator.ok("events", "web-1", "-o", "json").json if each["kind"] == "move"]  # type: ignore[attr-defined]
    assert moves[-1] == "spawning -> ACTIVE"
    operator.ok("destroy", "--yes", "web-1")
    assert "DELETED" in operator.ok("events", "web-1").out
    assert operator("events", "web-2").code == 1


def test_lifecycle(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    uuids = {each["name"]: each["uuid"] for each in operator.ok("get", "vm", "-o", "json").json}  # type: ignore[attr-defined]
    assert operator.ok("stop", "web-1", "web-3").err.endswith("2 changed, 0 unchanged, 0 failed\n")
    states = operator.ok("get", "vm").out
    assert states.count("STOPPED") == 2
    assert operator.ok("start", "--all").err.endswith("2 changed, 1 unchanged, 0 failed\n")
    assert operator.ok("hard-reboot", "--host", "n2").err.endswith("1 changed, 0 unchanged, 0 failed\n")
    assert operator.ok("reboot", "--hard", "web-1", "-o", "json").json["recap"] == "1 changed, 0 unchanged, 0 failed"  # type: ignore[index]
    assert operator("reboot", "web-1").code == 64
    assert {each["name"]: each["uuid"] for each in operator.ok("get", "vm", "-o", "json").json} == uuids  # type: ignore[attr-defined]


def test_destroy_by_name_and_by_file(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    refused = operator("destroy", "web-1")
    assert (refused.code, refused.err) == (64, "destroying 1 instance needs a yes: this is no terminal; add --yes\n")
    assert operator.ok("destroy", "--yes", "web-1").err.endswith("1 changed, 0 unchanged, 0 failed\n")
    assert operator.ok("destroy", "--yes", "site.yaml").err.endswith("2 changed, 0 unchanged, 0 failed\n")
    assert operator.ok("destroy", "site.yaml").err == "none of them exists: nothing to destroy\n"
    assert operator.ok("get", "vm", "-o", "name").out == ""
    gone = operator("destroy", "--yes", "web-1")
    assert (gone.code, gone.err) == (1, "no instance or file 'web-1'; see `orchestrator get instances`\n")


def test_destroy_never_guesses_between_a_file_and_an_instance(operator: Operator) -> None:
    operator.ok("apply", "site.yaml", "-e", "count=1")
    operator.write("web-1", (operator.folder / "site.yaml").read_text())
    assert operator("destroy", "--yes", "web-1").code == 64
    assert operator.ok("destroy", "--yes", "./web-1").err.endswith("1 changed, 0 unchanged, 0 failed\n")


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_graph(operator: Operator, golden: Golden, form: str) -> None:
    golden(f"cli/graph.{form}", operator.ok("graph", "--format", form).out)
    operator.ok("apply", "site.yaml", "-e", "count=1")
    marked = operator.ok("graph", "web-1", "--format", form).out
    assert ("class ACTIVE here" if form == "mermaid" else '"ACTIVE" [style="rounded,filled"') in marked
    assert operator("graph", "web-9").code == 1


def test_a_failed_build_says_where_and_why(operator: Operator) -> None:
    operator.fleet.fail("n2", "virsh -q -c qemu:///system start", 1, "error: no room in hell\n\x1b[2J")
    zone = "flavor: tiny, availability_zone: \"{{ 'az2' if item == 2 else 'nova' }}\","  # n2 alone has it: web-2 can go nowhere else
    operator.write("site.yaml", PLAYBOOK.replace("flavor: tiny,", zone))
    done = operator("apply", "site.yaml")
    assert done.code == 3
    assert "web-2 on n2: failed: n2: spawning.start_domain: virsh" in done.err
    assert "no room in hell" in done.err
    assert "\x1b" not in done.err
    assert done.err.splitlines()[-1] == "2 changed, 0 unchanged, 1 failed"
    assert "no room in hell" in operator.ok("get", "vm", "web-2", "-o", "yaml").out
    operator.fleet.heal("n2")
    assert operator.ok("apply", "site.yaml").err.splitlines()[-1] == "1 changed, 2 unchanged, 0 failed"


def test_an_unreachable_host(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    operator.fleet.unreachable("n2")
    planned = operator("plan", "site.yaml")
    assert planned.code == 4
    assert "? web-2 on n2: unreachable: " in planned.out
    done = operator("apply", "site.yaml")
    assert done.code == 4
    assert done.err.splitlines()[0].startswith("host n2: not reached: n2: cannot connect to n2: no route to host")
    assert done.err.splitlines()[0].endswith("; not touched there: web-2")
    assert operator("stop", "web-2").code == 4


def test_schema_and_version(operator: Operator) -> None:
    schema = operator.ok("schema").json
    assert isinstance(schema, dict)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert operator.ok("version").out == operator.ok("--version").out == "orchestrator 0.1.0\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(operator: Operator, shell: str) -> None:
    script = operator.ok("completion", shell).out
    assert "_ORCHESTRATOR_COMPLETE" in script
    assert "orc" in script
