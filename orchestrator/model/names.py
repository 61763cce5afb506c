"""The names of things, fixed before the first command: pure functions of ids (Nova's and Neutron's forms)."""

from __future__ import annotations

import hashlib
import re
import uuid

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""What an operator may call a thing: an RFC 1123 label, safe in shells, XML, file names and DNS alike."""

IMAGE_IDS = uuid.UUID("5d6cf1d4-6c0c-5c4c-9a10-7e1a1d5f8f52")


def domain(number: int) -> str:
    """libvirt domain name of instance `number` (nova `instance_name_template`)."""
    return f"instance-{number:08x}"


def instance_id(lineage: str, number: int) -> str:
    """Instance uuid: derived from its number, which is never used twice, so that a store knows what it once had."""
    return str(uuid.uuid5(uuid.UUID(lineage), f"instance/{number}"))


def step_within(state: str, step: str) -> str:
    """A step's name as shown under its state: without its group when that is what the state is called."""
    return step.removeprefix(f"{state}.")


def tap(port_id: str) -> str:
    """Tap device of a port (neutron `tap` + 11 characters of the port id): 14 characters, the kernel allows 15."""
    return f"tap{port_id[:11]}"


def bridge(network_id: str) -> str:
    """Linux bridge of a network (neutron linuxbridge agent)."""
    return f"brq{network_id[:11]}"


def network_id(lineage: str, network: str) -> str:
    """Network id: derived, so that a plan names the very devices."""
    return str(uuid.uuid5(uuid.UUID(lineage), f"network/{network}"))


def vxlan(vni: int) -> str:
    """VXLAN device (neutron linuxbridge agent)."""
    return f"vxlan-{vni}"


def vlan(interface: str, vid: int) -> str:
    """VLAN device on an interface (neutron linuxbridge agent); of a long name the beginning and 6 hex digits of its sha1."""
    name = f"{interface}.{vid}"
    if len(name) < 16:
        return name
    digest = hashlib.sha1(interface.encode(), usedforsecurity=False).hexdigest()[:6]
    return f"{interface[: 15 - len(digest) - len(f'.{vid}')]}{digest}.{vid}"


def switch(network_id: str) -> str:
    """Open vSwitch bridge that an interface is put into."""
    return f"brs{network_id[:11]}"


def hybrid(port_id: str) -> tuple[str, str, str]:
    """What is between a port and its Open vSwitch bridge (nova `ovs_hybrid_plug`): its Linux bridge, and the veth pair's ends there and here."""
    return f"qbr{port_id[:11]}", f"qvb{port_id[:11]}", f"qvo{port_id[:11]}"


def owner(lineage: str) -> str:
    """What everything that a store owns among a host's devices, chains and sets begins with, or is marked by: 9 characters."""
    return f"orc{lineage[:6]}"


def image_id(name: str, digest: str) -> str:
    """Image id: the same name with other content is another image, so overlays keep the base they were made on."""
    return str(uuid.uuid5(IMAGE_IDS, f"{name}\n{digest}"))


def base(instances_path: str, image_identity: str) -> str:
    """Path of an image in the host's cache: sha1 of the image *id* (nova imagecache.get_cache_fname)."""
    return f"{instances_path}/_base/{hashlib.sha1(image_identity.encode(), usedforsecurity=False).hexdigest()}"


def volume_id(lineage: str, number: int) -> str:
    """Volume id: derived from its number, which is never used twice."""
    return str(uuid.uuid5(uuid.UUID(lineage), f"volume/{number}"))


def volume(identity: str) -> str:
    """What a volume is called on its backend (cinder `volume_name_template`)."""
    return f"volume-{identity}"


def target(identity: str) -> str:
    """iSCSI name of a volume's target (cinder `target_prefix`)."""
    return f"iqn.2010-10.org.openstack:{volume(identity)}"


def mac(random: bytes) -> str:
    """MAC address from 3 random bytes under Nova's prefix fa:16:3e."""
    return "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in random[:3])
