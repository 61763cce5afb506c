"""The entries of a play, as Structs: what may be written where, and in which unit (flavors as in Nova)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from orchestrator.files import image
from orchestrator.files.playbook import batches, hints, networking, reading, restarts, strict, values, words
from orchestrator.files.playbook.properties import ExtraSpecs, ImageProperties
from orchestrator.model import desired

KEY = re.compile(r"[a-zA-Z0-9_:. -]{1,255}")
DATASOURCES = ("config-2", "nocloud")
"""cloud-init's sources of data that a config drive can be; the first is Nova's."""
CHECKSUM_HINT = "sha256: and 64, or sha512: and 128 lower-case hex digits"

Tags = Annotated[tuple[words.Word, ...], reading.Before(words.separated), words.ONE_OR_MORE]


class KeypairEntry(strict.Entry, frozen=True, kw_only=True):
    """A public SSH key: written out, or in a file."""

    public_key: words.Lines | None = None
    public_key_file: words.Text | None = None


class FlavorEntry(strict.Entry, frozen=True, kw_only=True):
    """A size: vcpus, ram (MiB), disk (GiB), ephemeral (GiB), swap (MiB)."""

    vcpus: words.Count
    ram: words.Mebibytes
    disk: words.Gibibytes
    ephemeral: words.GibibytesOrNone = 0
    swap: words.MebibytesOrNone = 0
    extra_specs: ExtraSpecs = ExtraSpecs()


def _checksum(value: object) -> str:
    found = words.text(value)
    if not image.CHECKSUM.fullmatch(found):
        raise words.bad("must be an algorithm and a digest", CHECKSUM_HINT)
    return found


class ImageEntry(strict.Entry, frozen=True, kw_only=True):
    """A disk image, a file on this machine or an address that each host fetches it from; min_ram in MiB, min_disk in GiB."""

    source: words.Text
    checksum: Annotated[str, _checksum] | None = None
    disk_format: Literal["qcow2", "raw", "iso"] = "qcow2"
    min_ram: words.MebibytesOrNone = 0
    min_disk: words.GibibytesOrNone = 0
    properties: ImageProperties = ImageProperties()


def _boot_index(value: object) -> int:
    found = value.value if isinstance(value, values.Written) else value
    if isinstance(found, bool) or str(found) not in ("0", "-1"):
        raise words.bad("must be 0 for the volume that the instance boots from", "leave it out for all others")
    return int(str(found))


class VolumeEntry(strict.Entry, frozen=True, kw_only=True):
    """A disk with a life of its own; size in GiB. `path`: a file of a guest that others made, recorded by adopt."""

    size: words.Gibibytes
    backend: Literal["local", "iscsi", "rbd"] = "local"
    image: words.Word | None = None
    read_only: words.Flag = False
    path: words.Path | None = None


class BlockDevice(strict.Strict, frozen=True):
    """A volume as Nova's block device mapping names it; boot_index 0: the instance boots from it, -1 or none: it does not."""

    volume: words.Word
    boot_index: Annotated[int, _boot_index, reading.given(enum=[0, -1])] | None = None


class UserDataFile(strict.Strict, frozen=True):
    """User data taken from a file as it is."""

    file: words.Text


def _user_data(value: object) -> object:
    if isinstance(value, dict):
        if set(value) != {"file"}:
            raise words.bad("must be text, or a mapping with 'file' alone", "such as user_data: {file: web.yaml}")
        return UserDataFile(file=words.bounded(4096)(value["file"]))
    return words.lines(value)


def _metadata_key(value: object) -> str:
    found = words.text(value)
    if not KEY.fullmatch(found):
        raise words.bad("must be 1 to 255 letters, digits, spaces and _:.- as a key")
    return found


def _server_tag(value: object) -> str:
    found = words.bounded(60)(value)
    if "/" in found or "," in found:
        raise words.bad("must not hold '/' or ',' as a tag")
    return found


def _config_drive(value: object) -> str | None:
    """What the drive is to cloud-init, None without one."""
    found = words.text(value)
    if found.lower() in DATASOURCES:
        return found.lower()
    try:
        return DATASOURCES[0] if words.flag(value) else None
    except reading.Wrong:
        raise words.bad(f"must be true, false, {' or '.join(DATASOURCES)}") from None


class InstanceEntry(strict.Entry, frozen=True, kw_only=True):
    """An instance. `tags` select it on the command line (Ansible's), and are its server tags (Nova's)."""

    name: words.Name
    flavor: words.Word | None = None
    image: words.Word | None = None
    keypair: words.Word | None = None
    networks: tuple[networking.NetworkRequestEntry, ...] = ()
    security_groups: words.Words | None = None
    volumes: words.Words = ()
    ephemerals: Annotated[tuple[words.Gibibytes, ...], Meta(max_length=8)] = ()
    block_device_mapping: tuple[BlockDevice, ...] | None = None
    availability_zone: words.ShortText | None = None
    server_group: words.Word | None = None
    scheduler_hints: hints.SchedulerHints = hints.SchedulerHints()
    project: hints.Project = desired.DEFAULT_PROJECT
    user_data: Annotated[str | UserDataFile, _user_data] | None = None
    config_drive: Annotated[str | None, _config_drive, reading.given(enum=[True, False, *DATASOURCES])] = None
    metadata: dict[Annotated[str, _metadata_key], words.MetadataValue] = field(default_factory=dict)
    tags: Annotated[tuple[Annotated[str, _server_tag], ...], reading.Before(words.separated)] = ()
    state: Literal["active", "stopped", "absent"] = "active"
    notify: batches.Notify = ()
    restart_policy: restarts.RestartPolicyEntry | None = None
    hosts: words.Pattern | None = None

    def placed_volumes(self) -> Iterator[tuple[str, tuple[int | str, ...]]]:
        """The volumes in the order in which they are attached, and where in the entry each is named."""
        for number, device in enumerate(self.block_device_mapping or ()):
            yield device.volume, ("block_device_mapping", number, "volume")
        for number, name in enumerate(self.volumes):
            yield name, ("volumes", number)

    @property
    def boot_volumes(self) -> tuple[str, ...]:
        """The volumes that it shall boot from: one, unless the entry is wrong; none, when it boots from its image."""
        return tuple(device.volume for device in self.block_device_mapping or () if device.boot_index == 0)


class Play(strict.Strict, frozen=True):
    """A play: where, with which variables, and the entries of each kind."""

    name: words.ShortText | None = None
    hosts: words.Pattern | None = None
    vars: dict[words.Word, Any] = field(default_factory=dict)
    vars_files: tuple[words.Text, ...] = ()
    tags: Tags = ()
    serial: batches.Serial = ()
    max_fail_percentage: batches.Share | None = None
    any_errors_fatal: words.Flag = False
    throttle: batches.Throttle = 0
    order: batches.Order = "inventory"
    handlers: batches.Handlers = ()
    restart_policy: restarts.RestartPolicyEntry | None = None
    keypairs: tuple[KeypairEntry, ...] = ()
    flavors: tuple[FlavorEntry, ...] = ()
    images: tuple[ImageEntry, ...] = ()
    networks: tuple[networking.NetworkEntry, ...] = ()
    security_groups: tuple[networking.SecurityGroupEntry, ...] = ()
    volumes: tuple[VolumeEntry, ...] = ()
    server_groups: tuple[hints.ServerGroupEntry, ...] = ()
    instances: tuple[InstanceEntry, ...] = ()


MODELS: dict[str, type[strict.Entry]] = {
    "keypairs": KeypairEntry,
    "flavors": FlavorEntry,
    "images": ImageEntry,
    "networks": networking.NetworkEntry,
    "security_groups": networking.SecurityGroupEntry,
    "volumes": VolumeEntry,
    "server_groups": hints.ServerGroupEntry,
    "instances": InstanceEntry,
}
