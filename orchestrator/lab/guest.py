"""The practice guest: a real Linux of 13 MB from Debian's packages, its kernel and busybox, that boots in seconds without KVM.

SeaBIOS boots it from one FAT filesystem, with syslinux; the kernel unpacks everything else, `guest-init.sh` above all, into memory.
"""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import shutil
import tempfile
from pathlib import Path

from orchestrator.lab import frame, programs
from orchestrator.model import errors

_INIT = Path(__file__).with_name("guest-init.sh")
_FILES = {"init-guest": _INIT, **{f"{name}.awk": _INIT.with_name(f"guest-{name}.awk") for name in ("flatten", "network")}}
_COMMANDS = ("mount-local", "use-swap", "disk", "frame")  # names by which guest-init.sh may be called
_KERNEL = "linux-image-cloud-amd64"
_MODULES = (  # of them, guest-init.sh loads what it needs, in the order of their needs
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk", "button", "evdev"),
    *("failover", "net_failover", "virtio_net", "virtio_balloon"),
    *("scsi_common", "scsi_mod", "virtio_scsi", "sd_mod", "libata", "ata_piix", "cdrom", "sr_mod", "isofs"),
)
_FILESYSTEM = 24 << 20  # bytes; the guest keeps its counters right behind
_DISK = 32 << 20  # bytes
_SYSLINUX = """DEFAULT guest
LABEL guest
 KERNEL vmlinuz
 INITRD initrd.img
 APPEND console=ttyS0 quiet panic=-1 mitigations=off no_timer_check
"""
_INITTAB = """::sysinit:/init-guest boot
::once:/init-guest power
::once:/init-guest network
::respawn:/init-guest tick
::respawn:nc -ll -p 7777 -e hostname
::respawn:nc -ll -p 7778 -e cat
ttyS0::respawn:/init-guest console
"""


def image(root: Path, path: Path | None) -> Path:
    """Have the guest image at `path` (None: guest.qcow2 in the labs' folder), copied from the one kept there, which is built if need be.

    The file appears whole or not at all. Raises Conflict when another file is at `path`, and OrchestratorError when apt has no kernel to give.
    """
    cache = root / "cache"
    cache.mkdir(exist_ok=True)
    made = cache / f"guest-{_recipe()}.qcow2"
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _build(Path(work), cache).rename(made)
        for other in cache.glob("guest-*.qcow2"):
            if other != made:
                other.unlink()
    target = (path or root / "guest.qcow2").absolute()
    if target.exists():
        if filecmp.cmp(made, target, shallow=False):
            return target
        if path:
            raise errors.Conflict("will not overwrite the file", str(path), "it is not this guest image", "remove it, or name another")
    part = target.with_name(target.name + ".part")
    shutil.copyfile(made, part)
    return part.replace(target)


def _recipe() -> str:
    """A digest of all that an image is made from, but for the packages."""
    sources = (*_FILES.values(), Path(__file__), Path(frame.__file__))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _build(work: Path, cache: Path) -> Path:
    """Build the image in the empty folder `work`; returns the file."""
    kernel = work / "kernel"
    programs.run(("dpkg-deb", "--extract", str(_package(work, cache)), str(kernel)), "lab image")
    (work / "syslinux.cfg").write_text(_SYSLINUX)
    _initrd(work / "initrd", kernel, work / "initrd.img")
    files = {"vmlinuz": next(kernel.glob("boot/vmlinuz-*")), "initrd.img": work / "initrd.img", "syslinux.cfg": work / "syslinux.cfg"}
    raw, out = work / "disk.raw", work / "disk.qcow2"
    _resize(raw, _FILESYSTEM)
    programs.run(("mkfs.vfat", "-n", "GUEST", str(raw)), "lab image")
    for name, source in files.items():
        programs.run(("mcopy", "-i", str(raw), str(source), f"::{name}"), "lab image")
    programs.run(("syslinux", "--install", str(raw)), "lab image")
    _resize(raw, _DISK)
    programs.run(("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(raw), str(out)), "lab image")
    return out


def _resize(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.truncate(size)


def _initrd(tree: Path, kernel: Path, out: Path) -> None:
    """What the guest runs from: busybox, the modules it may need, its script."""
    for name in ("bin", "etc", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    for name, source in _FILES.items():
        shutil.copy(source, tree / name)
    (tree / "send-frame").write_bytes(frame.program())
    for name in ("init-guest", "send-frame"):
        (tree / name).chmod(0o755)
    (tree / "etc/inittab").write_text(_INITTAB)
    (tree / "init").symlink_to("bin/busybox")
    for applet in programs.run(("/bin/busybox", "--list"), "lab image").decode().split():
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")
    for command in _COMMANDS:
        (tree / "bin" / command).symlink_to("../init-guest")
    modules = {path.stem: path for path in kernel.rglob("*.ko")}
    for name in _MODULES:
        if name not in modules:
            raise errors.OrchestratorError(f"the kernel has no module {name}", "lab image", f"{_KERNEL} changed", "report this")
        shutil.copy(modules[name], tree / "modules")
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = programs.run(("cpio", "--create", "--format=newc", "--owner=0:0"), "lab image", tree, names.encode())
    out.write_bytes(gzip.compress(archive, mtime=0))


def _package(work: Path, cache: Path) -> Path:
    """The kernel's Debian package, downloaded once and kept."""
    kept = sorted(cache.glob("linux-image-*.deb"))
    if kept:
        return kept[-1]
    hint = "run `apt-get update`, and see that the machine reaches a Debian mirror"
    try:
        depends = programs.run(("apt-cache", "depends", "--", _KERNEL), "lab image").decode()
        name = next(line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line)
        argv = ("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", "--", name)
        programs.run(argv, "lab image", work)
    except (errors.OrchestratorError, StopIteration) as error:
        why = getattr(error, "why", "") or f"apt knows no {_KERNEL}"
        raise errors.OrchestratorError("cannot get a kernel for the guest", "lab image", why, hint) from error
    found = next(work.glob("linux-image-*.deb"))
    return found.rename(cache / found.name)
