"""Batches as the text that goes over the wire: golden files, and what must hold for any batch."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.commands import script, session
from orchestrator.commands.command import Batch, Command, Lane, Transfer, Upload
from orchestrator.model import errors

NONCE = "0123456789abcdef"

READS = Batch(
    "facts",
    0,
    reads=(
        Command(("virsh", "list", "--all"), timeout=20, asks="libvirt"),
        Command(("cat", "it's"), stdin="one\n'two'\n"),
        Command(("true",)),
    ),
)
LANES = Batch(
    "6b1e/7",
    7,
    lanes=(
        Lane(
            "instance/0001",
            (
                Command(
                    ("virsh", "-q", "define", "--file", "/dev/stdin"), stdin="<domain>\n'ü'</domain>\n", timeout=30, step="define_domain"
                ),
                Command(("ip", "link", "del", "dev", "tap0"), accepts=(0, 1), step="delete_tap"),
                Upload("/var/lib/nova/instances/0001/libvirt.xml", b"<domain/>\n", 0o640, "write_xml"),
            ),
            after=("shared/_base",),
        ),
        Lane(
            "shared/_base",
            (
                Transfer("/images/a.qcow2", "/var/lib/nova/instances/_base/a.part", 1000, "send_image"),
                Command(("mv", "-T", "--", "a.part", "a"), step="send_image"),
                Upload("/var/lib/nova/instances/_base/seed", b"\x00\x01\xff", 0o755, "write_seed"),
            ),
        ),
    ),
    reads=(
        Command(
            ("virsh", "list"),
        ),
    ),
    attach=("6b1e/6",),
)
SINGLE = Batch("single", 1, (Lane("instance/0002", (Command(("true",)),)),))
VIRSH = ("virsh", "-q", "-c", "qemu:///system")
ASKED = Batch(
    "asked",
    1,
    (
        Lane(
            "instance/0003",
            (
                Command((*VIRSH, "destroy", "--domain", "0003"), otherwise=("sh", "-c", "exit 1")),
                Command(("true",)),
                Command((*VIRSH, "define", "--file", "/it's"), timeout=20, accepts=(0, 1)),
                Command((*VIRSH, "secret-set-value", "--file", "/dev/stdin"), stdin="secret"),
                Command((*VIRSH, "start", "--domain", "not\none line")),
            ),
        ),
        Lane("instance/0004", (Command((*VIRSH, "start", "--domain", "alone")),)),
    ),
)


@pytest.mark.parametrize(
    ("name", "batch"), [("reads", READS), ("lanes", LANES), ("single", SINGLE), ("asked", ASKED), ("nothing", Batch("none", 0))]
)
def test_text(golden: Callable[[str, str], None], name: str, batch: Batch) -> None:
    made = script.compose(batch, NONCE)
    golden(f"script/{name}.sh", f"# {session.BOOTSTRAP}\n{made.text.decode()}\n")


@pytest.mark.parametrize("batch", [READS, LANES, SINGLE, ASKED])
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_text_is_good_shell(shell: str, batch: Batch) -> None:
    text = script.compose(batch, NONCE).text
    checked = subprocess.run([*shell.split(), "-n"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_session_and_job_have_the_lengths_announced() -> None:
    made = script.compose(LANES, NONCE)
    length, _, text = made.text.partition(b"\n")
    told, job = text[: int(length)], text[int(length) :]
    assert f"b=$(dd bs=65536 count={len(job)} ".encode() in told
    assert not told.endswith(b"\n")
    assert not job.endswith(b"\n")
    assert "'" not in session.BOOTSTRAP


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@pytest.mark.parametrize("said", [b"", b"9", b"\necho made", b"10\necho made"])
def test_a_text_that_did_not_come_whole_is_not_run(shell: str, said: bytes) -> None:
    done = subprocess.run([*shell.split(), "-c", session.BOOTSTRAP], input=said, capture_output=True, check=False, timeout=30)
    assert done.returncode
    assert not done.stdout


def test_reads_alone_bring_no_job_and_touch_nothing() -> None:
    text = script.compose(READS, NONCE).text.decode()
    for word in ("mkdir", "flock", "/run/orchestrator", "setsid", "journal"):
        assert word not in text


def test_transfers_come_in_the_order_of_lanes() -> None:
    first, second, third = (Transfer(f"/{name}", f"/t/{name}", 1) for name in "abc")
    batch = Batch("j", 1, (Lane("instance/1", (first, Command(("true",)), second)), Lane("shared/2", (third,))))
    assert script.transfers(batch) == (first, second, third)
    text = script.compose(batch, NONCE).text.decode()
    assert text.index("stage 1 '/t/a.") < text.index("stage 1 '/t/b.") < text.index("stage 1 '/t/c.")


def test_nul_in_an_argument_is_refused() -> None:
    with pytest.raises(errors.HostError, match="NUL"):
        script.compose(Batch("j", 0, reads=(Command(("printf", "a\0b")),)), NONCE)


def test_nul_and_odd_bytes_in_stdin_pass() -> None:
    text = script.compose(Batch("j", 0, reads=(Command(("cat",), stdin="a\0b"), Command(("cat",), stdin="\udcff"))), NONCE).text
    assert b"decode YQBi |" in text
    assert b"decode /w== |" in text


def test_lane_after_an_unknown_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shared/none"):
        script.compose(Batch("j", 1, (Lane("instance/1", (), ("shared/none",)),)), NONCE)


@pytest.mark.parametrize(("lane", "seconds"), [({}, 30), ({"unless": "/t/made"}, 7200), ({"patient": True}, 7200)])
def test_a_lane_waits_for_its_lock_as_long_as_the_other_job_may_take(lane: dict[str, Any], seconds: int) -> None:
    text = script.compose(Batch("j", 1, (Lane("shared/storage", (), **lane),)), NONCE).text.decode()
    assert f"\nlane 0 {seconds} 'shared/storage' " in text
