"""A volume: a disk with a life of its own, on its backend before, between and after the instances that it is attached to."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.model import desired


class Volume(Struct, frozen=True):
    """What the steps work from. `size` in GiB; `options` are what it takes to reach it, fixed when it was made (docs/volumes.md).

    `host` makes and removes it: of a local volume the one where the file lies, "" while it was never attached.
    """

    id: str
    name: str
    size: int
    backend: str  # local | iscsi | rbd
    host: str = ""
    read_only: bool = False
    image: desired.Image | None = None  # what it is filled from when it is made
    options: Mapping[str, str] = field(default_factory=dict)
    made: bool = False  # was an instance's: it holds data, and is never made again
    deleted_with: str = ""  # name of the instance whose `destroy --volumes` it was, or is, to go with

    @property
    def adopted(self) -> bool:
        """Whether it is a file that was there before: part of what its guest was made of by others, and made, grown and attached by nobody here."""
        return "path" in self.options

    @property
    def bytes(self) -> int:
        return self.size << 30


class Attachment(Struct, frozen=True):
    """A volume of an instance, as its disk `device`. `boot`: the instance boots from it. `status`: the volume's."""

    volume: Volume
    device: str  # vdb
    boot: bool = False
    status: str = "attaching"  # attaching | in-use | detaching

    @property
    def leaving(self) -> bool:
        """Whether it is being detached."""
        return self.status == "detaching"


class VolumeRecord(Struct, frozen=True):
    """A volume as the store knows it. `status` is Cinder's; times are ISO 8601, UTC."""

    volume: Volume
    status: str  # creating | available | attaching | in-use | detaching | extending | deleting | error
    instance: str | None  # uuid of the one that has it, from `attaching` to the end of `detaching`
    device: str | None
    boot: bool
    fault: str | None
    created_at: str
    updated_at: str

    @property
    def attachment(self) -> Attachment | None:
        """What its instance has of it."""
        if self.instance is None or self.device is None:
            return None
        return Attachment(self.volume, self.device, self.boot, self.status)
