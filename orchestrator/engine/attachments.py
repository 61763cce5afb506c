"""What becomes of an instance's volumes and ports when it comes to rest: those that were connected are in use, those that left are free.

And of what was due to it: a course that did it leaves nothing due.
"""

from __future__ import annotations

from collections.abc import Set

from msgspec import structs

from orchestrator.model.instance import Port
from orchestrator.planning.course import Course
from orchestrator.ports.writes import Amend, AmendVolume, VolumeMove
from orchestrator.states.instance import LEAVE, REBUILT, RELEASE, SPAWNING

DEFINE, START = SPAWNING[1:]
PLUG = "updating.plug_interfaces"
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
                moves.append(AmendVolume(structs.replace(each.volume, made=True)))
    return moves


def done(course: Course) -> list[Amend]:
    """The instance without what the course did of what was due to it; nothing else of it is changed.

    Such things are recorded in states of rest only: a course that starts the guest was begun after that, and gave the guest all of it.
    """
    instance, steps = course.record.instance, {leg.step for leg in course.legs}
    if course.rest.removes or not (instance.due or instance.renews or any(port.status for port in instance.ports)):
        return []
    started, off = START in steps, course.rest.name == "STOPPED"
    defined = DEFINE in steps and (off or instance.due == "update")
    ports = tuple(port for each in instance.ports if (port := _port(each, steps)))
    # whatever started the guest: from then on it writes on its disks, and nobody has given that up
    renews = () if started or any(state.name == REBUILT for state in course.path) else instance.renews
    launched = instance.launched or started
    networks = {name: network for name, network in instance.networks.items() if any(port.network == name for port in ports)}
    return [
        Amend(
            structs.replace(
                instance, due="" if started or defined else instance.due, renews=renews, ports=ports, networks=networks, launched=launched
            )
        )
    ]


def _port(port: Port, steps: Set[str]) -> Port | None:
    """The port as it is after these steps; None: it has left."""
    if port.status == "detaching":
        return None if LEAVE in steps else port
    return structs.replace(port, status="") if steps & {PLUG, START} else port
