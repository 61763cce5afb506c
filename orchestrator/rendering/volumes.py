"""How QEMU opens a volume, and the secret that it takes: what XML is rendered from, the same for every backend."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from msgspec import Struct

from orchestrator.model import names
from orchestrator.model.volume import Volume

INITIATOR = "host"
"""The option `initiator` of a volume that the compute host's own iSCSI initiator reaches; else QEMU's does."""


class Secret(Struct, frozen=True):
    """A libvirt secret: what is known of it, and the name under which the controller reveals its value (ports/secrets.py)."""

    uuid: str
    usage: str  # iscsi | ceph
    name: str  # what libvirt knows it by besides: a target, a user
    value: str


class Source(Struct, frozen=True):
    """`kind` of libvirt's disk: file, block or network. `hosts` are (name, port); `user` logs in with the secret."""

    kind: str
    path: str = ""  # file | block
    protocol: str = ""  # network: iscsi | rbd
    name: str = ""
    hosts: tuple[tuple[str, str], ...] = ()
    user: str = ""
    secret: Secret | None = None
    config: str = ""  # rbd: path of a ceph.conf on the compute host
    iqn: str = ""  # block: the target to log in to


def local(volume: Volume) -> Source:
    """A file of the instance's host."""
    return Source("file", path=path(volume))


def iscsi(volume: Volume) -> Source:
    """LUN 1 of the volume's own target, by QEMU's initiator, or by the host's as a block device."""
    address, port, iqn = volume.options["address"], volume.options.get("port", "3260"), names.target(volume.id)
    secret = Secret(volume.id, "iscsi", iqn, f"chap/{volume.id}")
    if volume.options.get("initiator") == INITIATOR:
        device = f"/dev/disk/by-path/ip-{address}:{port}-iscsi-{iqn}-lun-1"
        return Source("block", path=device, hosts=((address, port),), user=volume.id, secret=secret, iqn=iqn)
    return Source("network", "", "iscsi", f"{iqn}/1", ((address, port),), volume.id, secret)


def rbd(volume: Volume) -> Source:
    """An image of a Ceph pool; without a `key_file` the cluster is one that asks for no key."""
    hosts = tuple(_address(each) for each in volume.options.get("monitors", "").split(",") if each)
    user, key = volume.options.get("user", "admin"), volume.options.get("key_file", "")
    secret = (
        Secret(str(uuid.uuid5(uuid.UUID(volume.id), "ceph")), "ceph", f"{names.volume(volume.id)} {user}", f"file/{key}") if key else None
    )
    name = f"{volume.options['pool']}/{names.volume(volume.id)}"
    return Source("network", "", "rbd", name, hosts, user, secret, volume.options.get("conf", ""))


OF: dict[str, Callable[[Volume], Source]] = {"local": local, "iscsi": iscsi, "rbd": rbd}


def of(volume: Volume) -> Source:
    """How QEMU opens the volume."""
    return OF[volume.backend](volume)


def path(volume: Volume) -> str:
    """The volume's file on its host."""
    return volume.options.get("path") or f"{volume.options['directory']}/{names.volume(volume.id)}"


def _address(monitor: str) -> tuple[str, str]:
    """`host`, `host:port`, `[v6]:port`; Ceph's first port is 6789."""
    host, _, port = monitor.rpartition(":") if monitor.count(":") == 1 or "]:" in monitor else (monitor, "", "")
    return host.strip("[]"), port or "6789"
