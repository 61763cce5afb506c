"""The verb adopt: what it shows, asks, writes, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.world import Operator
from tests.samples.adopted import foreign


@pytest.fixture
def found(operator: Operator) -> Operator:
    """A host with a guest that can be taken over, and one that cannot."""
    foreign(operator.fleet.hosts["n1"], 1)
    foreign(operator.fleet.hosts["n1"], 2, more="\n    <hostdev mode='subsystem' type='usb'/>")
    return operator


def test_nobody_is_asked_where_there_is_no_terminal(found: Operator) -> None:
    done = found("adopt", "n1")
    assert done.code == 64
    assert "+ theirs1 (theirs1, ACTIVE): others made it; vCPUs: 2, RAM: 128 MiB, disks: 1, ports: 1" in done.err
    assert "- theirs2: left alone: it has devices of the host" in done.err
    assert "add --yes" in done.err
    assert found.ok("get", "instances", "-o", "name").out == ""


def test_what_it_prints_is_a_playbook_that_asks_for_nothing(found: Operator) -> None:
    done = found("adopt", "n1", "--yes")
    assert done.code == 3
    assert "1 changed, 0 unchanged, 0 failed" in done.err
    assert "a plan of the playbook has nothing to do" in done.err
    site = found.write("adopted.yaml", done.out)
    assert found.ok("plan", "--detailed-exitcode", site)
    assert "0 changed, 1 unchanged, 0 failed" in found.ok("apply", site).err
    again = found("adopt", "n1", "--yes")
    assert (again.code, "no guest of n1 to take over" in again.err) == (3, True)


def test_the_one_that_is_named_and_a_file_that_is_written(found: Operator) -> None:
    path = Path(found.folder) / "adopted.yaml"
    done = found.ok("adopt", "n1", "theirs1", "--yes", "--write", str(path), "-o", "json")
    told = done.json
    assert isinstance(told, dict)
    assert [each["name"] for each in told["adopted"]] == ["theirs1"]
    assert (told["left"], told["playbook"][0]["hosts"]) == ([], "n1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert found.ok("plan", "--detailed-exitcode", str(path))
    assert found("adopt", "n1", "--yes", "--write", str(path)).code == 64


def test_words_that_mean_nothing_are_told(found: Operator) -> None:
    assert "no host 'n9'" in found("adopt", "n9").err
    assert "no guest 'theirs9' on n1" in found("adopt", "n1", "theirs9", "--yes").err
    assert found("adopt", "n2", "--yes").code == 0


def test_an_image_that_is_not_on_this_machine_is_told(operator: Operator) -> None:
    operator.ok("apply", "site.yaml")
    for name in operator.folder.rglob("state.db*"):
        if name.is_file():
            name.unlink()
    (operator.folder / "guest.qcow2").rename(operator.folder / "elsewhere.qcow2")
    done = operator.ok("adopt", "n1", "--yes")
    assert "this store becomes the one that they were of" in done.err
    assert "no plan of the playbook can be made yet" in done.err
    (operator.folder / "elsewhere.qcow2").rename(operator.folder / "guest.qcow2")
    operator.ok("adopt", "n2", "--yes")  # members of its groups are there
    assert operator.ok("plan", "--detailed-exitcode", operator.write("adopted.yaml", done.out))
