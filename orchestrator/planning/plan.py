"""A plan: what would be done to each instance, with reasons, as a value that can be shown, compared and refused when stale."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.commands.command import Action
from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume
from orchestrator.planning import decide
from orchestrator.planning.changes import Edit
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.rolling import Stage
from orchestrator.ports.store import Placement

UNREACHABLE = "unreachable"
NOWHERE = "no valid host"
UPDATE = "update"


class Change(Struct, frozen=True):
    """One instance's part. `verb` none: nothing to do; unreachable: nothing known; no valid host: no room; none of these has a course.

    `decision`: why this host, for a new instance. `notes`: drift that was seen and left alone. `edits`: what the playbook says otherwise of it now.
    An update without a course is done once it is recorded.
    """

    name: str
    host: str
    verb: str
    why: str
    course: Course | None = None
    decision: Decision | None = None
    notes: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


class StorageChange(Struct, frozen=True):
    """What the host that keeps a volume does for it, before any instance has it. `verb`: create or change."""

    name: str
    host: str
    verb: str
    why: str
    actions: tuple[Action, ...]


class Lost(Struct, frozen=True):
    """A volume that its host cannot have there now, and why: instances that are to have it are left as they are."""

    volume: Volume
    problem: errors.HostError


class Plan(Struct, frozen=True):
    """`placements` are the new instances, not recorded yet; `unreachable` hosts by name, with the reason.

    `ground`: what the instances of each host share; `amended`: instances of which something is to be recorded otherwise,
    before any is begun: what takes consent is recorded with the course that begins it. `stages`: the order that it is worked off in, where that is shown.
    """

    changes: tuple[Change, ...]
    placements: tuple[Placement, ...] = ()
    unreachable: Mapping[str, str] = field(default_factory=dict)
    ground: tuple[Groundwork, ...] = ()
    amended: tuple[Instance, ...] = ()
    storage: tuple[StorageChange, ...] = ()
    lost: Mapping[str, Lost] = field(default_factory=dict)  # by volume's id
    stages: tuple[Stage, ...] = ()

    @property
    def pending(self) -> tuple[Change, ...]:
        """The changes that do something."""
        return tuple(change for change in self.changes if change.verb not in (decide.NOTHING, UNREACHABLE, NOWHERE))

    @property
    def unplaced(self) -> tuple[Change, ...]:
        """Instances that no host can take."""
        return tuple(change for change in self.changes if change.verb == NOWHERE)

    @property
    def withheld(self) -> tuple[Edit, ...]:
        """Changes that are not made: for lack of consent, or because an earlier run is not over."""
        return tuple(edit for change in self.changes for edit in change.edits if edit.held)

    @property
    def partial(self) -> bool:
        """Whether hosts were not reached, or volumes are not there."""
        return bool(self.unreachable or self.lost)

    @property
    def shared(self) -> tuple[Groundwork, ...]:
        """The groundwork that does something."""
        return tuple(ground for ground in self.ground if ground.changes)

    @property
    def handlers(self) -> frozenset[str]:
        """Names of handlers that are to be run, as far as that is foreseen."""
        return frozenset(name for stage in self.stages if not stage.shuffled for name in stage.handlers)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.pending or self.shared or self.storage or self.unplaced or self.withheld or self.handlers)

    def fingerprint(self) -> str:
        """sha256 over every verb, host and action: equal plans do equal things."""
        digest = hashlib.sha256()
        for change in self.pending:
            digest.update(repr((change.name, change.host, change.verb, change.course and change.course.actions)).encode())
        for change in self.changes:
            digest.update("".join(f"{change.name} {edit}\n" for edit in change.edits if not edit.held).encode())
        for ground in self.shared:
            digest.update(repr((ground.fabric.host, ground.actions)).encode())
        for each in self.storage:
            digest.update(repr((each.name, each.host, each.verb, each.actions)).encode())
        return digest.hexdigest()
