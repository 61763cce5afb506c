"""Captures what the tools of a real practice host answer to the commands of our facts: `python -m tests.golden.capture SSH ARGV...`.

The argv reaches a root shell of the host (for instance `ssh -i KEY root@ADDRESS`). Everything made there is called gold-something and removed
at the end. Only the records are written; `pytest --regen tests/golden` then puts the facts beside them.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.commands import script, session
from orchestrator.commands.command import Batch, Command, Lane
from orchestrator.facts import (
    autostart,
    base_digest,
    compute,
    content,
    definition,
    digest,
    disk,
    domain,
    file,
    gather,
    hypervisor,
    job,
    kvm,
    link,
    mode,
    others,
    qemu,
    reason,
    shape,
)

FOLDER = Path(__file__).parent / "facts"
PATH = "/var/lib/nova/instances"
AT = f"{PATH}/gold"
SCENES = (FOLDER / "scenes.sh").read_text()
MINE, OTHERS = "instance-0000000a", "instance-0000000b"
KNOWN = "6a56cb8b-5f32-4b90-fdb8-cc225722f3a2 4d8b6084-f3d1-67b7-6cac-66a22a91be02"  # instance-0000000b, and the directory that is kept
SAVED = "758829ce-13b9-a3c3-1173-167bd436ed24"  # instance-0000000a
EVERY = (
    "758829ce-13b9-a3c3-1173-167bd436ed24 6a56cb8b-5f32-4b90-fdb8-cc225722f3a2 8155eada-a17f-9412-0085-7380a6b4a7ca "
    "92330f80-c4f7-caf6-8424-5bfaa9f1fcf9 739e3164-dab7-456d-29e7-644528e7b17e 654ee3ac-5c37-0ec6-4028-48afacf2f9da 9ef538b8-0fd1-b257-c42f-9fdf151a8431"
)
JOB = Batch(
    "gold/1",
    7,
    (
        Lane("gold/well", (Command(("true",)), Command(("printf", "two\nlines\n")), Command(("false",), accepts=(0, 1)))),
        Lane("gold/ill", (Command(("true",)), Command(("ls", "/nowhere")), Command(("true",)))),
        Lane("gold/after", (Command(("true",)),), ("gold/ill",)),
        Lane("gold/quick", (Command(("sleep", "9"), timeout=1),)),
    ),
)

CASES: dict[str, tuple[str, Sequence[gather.Key]]] = {
    "domain/none": ("", (domain.Key(MINE), domain.Key(OTHERS))),
    "domain/shut_off": ("define instance-0000000a", (domain.Key(MINE), domain.Key(OTHERS))),
    "domain/running": ("start instance-0000000a", (domain.Key(MINE), domain.Key(OTHERS))),
    "domain/paused": ("virsh suspend instance-0000000a", (domain.Key(MINE),)),
    "domain/transient": ("virsh undefine instance-0000000a", (domain.Key(MINE),)),
    "domain/killed": ("define instance-0000000a; kill_qemu instance-0000000a", (domain.Key(MINE),)),
    "domain/without_mark": ("define_unmarked instance-0000000b; virsh start instance-0000000b", (domain.Key(OTHERS), domain.Key(MINE))),
    "domain/shadowed": ("define_shadows instance-0000000a", (domain.Key(MINE), domain.Key(OTHERS))),
    "domain/every": ("", (domain.Every(), domain.Key(MINE), domain.Key(OTHERS))),
    "domain/dashes": ("define_dashes instance-0000000a", (domain.Key(MINE), domain.Key(OTHERS))),
    "domain/marked_by_another": ("define_forged instance-0000000b instance-0000000a", (domain.Key(MINE), domain.Key(OTHERS))),
    "hypervisor/there": ("", (hypervisor.Key(),)),
    "domain/no_libvirtd": ("hide_socket", (domain.Key(MINE),)),
    "hypervisor/no_libvirtd": ("", (hypervisor.Key(),)),
    "link/bridges_and_taps": (
        "links; define_tapped instance-0000000c; virsh start instance-0000000c",
        tuple(link.Key(name) for name in ("lo", "eth0", "gold-br", "gold-down", "gold-ours", "gold-tap", "gold-veth", "gold-none")),
    ),
    "file/kinds": ("", tuple(file.Key(f"{AT}/{name}") for name in ("file", "empty", "folder", "pipe", "link", "none", "a b"))),
    "file/nothing": ("", (file.Key(f"{AT}/none"),)),
    "digest/files": ("", tuple(digest.Key(f"{AT}/{name}") for name in ("file", "empty", "folder", "none"))),
    "digest/nothing": ("", (digest.Key(f"{AT}/none"),)),
    "disk/all": ("", tuple(disk.Key(f"{AT}/{name}") for name in ("disk", "none", "base", "empty", "file", "whole.qcow2"))),
    "disk/nothing": ("", (disk.Key(f"{AT}/none"), disk.Key(f"{AT}/neither"))),
    "disk/last_missing": ("", (disk.Key(f"{AT}/disk"), disk.Key(f"{AT}/none"))),
    "disk/banner": ("", (disk.Key(f"{AT}/banner"), disk.Key(f"{AT}/disk"), disk.Key(f"{AT}/none"))),
    "compute/there": ("", (compute.Key("/var/lib/nova/instances"),)),
    "compute/not_made_yet": ("", (compute.Key("/gold/not/made/yet"),)),
    "kvm/here": ("", (kvm.Key(),)),
    "job/ended": ("", (job.Key(JOB.job), job.Key("gold/2"))),
    "reason/each": (
        "define gold-booted; start gold-booted; define gold-paused; start gold-paused; "
        "virsh suspend gold-paused; define gold-off; define gold-killed; kill_qemu gold-killed; define gold-ended; start gold-ended; virsh destroy gold-ended",
        tuple(reason.Key(f"gold-{name}") for name in ("booted", "paused", "off", "killed", "ended", "none")),
    ),
    "autostart/each": (
        "define gold-off; define gold-booted; virsh autostart gold-off",
        tuple(
            autostart.Key(identity) for identity in ("c07355f1-3099-86ec-178f-d10403be45d2", "d528a60e-f84e-c35a-26bf-416a6a0f8f86")
        ),  # gold-off, gold-booted
    ),
    "others/nothing": ("", (others.Key(PATH),)),
    "others/some": (
        "define instance-0000000a; start instance-0000000a; define_unmarked instance-0000000b; define_shadows instance-0000000c; "
        "define instance-0000000d; virsh start instance-0000000d; virsh undefine instance-0000000d; leavings",
        (others.Key(PATH, KNOWN),),
    ),
    "others/known": ("", (others.Key(PATH, EVERY),)),
    "others/no_libvirtd": ("hide_socket", (others.Key(PATH),)),
    "reason/no_libvirtd": ("", (reason.Key("gold-one"),)),
    "autostart/no_libvirtd": ("", (autostart.Key(SAVED),)),
    **{
        f"qemu/{name}": (scene, (qemu.Key(EVERY.split()[0]), qemu.Every()))
        for name, scene in (
            ("none", "show_socket"),
            ("running", "define instance-0000000a; start instance-0000000a"),
            ("stopped", "signal instance-0000000a STOP"),
            ("going_on", "signal instance-0000000a CONT"),
        )
    },
    "shape/running": (
        "define_tapped instance-0000000c; start instance-0000000c",
        (shape.Key("instance-0000000c"), shape.Live("instance-0000000c")),
    ),
    "shape/redefined": (
        "put instance-0000000c $(uuid instance-0000000c) '' ''",
        (shape.Key("instance-0000000c"), shape.Live("instance-0000000c")),
    ),
    "shape/off": (
        "virsh destroy instance-0000000c",
        (shape.Key("instance-0000000c"), shape.Live("instance-0000000c"), shape.Key(MINE + "0")),
    ),
    "shape/no_libvirtd": ("hide_socket", (shape.Key(MINE),)),
    "definition/kept": (
        "show_socket; keep instance-0000000a instance-0000000b; define_tapped instance-0000000c; virsh start instance-0000000c",
        tuple(definition.Key(identity) for identity in (SAVED, *KNOWN.split())),
    ),
    "definition/no_libvirtd": ("unkeep instance-0000000a instance-0000000b; hide_socket", (definition.Key(SAVED),)),
    "content/files": ("", tuple(content.Key(f"{AT}/{name}") for name in ("file", "empty", "folder", "none", "a b"))),
    "mode/all": ("chmod 0700 $at/folder", tuple(mode.Key(f"{AT}/{name}") for name in ("folder", "file", "none"))),
    "base_digest/all": ("manifests", tuple(base_digest.Key(f"{AT}/{name}") for name in ("base", "file", "empty", "none"))),
}


def main(ssh: Sequence[str]) -> None:
    """Every case there is here."""
    _run_job(ssh)
    play(ssh, CASES, SCENES, "set_up")


def play(ssh: Sequence[str], cases: Mapping[str, tuple[str, Sequence[gather.Key]]], scenes: str, begin: str) -> None:
    """Play each case's scene, in the words of `scenes`, and keep what its commands answered."""
    _run(ssh, scenes, begin)
    try:
        for name, (scene, keys) in cases.items():
            if scene:
                _run(ssh, scenes, scene)
            records = [_record(ssh, command) for command in gather.commands(keys)]
            case = {"keys": [_fields(key) for key in keys], "scene": scene, "records": records}
            path = FOLDER / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(case, indent=1) + "\n")
    finally:
        _run(ssh, scenes, "clean_up || true")


def _fields(key: gather.Key) -> list[str]:
    """The fields of a key; of another kind than its module's Key, the kind first."""
    kind = type(key).__name__
    fields = [str(getattr(key, name)) for name in type(key).__struct_fields__]  # type: ignore[attr-defined]
    return fields if kind == "Key" else [f"{kind}:", *fields]


def _run(ssh: Sequence[str], scenes: str, scene: str) -> None:
    done = subprocess.run([*ssh, "sh -e"], input=f"{scenes}\n{scene}\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{scene}: {done.stdout}{done.stderr}"


def _run_job(ssh: Sequence[str]) -> None:
    """A real batch, so that its records are real."""
    sent = script.compose(JOB, "gold")
    subprocess.run([*ssh, f"sh -c {shlex.quote(session.BOOTSTRAP)}"], input=sent.text, capture_output=True, check=True)


def _record(ssh: Sequence[str], command: Command) -> dict[str, object]:
    done = subprocess.run([*ssh, "LC_ALL=C " + shlex.join(command.argv)], capture_output=True, check=False)
    shown = {"argv": list(command.argv), "code": done.returncode, "output": done.stdout.decode().split("\n")}
    return shown | {"error": done.stderr.decode().split("\n")}


if __name__ == "__main__":
    main(sys.argv[1:])
