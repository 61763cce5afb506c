"""The fixed scripts of facts and steps, in real shells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.commands.command import Record
from orchestrator.facts import compute, disk
from orchestrator.states.steps.spawning import define_domain
from orchestrator.states.steps.teardown import power, shut_down_domain

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
shells = pytest.mark.parametrize("shell", SHELLS)

VIRSH = """#!/bin/sh
# Says one line of `states` after the other; an empty one: no such domain.
echo "$4 $5 $6" >>calls
[ "$4" = domstate ] || exit 0
read -r state <states; sed -i 1d states
[ -n "$state" ] && echo "$state"
"""


def sh(shell: str, script: str, *arguments: str, **options: str) -> subprocess.CompletedProcess[bytes]:
    path = f"{options.get('path', '')}:/usr/sbin:/usr/bin:/sbin:/bin"
    argv = [shell, "-c", script, "name", *arguments]
    return subprocess.run(argv, env={"PATH": path, "LC_ALL": "C"}, cwd=options.get("cwd"), capture_output=True, check=False, timeout=5)


@shells
@pytest.mark.parametrize(
    ("states", "calls"),
    [
        (["shut off"], ["shutdown", "domstate"]),
        (["crashed"], ["shutdown", "domstate"]),
        ([""], ["shutdown", "domstate"]),
        (["in shutdown", "shut off"], ["shutdown", "domstate", "domstate"]),
        (["running", "paused"], ["shutdown", "domstate", "domstate", "destroy"]),
        (["pmsuspended", "idle"], ["shutdown", "domstate", "domstate", "destroy"]),
    ],
)
def test_a_guest_is_waited_for_then_ended(shell: str, states: list[str], calls: list[str], tmp_path: Path) -> None:
    (tmp_path / "virsh").write_text(VIRSH)
    (tmp_path / "virsh").chmod(0o755)
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    (tmp_path / "sleep").chmod(0o755)
    (tmp_path / "states").write_text("".join(f"{state}\n" for state in states))
    done = sh(shell, shut_down_domain.SCRIPT, "some $(id) name", "2", "qemu:///system", path=str(tmp_path), cwd=str(tmp_path))
    assert done.returncode == 0
    assert (tmp_path / "calls").read_text().splitlines() == [f"{call} --domain some $(id) name" for call in calls]


@shells
@pytest.mark.parametrize(
    ("virsh", "code"),
    [
        ("[ $4 = list ]", 0),  # not running, or not there at all: nothing is listed
        ("[ $4 = list ] && echo another-uuid", 0),
        ("[ $4 = list ] && echo another-uuid && echo one-uuid", 1),  # it would not end
        ("exit 1", 1),  # libvirt does not answer
    ],
)
@pytest.mark.parametrize("text", [power.ENDED, define_domain.UNDEFINED])
def test_a_domain_is_gone_only_when_libvirt_says_so(shell: str, text: str, virsh: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "virsh").write_text(f"#!/bin/sh\n{virsh}\n")
    (tmp_path / "virsh").chmod(0o755)
    assert sh(shell, text, "one-uuid", "qemu:///system", path=str(tmp_path)).returncode == code


@shells
def test_this_machine_is_described(shell: str, tmp_path: Path) -> None:
    for path in (str(tmp_path), f"{tmp_path}/not/made/yet", "/nowhere"):
        key = compute.Key(path)
        done = sh(shell, compute.SCRIPT, path)
        found = compute.parse([key], [Record("", 0, "done", done.returncode, done.stdout)])[key]
        assert len(found.machine_id) == 32
        assert len(found.boot_id) == 36
        assert min(found.vcpus, found.memory_mb, found.disk_gb) > 0


@shells
def test_headers_of_disks_are_read_whatever_they_are_called(shell: str, tmp_path: Path) -> None:
    base, overlay, odd, missing = (str(tmp_path / name) for name in ("base", "over lay", "$(id) '\"", "missing"))
    Path(base).write_bytes(bytes(4096))
    Path(odd).write_bytes(b"odd")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, overlay, "8192"], check=True)  # noqa: S607
    keys = [disk.Key(path) for path in (missing, base, overlay, odd)]
    done = sh(shell, disk.SCRIPT, *(key.path for key in keys))
    found = disk.parse(keys, [Record("", 0, "done", done.returncode, done.stdout)])
    assert list(found.values()) == [None, disk.Disk("raw", 0, None), disk.Disk("qcow2", 8192, base), disk.Disk("raw", 0, None)]
