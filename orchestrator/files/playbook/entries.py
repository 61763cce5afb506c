"""The entries of a play, as pydantic models: what may be written where, and in which unit (flavors as in Nova)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, WithJsonSchema

from orchestrator.files import image
from orchestrator.files.playbook import strict, words

KEY = re.compile(r"[a-zA-Z0-9_:. -]{1,255}")
CHECKSUM_HINT = "sha256: and 64, or sha512: and 128 lower-case hex digits"

Tags = Annotated[
    tuple[words.Word, ...],
    BeforeValidator(words.separated),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class KeypairEntry(strict.Entry):
    """A public SSH key: written out, or in a file."""

    public_key: words.Lines | None = None
    public_key_file: words.Text | None = None


class FlavorEntry(strict.Entry):
    """A size: vcpus, ram (MiB), disk (GiB), ephemeral (GiB), swap (MiB)."""

    vcpus: words.Count
    ram: words.Mebibytes
    disk: words.Gibibytes
    ephemeral: words.GibibytesOrNone = 0
    swap: words.MebibytesOrNone = 0


def _checksum(value: object) -> str:
    found = words.text(value)
    if not image.CHECKSUM.fullmatch(found):
        raise words.bad("must be an algorithm and a digest", CHECKSUM_HINT)
    return found


class ImageProperties(strict.Strict):
    """Glance's image properties that have a meaning here."""

    hw_disk_bus: Literal["virtio"] | None = None
    hw_vif_model: Literal["virtio"] | None = None
    hw_machine_type: Literal["pc", "q35"] | None = None
    os_shutdown_timeout: Annotated[int | None, BeforeValidator(words.whole("seconds", least=0))] = None


class ImageEntry(strict.Entry):
    """A disk image on this machine; min_ram in MiB, min_disk in GiB."""

    source: words.Text
    checksum: Annotated[str, BeforeValidator(_checksum)] | None = None
    disk_format: Literal["qcow2", "raw"] = "qcow2"
    min_ram: words.MebibytesOrNone = 0
    min_disk: words.GibibytesOrNone = 0
    properties: ImageProperties = ImageProperties()


class Provider(strict.Strict):
    """The physical network under a network; hosts map its name to an interface or bridge."""

    type: Literal["flat"]
    physical_network: words.ShortText


class SubnetEntry(strict.Strict):
    """An address range; nothing serves DHCP, addresses go into the config drive."""

    cidr: words.Cidr
    gateway: words.Address | None = None
    dns: tuple[words.Address, ...] = ()
    dhcp: Annotated[Literal[False], BeforeValidator(words.flag)] = False
    pool: words.Pool | None = None


class NetworkEntry(strict.Entry):
    """A provider network."""

    name: words.Name
    provider: Provider
    driver: Literal["linuxbridge"] = "linuxbridge"
    subnets: tuple[SubnetEntry, ...] = ()


class NetworkRequestEntry(strict.Strict):
    """A port that an instance asks for."""

    network: words.Word
    fixed_ip: words.Address | None = None
    mac: words.Mac | None = None


class UserDataFile(strict.Strict):
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


class InstanceEntry(strict.Entry):
    """An instance. `tags` select it on the command line (Ansible's), and are its server tags (Nova's)."""

    name: words.Name
    flavor: words.Word | None = None
    image: words.Word | None = None
    keypair: words.Word | None = None
    networks: tuple[NetworkRequestEntry, ...] = ()
    availability_zone: words.ShortText | None = None
    user_data: (
        Annotated[
            str | UserDataFile,
            pydantic.PlainValidator(_user_data, json_schema_input_type=str | UserDataFile),
        ]
        | None
    ) = None
    config_drive: words.Flag = False
    metadata: dict[Annotated[str, BeforeValidator(_metadata_key)], words.MetadataValue] = pydantic.Field(default={})
    tags: Annotated[tuple[Annotated[str, BeforeValidator(_server_tag)], ...], BeforeValidator(words.separated)] = ()
    state: Literal["active", "stopped", "absent"] = "active"
    hosts: words.Pattern | None = None


class Play(strict.Strict):
    """A play: where, with which variables, and the entries of each kind."""

    name: words.ShortText | None = None
    hosts: words.Pattern | None = None
    vars: dict[str, Any] = pydantic.Field(default={})
    vars_files: tuple[words.Text, ...] = ()
    tags: Tags = ()
    keypairs: tuple[KeypairEntry, ...] = ()
    flavors: tuple[FlavorEntry, ...] = ()
    images: tuple[ImageEntry, ...] = ()
    networks: tuple[NetworkEntry, ...] = ()
    instances: tuple[InstanceEntry, ...] = ()


MODELS: dict[str, type[strict.Entry]] = {
    "keypairs": KeypairEntry,
    "flavors": FlavorEntry,
    "images": ImageEntry,
    "networks": NetworkEntry,
    "instances": InstanceEntry,
}
