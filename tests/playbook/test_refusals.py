"""Bad playbooks: the whole text of the error, word for word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.files import playbook
from orchestrator.model import errors
from tests.playbook import samples

REFUSALS = Path(__file__).parents[1] / "golden/playbook/refusals"
CASES = sorted(REFUSALS.glob("*.yaml"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the golden playbooks, two images and a public key."""
    for case in CASES:
        (tmp_path / case.name).write_bytes(case.read_bytes())
    (tmp_path / "disk.qcow2").write_bytes(samples.Qcow2(l1=(4, samples.CLUSTER), virtual=2 << 30).content())
    (tmp_path / "disk.raw").write_bytes(bytes(512))
    (tmp_path / "key.pub").write_text(samples.KEY + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*paths: Path) -> str:
    with pytest.raises(errors.SpecErrors) as caught:
        playbook.load(paths, samples.INVENTORY, {})
    assert caught.value.exit_code == 65
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_error_text(case: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    text = refused(Path(case.name)).replace(str(folder), "FOLDER") + "\n"
    golden = case.with_suffix(".txt")
    if request.config.getoption("--regen", default=False):
        golden.write_text(text)
    assert text == golden.read_text()


def test_errors_of_all_files_at_once(folder: Path) -> None:
    text = refused(Path("names.yaml"), Path("gone.yaml"), Path("keypairs.yaml"), Path("tabs.yaml"))
    for source in ("names.yaml:", "gone.yaml:", "keypairs.yaml:", "tabs.yaml:"):
        assert source in text


def test_a_file_that_is_lost_makes_no_reference_wrong(folder: Path) -> None:
    (folder / "web.yaml").write_text("- {hosts: all, instances: [{name: web, flavor: m1, image: debian}]}")
    assert refused(Path("web.yaml"), Path("tabs.yaml")).count("\n") == 0


def test_what_is_no_playbook_file(folder: Path) -> None:
    os.mkfifo("fifo")
    (folder / "large.yaml").write_text("#" * (1 << 20) + "\n")
    (folder / "latin1.yaml").write_bytes(b"- name: caf\xe9\n")
    (folder / "utf16.yaml").write_bytes("- name: web\n".encode("utf-16"))
    for path in ("fifo", "/dev/zero", ".", "large.yaml", "latin1.yaml", "utf16.yaml", "gone.yaml"):
        assert path in refused(Path(path))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)),
        "- &a [*a]",
        "[" * 5000 + "]" * 5000,
        "{a: " * 5000,
        "- &a x\n" + "- *a\n" * 200_000,
        "- !!python/object/apply:os.system [id]",
    ],
    ids=["alias bomb", "recursive alias", "deep list", "deep mapping", "many aliases", "python tag"],
)
def test_what_is_made_to_harm(text: str, folder: Path) -> None:
    (folder / "bomb.yaml").write_text(text)
    assert "bomb.yaml:" in refused(Path("bomb.yaml"))


def test_an_error_in_a_loop_is_told_once(folder: Path) -> None:
    (folder / "loop.yaml").write_text('- {hosts: all, instances: [{name: "_{{ item }}", loop: "{{ range(9000) }}", state: absent}]}')
    assert refused(Path("loop.yaml")).count("\n") == 0


@pytest.mark.parametrize("line", ["vars_files: [{}]", "keypairs: [{{name: k, public_key_file: {}}}]"])
def test_a_file_whose_name_is_too_long_is_refused_as_one_that_is_not_there(folder: Path, line: str) -> None:
    (folder / "long.yaml").write_text(f"- hosts: all\n  {line.format('y' * 300)}\n  flavors: [{{name: s, vcpus: 1, ram: 1, disk: 1}}]\n")
    assert "long.yaml:2:" in refused(Path("long.yaml"))
