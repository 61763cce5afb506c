"""Courses of one host as one batch: what is shared once and first, then each instance in a lane of its own."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.commands.command import Action, Lane
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.leg import Leg


def key(course: Course) -> str:
    """The lane of an instance's own actions."""
    return f"instance/{course.record.instance.uuid}"


def lanes(courses: Sequence[Course], ground: Groundwork | None = None) -> tuple[Lane, ...]:
    """Lanes for the courses, and for the host's groundwork; the first course that needs a shared thing provides the actions for all."""
    shared: dict[str, tuple[Action, ...]] = {ground.lane.key: ground.actions} if ground and ground.actions and not ground.last else {}
    for course in courses:
        its: dict[str, tuple[Action, ...]] = {}
        for leg in course.legs:
            if leg.shares and leg.actions:
                its[share(leg)] = its.get(share(leg), ()) + leg.actions
        shared = its | shared
    made = {share(leg): leg.unless for course in courses for leg in course.legs if leg.shares and leg.unless}
    own = tuple(_own(course) for course in courses)
    last = (Lane(ground.lane.key, ground.actions, tuple(lane.key for lane in own if lane.actions)),) if ground and ground.last else ()
    return tuple(Lane(name, actions, unless=made.get(name, "")) for name, actions in shared.items()) + own + last


def share(leg: Leg) -> str:
    """The lane of a shared thing."""
    return f"shared/{leg.shares}"


def _own(course: Course) -> Lane:
    after = tuple(dict.fromkeys(share(leg) for leg in course.legs if leg.shares and leg.actions))
    return Lane(key(course), tuple(action for leg in course.legs if not leg.shares for action in leg.actions), after)
