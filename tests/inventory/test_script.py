"""Executable inventories, with real programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.files import inventory
from orchestrator.files.inventory import script
from orchestrator.model.errors import SpecErrors


def program(folder: Path, body: str) -> str:
    path = folder / "hosts.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def refused(source: str) -> str:
    with pytest.raises(SpecErrors) as caught:
        inventory.load([source])
    return str(caught.value)


def test_without_meta_each_host_is_asked_for(tmp_path: Path) -> None:
    body = """case $1 in
    --list) echo '{"web": ["a", "b"], "alone": {"virt_type": "qemu"}}';;
    --host) echo "{\\"ansible_host\\": \\"$2.example.com\\"}"; echo "$2" >> "$0.asked";;
    esac"""
    found = inventory.load([program(tmp_path, body)])
    assert {name: host.address for name, host in found.hosts.items()} == {
        "a": "a.example.com",
        "b": "b.example.com",
        "alone": "alone.example.com",
    }
    assert (found.groups["web"], found.hosts["alone"].virt_type) == (("a", "b"), "qemu")
    assert (tmp_path / "hosts.sh.asked").read_text().split() == ["a", "b", "alone"]


def test_group_vars_beside_a_program_count(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/web.yml").write_text("ansible_user: deploy\n")
    source = program(tmp_path, """echo '{"web": {"hosts": ["a"]}, "_meta": {"hostvars": {}}}'""")
    assert inventory.load([source]).hosts["a"].user == "deploy"


def test_a_failing_program_shows_its_stderr(tmp_path: Path) -> None:
    text = refused(program(tmp_path, "echo 'no credentials for the cloud' >&2; exit 3"))
    assert "exit code 3" in text
    assert "no credentials for the cloud" in text


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"a": 1}', "hosts of group 'a' must be a list of names"),
        ('{"a": {"hosts": [1]}}', "hosts of group 'a' must be a list of names"),
        ('{"a": {"vars": []}}', "variables of group 'a' must be an object"),
        ('{"a": ["-x"]}', "host name '-x' is not allowed"),
        ('{"a": ["x"], "_meta": {"hostvars": {"x": {"ansible_port": 0}}}}', "expected a whole number"),
        ('{"a": ["x"], "_meta": {"hostvars": {"x": 3}}}', "variables of host 'x' must be an object"),
        ('{"a": ["x"], "_meta": {"hostvars": 3}}', "'hostvars' must be an object"),
        ('{"a": {"children": ["a"]}}', "group cycle"),
        (json.dumps({"a": ["x"], "_meta": {"hostvars": {"x": {"deep": eval("[" * 60 + "]" * 60)}}}}), "nested deeper"),  # noqa: S307
        ("[" * 100_000, "nested too deep"),
        ("9" * 5_000, "not JSON"),
    ],
)
def test_wrong_answers(tmp_path: Path, answer: str, why: str) -> None:
    (tmp_path / "answer").write_text(answer)
    assert why in refused(program(tmp_path, f"cat {tmp_path}/answer"))


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "TIMEOUT", 0.5)
    assert "did not end" in refused(program(tmp_path, "sleep 600 & sleep 600"))


def test_an_endless_answer_is_cut(tmp_path: Path) -> None:
    assert "larger than 16 MiB" in refused(program(tmp_path, "exec cat /dev/zero"))


def test_a_missing_interpreter(tmp_path: Path) -> None:
    path = tmp_path / "hosts.sh"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    assert "cannot be run" in refused(str(path))


def test_executable_text_is_read_not_run(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("one\n")
    path.chmod(0o755)
    assert list(inventory.load([str(path)]).hosts) == ["one"]
