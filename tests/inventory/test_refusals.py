"""Bad inventories: one file a case, the whole error text as the golden answer."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest

from orchestrator.files import inventory
from orchestrator.model.errors import SpecError, SpecErrors

REFUSALS = Path(__file__).parents[1] / "golden/inventory/refusals"
CASES = sorted(path for path in REFUSALS.iterdir() if path.suffix != ".txt")


def refused(*sources: object) -> str:
    with pytest.raises(SpecErrors) as caught:
        inventory.load([str(source) for source in sources])
    assert caught.value.exit_code == 65
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_error_text(case: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(REFUSALS)
    text = refused(case.name) + "\n"
    golden = case.with_name(f"{case.name}.txt")
    if request.config.getoption("--regen", default=False):
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_error_of_every_source_at_once(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("one:0\n")
    (tmp_path / "more.yml").write_text("all: [1]\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("virt_type: xen\nvirt_type: kvm\n")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/two").write_text("ansible_port: x\n")
    (tmp_path / "hosts2").write_text("two\n")
    text = refused(tmp_path, tmp_path / "not there")
    places = ("hosts.ini:1:1", "more.yml:1:6", "all.yml:2:1", "two:1:15", "not there: cannot read")
    assert [place for place in places if place not in text] == []


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hosts")
    assert "not a regular file" in refused(tmp_path / "hosts")
    assert "not a regular file" in refused(tmp_path)


def test_a_device_is_refused() -> None:
    assert "not a regular file" in refused("/dev/zero")


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("# " + "x" * (1 << 20))
    assert "larger than 1 MiB" in refused(tmp_path / "hosts")


def test_a_loop_of_directories_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert "nested too deep" in refused(tmp_path)


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts").symlink_to(tmp_path / "gone")
    assert "No such file" in refused(tmp_path)


def test_a_loop_in_group_vars_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one\n")
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "group_vars/all/loop").symlink_to(tmp_path / "group_vars/all")
    assert "nested too deep" in refused(tmp_path / "hosts")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    assert "Ansible Vault" in refused(tmp_path / "hosts")


def test_a_file_of_variables_must_be_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one\n")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/one.json").write_text("[1]")
    assert "one.json:1:1: a file of variables must be a mapping" in refused(tmp_path / "hosts")


def test_an_unreadable_name() -> None:
    assert "null byte" in refused("a\0b")
    assert "'-x'" in refused("-x,")


@pytest.mark.parametrize("text", ["(" * 100_000, "x=" + "[" * 100_000, "x=" + "-" * 100_000, "x=0x" + "f" * 9_000, "x={{}}", "x={[]}"])
def test_hostile_values_never_break_the_reader(tmp_path: Path, text: str) -> None:
    (tmp_path / "hosts.ini").write_text(f"[all:vars]\n{text}\n")
    with contextlib.suppress(SpecError):
        inventory.load([str(tmp_path / "hosts.ini")])


def test_reading_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("one\n")
    before = {path: path.stat()[stat.ST_MTIME] for path in tmp_path.rglob("*")}
    inventory.load([str(tmp_path)])
    assert {path: path.stat()[stat.ST_MTIME] for path in tmp_path.rglob("*")} == before
