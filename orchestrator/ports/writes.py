"""What a run writes down, as values: the store commits a tuple of them in one transaction, or none of them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.commands.command import Action
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume


class Undo(Struct, frozen=True):
    """How to take back one step of one instance; kept from the step's first intent on."""

    step: str
    actions: tuple[Action, ...]


class Move(Struct, frozen=True):
    """A move of an instance's machine, compare-and-set on `source`. `clears`: the kept undo is no longer needed (a rest state is reached)."""

    uuid: str
    trigger: str
    source: str
    dest: str
    vm_state: str
    task_state: str | None
    power_state: int
    fault: str | None = None
    launched: bool = False  # True: set from now on; False: left as it is
    clears: bool = False
    blames: str = ""  # the host that failed to build the instance: it is not to be tried again


class Step(Struct, frozen=True):
    """A step that ended, for `events`. Duration in ms; `result` is done, failed or undone; `command` the one that failed."""

    uuid: str
    state: str
    step: str
    host: str
    result: str
    command: str = ""
    detail: str = ""
    duration: int = 0


class Intent(Struct, frozen=True):
    """A batch about to be sent. `undo` by instance uuid: steps already kept for the instance are not replaced.

    `lanes`: in the batch's order, each lane's key and the step of each of its actions, to read what the host says of it afterwards.
    """

    job: str
    host: str
    uuids: tuple[str, ...]
    undo: Mapping[str, tuple[Undo, ...]] = field(default_factory=dict)
    lanes: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Settle(Struct, frozen=True):
    """A batch whose end is known: it ran, was refused, or was found to be over."""

    job: str
    outcome: str  # done | failed | unsent | observed


class Outlive(Struct, frozen=True):
    """Later runs have epochs higher than this one, which a host has seen of a newer copy of the store."""

    epoch: int


class Inherit(Struct, frozen=True):
    """The store goes on where a lost one left off: it is that one from now on, and its next numbers are not below these.

    Refused unless it is that one already, or never had anything of its own.
    """

    lineage: str
    next_number: int
    next_volume: int


class Want(Struct, frozen=True):
    """The operator's wish for a recorded instance: active or stopped."""

    uuid: str
    wanted: str


class Amend(Struct, frozen=True):
    """An instance as it is to be from now on; its uuid, name, domain, host, MAC addresses and fixed IPs stay."""

    instance: Instance


class Remove(Struct, frozen=True):
    """An instance is gone: its name, addresses and claims are free again; its events stay."""

    uuid: str


class Seen(Struct, frozen=True):
    """A host as observed just now. A machine id other than the recorded one is refused before this is written."""

    host: str
    capacity: Capacity


class Resource(Struct, frozen=True):
    """A recorded noun of the playbook (flavor, image, network, keypair, security_group, server_group), for `get` and `describe`; `body` is JSON.

    Of kind `fabric`, the digest of what a host's instances share when that was last seen to be true, "?" while nobody knows. Of kind
    `failed_builds`, how many a host has failed since the last that it did not. Of kind `notified`, a handler that a host is to run
    (services/handlers.py). Of kind `booted`, the run that brought a host's guests back after it had booted, "" while none has. Of kind `restarts`, when an
    instance was restarted by its policy (services/restarts.py). Of kind `destroyed`, by its uuid, the name of an instance that is no more: what of it comes
    to light again is known to be nobody's.
    """

    kind: str
    name: str
    body: str


class Forget(Struct, frozen=True):
    """A recorded noun is gone."""

    kind: str
    name: str


class NewVolume(Struct, frozen=True):
    """A volume, recorded before it is made."""

    volume: Volume
    status: str = "creating"


class VolumeMove(Struct, frozen=True):
    """A volume's move, compare-and-set on `source`. `available` and `error` free it of its instance, `attaching` gives it to one."""

    id: str
    source: str
    dest: str
    fault: str | None = None
    instance: str | None = None  # uuid; only with `attaching`, as `device` and `boot`
    device: str | None = None
    boot: bool = False


class AmendVolume(Struct, frozen=True):
    """A volume as it is to be from now on: its size, its host and options when these were not known yet."""

    volume: Volume


class RemoveVolume(Struct, frozen=True):
    """A volume is gone: its name is free again."""

    id: str


Write = (
    Move
    | Step
    | Intent
    | Settle
    | Outlive
    | Inherit
    | Want
    | Amend
    | Remove
    | Seen
    | Resource
    | Forget
    | NewVolume
    | VolumeMove
    | AmendVolume
    | RemoveVolume
)
