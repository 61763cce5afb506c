"""What a look at DHCP costs a host with many leases."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.facts import dhcp
from orchestrator.model import names
from tests.samples import instances

OWNER = names.owner(instances.LINEAGE)
NAME = dhcp.namespace(OWNER, "00000001-aa")
TOOLS = ("cat", "grep", "head", "ls", "sed", "sort", "tr")


@pytest.mark.parametrize("leases", [1, 50])
def test_no_process_is_begun_for_a_lease(tmp_path: Path, leases: int) -> None:
    """Every tool is put behind one that counts."""
    folder, tools, log = tmp_path / "dhcp" / NAME / "hosts", tmp_path / "bin", tmp_path / "log"
    folder.mkdir(parents=True)
    tools.mkdir()
    for number in range(leases):
        (folder / str(number)).write_text(f"line {number}\n")
    (tools / "ip").write_text("#!/bin/sh\nexit 0\n")
    for tool in TOOLS:
        (tools / tool).write_text(f'#!/bin/sh\necho {tool} >>"{log}"\nexec {shutil.which(tool)} "$@"\n')
    for each in tools.iterdir():
        each.chmod(0o755)
    argv = ["/bin/sh", "-c", dhcp.SCRIPT, "look", OWNER, str(tmp_path / "dhcp")]
    done = subprocess.run(argv, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("lease ")) == sorted(
        f"lease {number} line {number}" for number in range(leases)
    )
    assert log.read_text().split().count("head") == 0
    assert len(log.read_text().split()) < 10
