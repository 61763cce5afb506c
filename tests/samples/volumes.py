"""Volumes of every backend, and instances that have them."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.volume import Attachment, Volume
from tests.samples import instances

DIRECTORY = "/var/lib/orchestrator/volumes"
PORTAL = {"directory": DIRECTORY, "address": "192.0.2.21", "port": "3260"}
LOCAL = Volume("10000000-0000-4000-8000-000000000001", "data", 1, "local", "h1", options={"directory": f"{instances.PATH}/volumes"})
FILLED = replace(
    LOCAL,
    id="10000000-0000-4000-8000-000000000007",
    image=instances.image(),
    options={**LOCAL.options, "base": instances.new(1).disks[0].base.path},
)
ISCSI = Volume("20000000-0000-4000-8000-000000000002", "logs", 2, "iscsi", "h1", options=PORTAL)
ONE_GIB = replace(ISCSI, size=1)
HOST_ISCSI = replace(ISCSI, id="20000000-0000-4000-8000-000000000003", name="host", options={**PORTAL, "initiator": "host"})
POOL = {"pool": "volumes", "monitors": "192.0.2.31,192.0.2.32:6790", "user": "cinder"}
RBD = Volume("30000000-0000-4000-8000-000000000004", "pictures", 1, "rbd", "h1", options=POOL)
KEYED_RBD = replace(RBD, id="30000000-0000-4000-8000-000000000005", name="keyed", options={**POOL, "key_file": "/etc/ceph.key"})
READ_ONLY = replace(ISCSI, id="20000000-0000-4000-8000-000000000006", name="docs", read_only=True)
EVERY = (LOCAL, ISCSI, HOST_ISCSI, RBD, KEYED_RBD, READ_ONLY)


def attached(*volumes: Volume, first: str = "vdb", status: str = "in-use") -> tuple[Attachment, ...]:
    """The volumes as disks from `first` on."""
    return tuple(Attachment(volume, f"vd{chr(ord(first[-1]) + place)}", status=status) for place, volume in enumerate(volumes))


BOOT = replace(instances.new(1), disks=(), volumes=(Attachment(RBD, "vda", boot=True),))
