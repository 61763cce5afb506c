"""A host's groundwork under way: records of its lane in, what became of it out."""

from __future__ import annotations

from orchestrator.commands.command import Command, Record
from orchestrator.engine.context import Outcome
from orchestrator.model import errors
from orchestrator.planning.groundwork import SHARED, Groundwork


class GroundTracker:
    """How far the groundwork is. `course` is what a Tracker calls so: what is expected, and for how long."""

    def __init__(self, ground: Groundwork) -> None:
        self.course = ground
        self.host, self.state = ground.fabric.host, SHARED
        self.title = f"what the instances of {self.host} share"
        self.hint = "run the same command again"
        self.fault: errors.HostError | None = ground.problem
        self.last = ground.last

    def feed(self, record: Record) -> None:
        """What a record of the lane means."""
        if self.fault:
            return
        action = self.course.actions[record.index]
        text = record.output.decode("utf-8", "replace").strip()[-500:]
        if record.kind != "done":
            self.fault = errors.HostError(f"host refuses: {record.kind}", self.host, text)
        elif record.code not in (action.accepts if isinstance(action, Command) else (0,)):
            why = "did not end in time" if record.code in (124, 137) else f"exit code {record.code}"
            where = f"{self.host}: {action.step}: {action.shown()}"
            self.fault = errors.HostError("step failed", where, f"{why}: {text}" if text else why)

    def outcome(self, status: str, fault: str = "") -> Outcome:
        """What became of it, as the host's own outcome: it bears no instance's name."""
        steps = sum(bool(leg.actions) for leg in self.course.legs)
        return Outcome("", self.host, "", status, steps, fault)
