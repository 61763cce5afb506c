"""Courses of one host as one batch: what is shared once and first, then each instance in a lane of its own."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.commands.command import Action, Lane
from orchestrator.planning.course import Course, Leg


def key(course: Course) -> str:
    """The lane of an instance's own actions."""
    return f"instance/{course.record.instance.uuid}"


def lanes(courses: Sequence[Course]) -> tuple[Lane, ...]:
    """Lanes for the courses; the first course that needs a shared thing provides the actions for all."""
    shared: dict[str, tuple[Action, ...]] = {}
    for course in courses:
        for leg in course.legs:
            if leg.shares and leg.actions:
                shared.setdefault(share(leg), leg.actions)
    own = tuple(_own(course, shared) for course in courses)
    return tuple(Lane(name, actions) for name, actions in shared.items()) + own


def share(leg: Leg) -> str:
    """The lane of a shared thing."""
    return f"shared/{leg.shares}"


def _own(course: Course, shared: dict[str, tuple[Action, ...]]) -> Lane:
    after = tuple(dict.fromkeys(share(leg) for leg in course.legs if leg.shares and leg.actions))
    return Lane(key(course), tuple(action for leg in course.legs if not leg.shares for action in leg.actions), after)
