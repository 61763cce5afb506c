"""What it takes to have a changed entry of the playbook become true of an instance that exists: a class for each field, and consent.

The classes follow Nova: what its API changes in place is live; a resize within the host is a reboot; another image is a rebuild (nova
`rebuild_instance`: uuid, name, ports and volumes stay, the root disk is made anew); what an instance is placed by stays as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence, Set

from msgspec import Struct


class Kind(enum.Enum):
    """The class of a change, from what costs the guest nothing to what it cannot survive."""

    LIVE = "live"
    NEXT_BOOT = "next boot"  # recorded and defined: true from the next start on
    REBOOT = "reboot"
    REBUILD = "rebuild, destroys data"  # of the root disk
    DESTROY = "destroys data"  # of a disk that gets smaller, or goes
    FIXED = "fixed"  # for the instance's life


CONSENTS = {Kind.REBOOT: "reboot", Kind.REBUILD: "rebuild", Kind.DESTROY: "destroy"}
"""What each class is allowed by; the others need no consent."""


class Row(Struct, frozen=True):
    """The class of a field's change, the worst that it may be, and why."""

    kind: Kind
    why: str


LIVE, NEXT_BOOT, REBOOT, REBUILD, DESTROY, FIXED = Kind
_SHAPE = "QEMU is given it when it starts"
_PLACED = "the instance was placed by it"
_CLOUD_INIT = "a guest takes it up at its first boot only"
_WORKED_OFF = "how a run goes about it, nothing of the instance"

TABLE: Mapping[str, Mapping[str, Row]] = {
    "Flavor": {
        "name": Row(NEXT_BOOT, "a name, told in the domain's metadata"),
        "vcpus": Row(REBOOT, _SHAPE),
        "ram": Row(REBOOT, _SHAPE),
        "disk": Row(DESTROY, "live when it grows: a disk never shrinks, so that a smaller one is made anew"),
        "ephemeral": Row(DESTROY, "a disk of its own size: one more takes a reboot, another one is made anew"),
        "swap": Row(REBOOT, "a disk of its own size, on which nothing is kept"),
        "extra_specs": Row(REBOOT, "live where the guest's hardware is the same with it; NUMA nodes and PCI devices are fixed"),
    },
    "Image": {
        "name": Row(REBUILD, "the root disk rests on its bytes"),
        "source": Row(LIVE, "where hosts get it from the next time"),
        "digest": Row(REBUILD, "other bytes are another image, whatever its name"),
        "disk_format": Row(LIVE, "how its bytes are read the next time"),
        "size": Row(LIVE, "follows from its bytes"),
        "virtual_size": Row(LIVE, "follows from its bytes"),
        "min_disk": Row(LIVE, "checked before anything is planned"),
        "min_ram": Row(LIVE, "checked before anything is planned"),
        "properties": Row(REBOOT, "live where the guest's hardware is the same with it"),
        "algorithm": Row(REBUILD, "of the digest, by which its bytes are known"),
    },
    "Network": {
        "name": Row(FIXED, "a network is known by it: another name is another network, of which a port is live"),
        "physical_network": Row(FIXED, "ports would be cut off: declare another network, and move ports to it, live"),
        "type": Row(FIXED, "as physical_network"),
        "subnets": Row(LIVE, "what hosts and DHCP tell the ports; addresses that ports have stay theirs"),
        "segmentation_id": Row(FIXED, "as physical_network"),
        "driver": Row(FIXED, "as physical_network"),
        "mtu": Row(NEXT_BOOT, "a tap has the one that it was made with"),
        "port_security": Row(LIVE, "rules of the host"),
    },
    "NetworkRequest": {
        "network": Row(LIVE, "one port is plugged in, another out"),
        "fixed_ip": Row(LIVE, "a port of another address is another port"),
        "mac": Row(LIVE, "a port of another MAC address is another port"),
        "port_security": Row(LIVE, "rules of the host"),
        "security_groups": Row(LIVE, "rules of the host"),
    },
    "InstanceRequest": {
        "name": Row(FIXED, "an instance is known by it: another name is another instance"),
        "flavor": Row(DESTROY, "the worst of the flavor's fields that differ"),
        "image": Row(REBUILD, "the root disk rests on its bytes"),
        "hosts": Row(LIVE, "where it may be placed another time: it stays where it is"),
        "networks": Row(LIVE, "ports are plugged in and out"),
        "keypair": Row(REBUILD, _CLOUD_INIT),
        "availability_zone": Row(LIVE, "where it may be placed another time: it stays where it is"),
        "user_data": Row(REBUILD, _CLOUD_INIT),
        "config_drive": Row(REBUILD, _CLOUD_INIT),
        "metadata": Row(LIVE, "recorded; a config drive says what it was made with"),
        "tags": Row(LIVE, "recorded"),
        "state": Row(LIVE, "started, stopped, destroyed: as it says"),
        "where": Row(LIVE, "its place in the playbook"),
        "security_groups": Row(LIVE, "rules of the host"),
        "volumes": Row(LIVE, "disks are plugged in and out"),
        "boot_volume": Row(FIXED, "all that the guest is lies on it"),
        "datasource": Row(REBUILD, _CLOUD_INIT),
        "ephemerals": Row(DESTROY, "as the flavor's ephemeral"),
        "server_group": Row(FIXED, _PLACED),
        "scheduler_hints": Row(LIVE, "where it may be placed another time: it stays where it is"),
        "project": Row(FIXED, _PLACED),
        "play": Row(LIVE, _WORKED_OFF),
        "notify": Row(LIVE, _WORKED_OFF),
        "restart_policy": Row(LIVE, "read when a guest is found to have crashed"),
    },
}
"""Of every field that an instance depends on; a test misses the row of a new one."""


HOSTS = ("security_groups", "port_security_enabled")
"""What hosts do for an instance's ports, nothing of the instance."""


class Edit(Struct, frozen=True):
    """One thing that the playbook says otherwise of an instance. `held`: why it is not done, "" when it is."""

    field: str  # as an operator calls it: flavor.ram
    was: str
    will: str
    kind: Kind
    held: str = ""

    def __str__(self) -> str:
        change = f"{self.was} -> {self.will}" if self.was else self.will
        return f"{self.field} {change} ({self.kind.value})"

    @property
    def told(self) -> str:
        """The change, and why it is not done when it is not."""
        return f"{self}: not done: {self.held}" if self.held else str(self)


def allowed(kind: Kind, consents: Set[str]) -> bool:
    """Whether a change of the class may be made."""
    return kind not in CONSENTS or CONSENTS[kind] in consents


def needed(edits: Sequence[Edit]) -> tuple[str, ...]:
    """What `--allow` would have to say for those edits that are held for lack of it."""
    held = {edit.kind for edit in edits if edit.held}
    return tuple(word for kind, word in CONSENTS.items() if kind in held)


def missing(kind: Kind) -> str:
    """Why an edit of the class is held, that was not allowed."""
    return f"needs --allow {CONSENTS[kind]}"
