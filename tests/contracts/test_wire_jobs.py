"""Jobs, as only real shells and processes show them: they outlive connections, keep locks, leave traces where they should."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.commands import script
from orchestrator.commands.command import Batch, Command, Lane, Record, Transfer, Upload
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.ports.transport import Transport
from tests.contracts import wires

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="jobs change hosts as root")


def test_killed_controller_leaves_a_whole_lane(host: Host, transport: Transport, tmp_path: Path) -> None:
    job, slow = str(uuid.uuid4()), tmp_path / "slow"
    process = wires.client(
        host, job, {"argv": ["true"]}, {"argv": ["sh", "-c", f"sleep 2; echo did it >{slow}"]}, {"argv": ["cp", str(slow), f"{slow}.2"]}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    process.kill()
    process.wait()
    assert not slow.exists()
    (seen,) = transport.run(host, Batch("after", 1, (), (Command(("cat", f"{slow}.2")),), (job,)), wires.ignore)
    assert seen.output == b"did it\n", "attaching waits for the job's end"


def test_cut_transfer_starts_nothing_and_leaves_nothing(host: Host, tmp_path: Path) -> None:
    source, target, never = tmp_path / "source", tmp_path / "folder" / "target", tmp_path / "never"
    os.mkfifo(tmp_path / "gate")
    with source.open("wb") as file:
        file.truncate(1 << 40)  # never sent whole
    job = str(uuid.uuid4())
    process = wires.client(host, job, {"argv": ["touch", str(never)]}, {"source": str(source), "path": str(target), "size": 1 << 40})
    wires.until(lambda: any(each.stat().st_size > 1 << 20 for each in target.parent.glob("target.*")))
    process.kill()
    process.wait()
    wires.until(lambda: not list(target.parent.glob("*")))
    assert not never.exists()
    assert not (wires.RUN / "jobs" / job).exists()


def test_what_several_jobs_want_made_is_made_once(host: Host, transport: Transport, tmp_path: Path) -> None:
    """The others wait for the lock as long as it takes, and find it there."""
    path, marks = tmp_path / "made", tmp_path / "marks"
    lane = Lane(
        wires.unique("shared"), (wires.sh('echo ran >>"$1"; sleep 1', str(marks)), Command(("mkdir", "--", str(path)))), unless=str(path)
    )
    with ThreadPoolExecutor(3) as pool:
        heard = list(pool.map(lambda _: wires.records(transport, host, lane), range(3)))
    assert heard == [[Record(lane.key, 0), Record(lane.key, 1)]] * 3
    assert marks.read_text() == "ran\n"


def test_same_job_from_two_controllers_runs_once(host: Host, transport: Transport, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    batch = Batch(
        str(uuid.uuid4()), 1, (Lane(wires.unique(), (wires.sh('sleep 1; echo ran >>"$1"', str(marks)), Command(("printf", "x")))),)
    )
    heard: list[list[Record]] = [[], [], []]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda records: transport.run(host, batch, records.append), heard))
    assert marks.read_text() == "ran\n"
    assert heard[0] == heard[1] == heard[2]
    assert len(heard[0]) == 2


def test_job_killed_on_its_host_is_an_unknown_outcome(host: Host, transport: Transport) -> None:
    job = str(uuid.uuid4())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(transport.run, host, Batch(job, 1, (Lane(wires.unique(), (Command(("sleep", "3")),)),)), wires.ignore)
        wires.until(lambda: (wires.RUN / "jobs" / job / "0.output").exists())
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            if f"jobs/{job}/script" in wires.text_of(path):
                os.kill(int(path.parent.name), signal.SIGKILL)
        with pytest.raises(errors.OutcomeUnknown, match="the job ended before its work did"):
            running.result()


def test_lanes_run_side_by_side_and_never_mix_records(host: Host, transport: Transport, tmp_path: Path) -> None:
    meet = wires.sh('touch "$1/$2"; until [ -e "$1/$3" ]; do sleep 0.05; done', str(tmp_path), "a", "b", timeout=30)
    other = wires.sh('touch "$1/$2"; until [ -e "$1/$3" ]; do sleep 0.05; done', str(tmp_path), "b", "a", timeout=30)
    heard: list[Record] = []
    talk = wires.sh("head -c 1990 /dev/zero | tr '\\0' \"$1\"", "x")
    lanes = tuple(Lane(wires.unique(), (talk,) * 20) for _ in range(8))
    transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), (meet,)), Lane(wires.unique(), (other,)), *lanes)), heard.append)
    assert [record.code for record in heard if not record.output] == [0, 0]
    assert [record.output for record in heard if record.output] == [b"x" * 1990] * 160


def test_lock_held_by_another_is_said_after_a_while(host: Host, transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PATIENCE", 1)
    key, heard = wires.unique(), list[Record]()
    transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(key, (Command(("true",)),)),)), wires.ignore)
    lock = wires.RUN / "locks" / key.replace("/", "%2F")
    with subprocess.Popen(["/usr/bin/flock", str(lock), "sleep", "30"], start_new_session=True) as holder:
        wires.until(lambda: subprocess.run(["/usr/bin/flock", "-n", str(lock), "true"], check=False).returncode)
        transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(key, (Command(("true",)),)),)), heard.append)
        os.killpg(holder.pid, signal.SIGKILL)
    assert [(record.kind, record.code) for record in heard] == [("locked", 0)]
    assert b"another job held" in heard[0].output


def test_daemon_left_behind_holds_neither_lane_nor_lock(host: Host, transport: Transport, tmp_path: Path) -> None:
    key = wires.unique()
    leave = wires.sh('sleep 60 & echo $! >"$1"; echo started', str(tmp_path / "pid"))
    for _ in range(2):
        heard: list[Record] = []
        transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(key, (leave,)),)), heard.append)
        assert heard == [Record(key, 0, "done", 0, b"started\n")]
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_commands_get_no_descriptor_of_ours(host: Host, transport: Transport) -> None:
    look = wires.sh("ls -l /proc/self/fd | grep -v 'proc/\\|pipe:' | sed -n 's/.*-> //p'")
    heard: list[Record] = []
    (read,) = transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), (look,)),), (look,)), heard.append)
    assert [line for line in heard[0].output.decode().split() if "output" not in line] == ["/dev/null"]
    assert read.output == b"/dev/null\n"


def test_environment_of_commands(host: Host, transport: Transport) -> None:
    look = wires.sh('printf "%s\\n" "$LC_ALL" "$(umask)" "$(pwd)"; command -v iptables-restore ip >/dev/null && echo sbin')
    heard: list[Record] = []
    transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), (look,)),)), heard.append)
    assert heard[0].output == b"C\n0022\n/\nsbin\n"


def test_output_of_a_hundred_megabytes_is_cut(host: Host, transport: Transport) -> None:
    flood = wires.sh("head -c 100000000 /dev/zero; head -c 300000 /dev/zero | tr '\\0' e >&2")
    after = Command(("printf", "after"))
    first, second = transport.run(host, Batch("flood", 0, reads=(flood, after)), wires.ignore)
    assert (len(first.output), first.error) == (1 << 20, "e" * 65536)
    assert second.output == b"after"


def test_long_silent_command_is_no_dead_peer(host: Host, transport: Transport) -> None:
    (read,) = transport.run(host, Batch("silent", 0, reads=(Command(("sleep", "14")),)), wires.ignore)
    assert read.code == 0


def test_signs_of_life_leave_output_whole(host: Host, transport: Transport) -> None:
    slow = wires.sh("for i in 1 2 3 4 5 6 7 8 9; do head -c 100000 /dev/zero; sleep 0.6; done")
    (read,) = transport.run(host, Batch("beats", 0, reads=(slow,)), wires.ignore)
    assert read.output == b"\0" * 900000


def test_reads_leave_nothing_on_the_host(host: Host, transport: Transport) -> None:
    job = str(uuid.uuid4())
    transport.run(host, Batch(job, 0, reads=(Command(("true",)),)), wires.ignore)
    assert not list(wires.RUN.rglob(f"{job}*"))
    assert job not in wires.text_of(wires.JOURNAL)


def test_journal_tells_each_action_before_it_runs_and_no_secret(host: Host, transport: Transport) -> None:
    secret, job, key = "s3cr3t-canary", str(uuid.uuid4()), wires.unique()
    look = wires.sh('grep -c "job=$1 .*step=look" "$2"', job, str(wires.JOURNAL))
    actions = (
        Command(("cat",), stdin=secret, step="tell"),
        Upload("/run/orchestrator/upload-canary", secret.encode(), 0o600, "put"),
        Command(("printf", "two\nlines\x1b[0m"), step="lines"),
        Command(look.argv, step="look"),
    )
    heard: list[Record] = []
    transport.run(host, Batch(job, 3, (Lane(key, actions),)), heard.append)
    Path("/run/orchestrator/upload-canary").unlink()
    lines = [line for line in wires.JOURNAL.read_text().splitlines() if f"job={job}" in line]
    assert [line.split("step=")[1] for line in lines[:3]] == [
        "tell cat",
        "put upload /run/orchestrator/upload-canary (13 bytes)",
        "lines printf 'two\\nlines\\x1b[0m'",
    ]
    assert lines[0].split(" ", 1)[1] == f"epoch=3 job={job} lane={key} step=tell cat"
    assert heard[3].output == b"1\n", "its own line is there when it runs"
    assert secret not in "".join(lines)
    assert not [
        path for path in (wires.RUN / "jobs" / job).rglob("*") if path.is_file() and path.name != "0.output" and secret in path.read_text()
    ]


def test_old_jobs_are_pruned(host: Host, transport: Transport) -> None:
    old, young = wires.RUN / "jobs" / f"old-{uuid.uuid4()}", wires.RUN / "jobs" / f"young-{uuid.uuid4()}"
    transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), ()),)), wires.ignore)
    for job in (old, young):
        job.mkdir()
        (job / "done").touch()
        job.with_name(job.name + ".lock").touch()
    yesterday = time.time() - 2 * 86400
    os.utime(old / "done", (yesterday, yesterday))
    transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), ()),)), wires.ignore)
    wires.until(lambda: not old.exists() and not old.with_name(old.name + ".lock").exists())
    assert young.exists()


def test_full_disk_refuses_the_transfer_and_leaves_nothing(host: Host, transport: Transport, tmp_path: Path) -> None:
    small, source = tmp_path / "small", tmp_path / "source"
    small.mkdir()
    source.write_bytes(b"x" * (3 << 20))
    subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", "size=1m", "small", str(small)], check=True)
    try:
        lane = Lane(wires.unique(), (Transfer(str(source), f"{small}/image", 3 << 20),))
        with pytest.raises(errors.HostError, match=r"No space left on device.*nothing was changed"):
            transport.run(host, Batch(str(uuid.uuid4()), 1, (lane,)), wires.ignore)
        wires.until(lambda: not list(small.iterdir()))
        (record,) = wires.records(transport, host, Lane(wires.unique(), (Upload(f"{small}/file", b"y" * (3 << 20)),)))
        assert record.code != 0
        assert not list(small.iterdir())
    finally:
        subprocess.run(["/usr/bin/umount", str(small)], check=True)
