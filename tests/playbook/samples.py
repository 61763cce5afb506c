"""Images made byte by byte, and an inventory, for the tests of playbooks."""

from __future__ import annotations

import struct

from msgspec import Struct, field

from orchestrator.model import host

CLUSTER = 1 << 16
HOSTS = ("lab1", "lab2", "spare1")
INVENTORY = host.Inventory(
    hosts={name: host.Host(name, f"192.0.2.{number}") for number, name in enumerate(HOSTS, 1)},
    groups={"all": HOSTS, "compute": HOSTS[:2], "spare": HOSTS[2:], "ungrouped": ()},
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHEsOGmhZnv1wVXmpFmNfdSGEhJMXCcFs06VNRNNu4Y ops@example"


class Qcow2(Struct, frozen=True):
    """A qcow2 image's parts: a good one unless told otherwise. L1 at cluster 1, one L2 table at 2, one data cluster at 3, refcounts at 4."""

    magic: bytes = b"QFI\xfb"
    version: int = 3
    backing: tuple[int, int] = (0, 0)
    cluster_bits: int = 16
    virtual: int = 1 << 30
    crypt: int = 0
    l1: tuple[int, int] = (2, CLUSTER)  # entries, offset
    refcounts: tuple[int, int] = (4 * CLUSTER, 1)
    snapshots: int = 0
    features: int = 0
    refcount_order: int = 4
    header_length: int = 104
    extensions: bytes = bytes(8)
    l2: int = 2 * CLUSTER
    data: int = 3 * CLUSTER
    length: int = 5 * CLUSTER
    patches: dict[int, bytes] = field(default_factory=dict)

    def content(self) -> bytes:
        """The file's bytes."""
        head = struct.pack(
            ">4sIQIIQIIQQIIQ",
            *(self.magic, self.version, *self.backing, self.cluster_bits, self.virtual, self.crypt, *self.l1, *self.refcounts),
            *(self.snapshots, 0),
        )
        head += struct.pack(">QQQII", self.features, 0, 0, self.refcount_order, self.header_length) if self.version >= 3 else b""
        parts = {
            0: head + self.extensions,
            CLUSTER: struct.pack(">Q", self.l2 | 1 << 63 if self.l2 else 0),
            2 * CLUSTER: struct.pack(">Q", self.data | 1 << 63),
            **self.patches,
        }
        whole = bytearray(self.length)
        for offset, part in parts.items():
            whole[offset : offset + len(part)] = part
        return bytes(whole[: self.length])
