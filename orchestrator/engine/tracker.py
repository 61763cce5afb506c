"""One instance on its course: records in, moves and steps to be written out."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command, Lane, Record
from orchestrator.drivers.images import cache
from orchestrator.engine import machine
from orchestrator.model import errors
from orchestrator.planning import batches
from orchestrator.planning.course import Course
from orchestrator.planning.leg import Leg
from orchestrator.ports.writes import Move, Step, Undo
from orchestrator.states.instance import REST, TABLE
from orchestrator.states.table import DONE, FAIL, State

UNSENT = "unsent"
"""No edge of the table: what was to be done is wished no more, and nothing of it was."""

POWER = {"running": 1, "paused": 3, "shut off": 4, "crashed": 6, "pmsuspended": 7}
"""Nova's power_state numbers by virsh's words; what is not listed is 0, NOSTATE."""


class Tracker:
    """Where an instance is on its course. Made before the first action is sent; fed with every record of its lanes."""

    def __init__(self, course: Course, lanes: dict[str, Lane], now: float) -> None:
        self.course, self.lanes = course, lanes
        self.instance = course.record.instance
        self.title = f"instance {self.instance.name!r}"
        self.hint = f"see `orchestrator logs {self.instance.name}`"
        self.state = course.record.state
        self.vm_state = course.record.vm_state
        self.fault: errors.HostError | None = None
        self.stopped = ""  # fenced | locked
        self.refused = False  # what it is made of was at fault
        self.ended = 0  # legs
        self.steps = 0  # legs that changed something
        self._done: dict[str, int] = {}
        self._since = now
        self._own = batches.key(course)

    def open(self) -> list[Move]:
        """The moves that the course's triggers make before anything is sent."""
        return [self._move(trigger) for trigger in self.course.triggers]

    def undo(self) -> tuple[Undo, ...]:
        """How to take back what the course is about to do, of the states that undo."""
        undoes = {state.name for state in self.course.path if state.undoes}
        return tuple(Undo(leg.step, leg.undo) for leg in self.course.legs if leg.undo and leg.state in undoes)

    def feed(self, record: Record, now: float) -> list[Move | Step]:
        """What a record of a lane that concerns this instance means; `now` in seconds, for the steps' durations."""
        if record.kind in ("fenced", "locked"):
            self.stopped = record.kind
            self.fault = errors.HostError(
                f"host refuses: {record.kind}", self.instance.host, record.output.decode("utf-8", "replace").strip()
            )
            return []
        if record.kind == "skipped":
            return []
        action = self.lanes[record.lane].actions[record.index]
        if record.code not in (action.accepts if isinstance(action, Command) else (0,)):
            return self._failed(action, record, self._lap(now))
        self._done[record.lane] = record.index + 1
        return self.advance(now)

    def advance(self, now: float | None = None) -> list[Move | Step]:
        """Every leg that has ended by now, and the moves between their states."""
        writes: list[Move | Step] = []
        while self.ended < len(self.course.legs) and self._has_ended(self.ended):
            leg = self.course.legs[self.ended]
            if leg.state != self.state:
                writes.append(self._move(DONE))
            if leg.actions:
                self.steps += 1
                writes.append(Step(self.instance.uuid, leg.state, leg.step, self.instance.host, "done", duration=self._lap(now)))
            self.ended += 1
        return writes

    def arrive(self, power: int) -> list[Move]:
        """The moves that remain to the rest state, once what the course expects was seen."""
        moves = []
        while self.state != self.course.rest.name:
            moves.append(self._move(DONE, power))
        return moves

    def fail(self, fault: str, undone: bool) -> Move:
        """To the failure state. `undone`: nothing is left of the course, its kept undo can go. A guest that ran counts as launched from then on.

        A build that left nothing behind may be tried on another host, unless it is the image that no host would take.
        """
        blames = self.instance.host if undone and self.undoes and not self.refused else ""
        return structs.replace(self._move(FAIL, fault=fault, clears=undone), launched=self.course.ran, blames=blames)

    def back(self) -> list[Move]:
        """The move to where it rested before its course, of which nothing was sent; none where an earlier run had begun something."""
        record, source = self.course.record, self.state
        if record.state not in REST or record.state == source:
            return []
        self.state, self.vm_state = record.state, record.vm_state
        task, uuid = TABLE.state(record.state).task_state, self.instance.uuid
        clears = record.state != "ERROR"  # in which an earlier course may have left something to undo
        return [Move(uuid, UNSENT, source, record.state, record.vm_state, task, record.power_state, record.fault, clears=clears)]

    @property
    def undoes(self) -> bool:
        """Whether a failure here has everything undone: never what a guest has run on."""
        return not self.course.ran and any(state.undoes for state in self.course.path if state.name == self.state)

    def _has_ended(self, number: int) -> bool:
        leg = self.course.legs[number]
        if not leg.actions:
            return True
        before = sum(len(each.actions) for each in self.course.legs[: number + 1] if each.shares == leg.shares)
        return self._done.get(self._lane(leg), 0) >= before

    def _failed(self, action: Action, record: Record, duration: int) -> list[Move | Step]:
        self.refused = record.code == cache.REFUSED
        text = record.output.decode("utf-8", "replace").strip()
        why = "did not end in time" if record.code in (124, 137) else f"exit code {record.code}"
        where = f"{self.instance.host}: {action.step}: {action.shown()}"
        self.fault = errors.HostError(f"instance {self.instance.name!r}: step failed", where, f"{why}: {text[-500:]}" if text else why)
        leg = self._leg(record.lane, action.step)
        return [Step(self.instance.uuid, leg.state, leg.step, self.instance.host, "failed", action.shown(), text[-2000:], duration)]

    def _lap(self, now: float | None) -> int:
        """Milliseconds since the last step ended."""
        since, self._since = self._since, self._since if now is None else now
        return round((self._since - since) * 1000)

    def _lane(self, leg: Leg) -> str:
        return batches.share(leg) if leg.shares else self._own

    def _leg(self, lane: str, step: str) -> Leg:
        """The leg that an action belongs to; another instance may have provided it, by another step that makes the same shared thing."""
        legs = [leg for leg in self.course.legs[self.ended :] if leg.actions and self._lane(leg) == lane]
        return next((leg for leg in legs if leg.step == step), legs[0])

    def _move(self, trigger: str, power: int | None = None, fault: str | None = None, clears: bool = False) -> Move:
        dest: State = machine.fire(trigger, self.state)
        source, self.state = self.state, dest.name
        self.vm_state = dest.vm_state or self.vm_state
        rests = not dest.busy and trigger == DONE
        return Move(
            uuid=self.instance.uuid,
            trigger=trigger,
            source=source,
            dest=dest.name,
            vm_state=self.vm_state,
            task_state=dest.task_state,
            power_state=self.course.record.power_state if power is None else power,
            fault=fault,
            launched=rests and dest.name == "ACTIVE",
            clears=clears or rests,
        )
