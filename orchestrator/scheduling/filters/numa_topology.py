"""Hosts with room on their NUMA nodes for each of the guest's (nova/scheduler/filters/numa_topology_filter.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.rendering import topology
from orchestrator.scheduling import numa
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "NUMATopologyFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    wanted, there = topology.cells(request.flavor), numa.usage(state)
    if not wanted:
        return Verdict(True, "no NUMA nodes asked for")
    need = f"NUMA: needs {' + '.join(f'{len(cell.cpus)} vcpus and {cell.memory} MiB' for cell in wanted)}"
    if not there:
        return Verdict(False, f"{need}; this host's nodes are not known", "be seen with NUMA nodes", 1)
    places = numa.fit(state, request.flavor)
    if places is not None:
        return Verdict(True, f"{need}; on nodes {', '.join(map(str, places))}")
    left = ", ".join(_left(node, state) for node in there)
    change = f"{len(wanted)} NUMA nodes with room" if len(there) >= len(wanted) else f"{len(wanted) - len(there)} more NUMA nodes"
    return Verdict(False, f"{need}; free is {left}", change, 1)


def _left(node: numa.Usage, state: HostState) -> str:
    cpus = int(len(node.cell.cpus) * state.host.cpu_allocation_ratio) - node.cpus
    memory = int(node.cell.memory_mb * state.host.ram_allocation_ratio) - node.memory
    return f"node {node.cell.id} {min(cpus, len(node.cell.cpus))} vcpus and {min(memory, node.cell.memory_mb)} MiB"
