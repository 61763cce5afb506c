"""Where on a host a guest's NUMA nodes go (nova/virt/hardware.py numa_fit_instance_to_host).

Pages are not counted: a guest of large pages that its node has no room for fails to start, and goes to an alternate.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.model.desired import Flavor
from orchestrator.model.host import Cell, Host
from orchestrator.rendering import topology
from orchestrator.scheduling.host_state import HostState


class Usage(Struct, frozen=True):
    """A NUMA node of the host, with what the nodes of guests use of it: processors, memory in MiB."""

    cell: Cell
    cpus: int = 0
    memory: int = 0


def usage(state: HostState) -> tuple[Usage, ...]:
    """All nodes of the host. Instances without nodes of their own run wherever there is room, and count for none (Nova)."""
    cpus = {cell.id: 0 for cell in state.capacity.cells}
    memory = dict(cpus)
    for resident in state.residents:
        for place, cell in zip(resident.cells, topology.cells(resident.flavor) if resident.cells else (), strict=True):
            if place in cpus:
                cpus[place] += len(cell.cpus)
                memory[place] += cell.memory
    return tuple(Usage(cell, cpus[cell.id], memory[cell.id]) for cell in state.capacity.cells)


def fit(state: HostState, flavor: Flavor) -> tuple[int, ...] | None:
    """The host's node for each of the guest's, all different; () for a guest without any, None when they do not fit.

    Of several ways the first, the emptiest nodes before others unless all are needed: fewest processors used, then most memory free. A node of
    the guest fits within one of the host, and both ratios hold for each. Raises UnfitError for a flavor that makes no nodes.
    """
    wanted, there = topology.cells(flavor), usage(state)
    if len(wanted) > len(there):
        return None
    if len(wanted) < len(there):
        there = tuple(sorted(there, key=lambda each: (each.cpus, each.memory - each.cell.memory_mb)))
    return _assigned(wanted, there, state.host)


def holds(node: Usage, cell: topology.Cell, host: Host) -> bool:
    """Whether the host's node has room for the guest's: whole in it, and with what is used there within the ratios."""
    cpus, memory = len(node.cell.cpus), node.cell.memory_mb
    whole = len(cell.cpus) <= cpus and cell.memory <= memory
    shared = node.cpus + len(cell.cpus) <= cpus * host.cpu_allocation_ratio
    return whole and shared and node.memory + cell.memory <= memory * host.ram_allocation_ratio


def _assigned(wanted: Sequence[topology.Cell], free: Sequence[Usage], host: Host) -> tuple[int, ...] | None:
    """A node of `free` for each that is wanted, the first ones that go together."""
    suits = [[number for number, node in enumerate(free) if holds(node, cell, host)] for cell in wanted]
    if not _together(suits, frozenset()):
        return None
    chosen: tuple[int, ...] = ()
    for place, numbers in enumerate(suits):
        left = suits[place + 1 :]
        chosen += (next(each for each in numbers if each not in chosen and _together(left, frozenset((*chosen, each)))),)
    return tuple(free[number].cell.id for number in chosen)


def _together(suits: Sequence[Sequence[int]], taken: frozenset[int]) -> bool:
    """Whether each can have one of the numbers that suit it, all different and none of `taken` (Kuhn's matching: all ways would be too many to try)."""
    owner: dict[int, int] = {}

    def seat(guest: int, asked: set[int]) -> bool:
        for number in suits[guest]:
            if number not in taken and number not in asked:
                asked.add(number)
                if number not in owner or seat(owner[number], asked):
                    owner[number] = guest
                    return True
        return False

    return all(seat(guest, set()) for guest in range(len(suits)))
