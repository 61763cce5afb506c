"""What becomes of an instance's volumes when it comes to rest: those that were connected are in use, those that left are free."""

from __future__ import annotations

import dataclasses

from orchestrator.planning.course import Course
from orchestrator.ports.writes import AmendVolume, VolumeMove
from orchestrator.states.instance import RELEASE

CONNECT, DISCONNECT = "block_device_mapping.connect_volumes", "teardown.disconnect_volumes"


def settled(course: Course) -> list[VolumeMove | AmendVolume]:
    """The moves of volumes once everything that the course expects was seen; a volume is free only when its host has let go of it."""
    steps = {leg.step for leg in course.legs}
    moves: list[VolumeMove | AmendVolume] = []
    for each in course.record.instance.volumes:
        if (course.rest.removes and DISCONNECT in steps) or (each.leaving and steps & {RELEASE, DISCONNECT}):
            moves.append(VolumeMove(each.volume.id, each.status, "available"))
        elif each.status == "attaching" and CONNECT in steps:
            moves.append(VolumeMove(each.volume.id, each.status, "in-use"))
            if not each.volume.made:
                moves.append(AmendVolume(dataclasses.replace(each.volume, made=True)))
    return moves
