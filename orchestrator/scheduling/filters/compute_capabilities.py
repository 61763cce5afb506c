"""What extra specs ask of a host (nova/scheduler/filters/compute_capabilities_filter.py).

Asked are those of the scope `capabilities`, and those without a scope that name something of the host; the others are not for this filter.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.desired import Flavor
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import capabilities, extra_specs
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "ComputeCapabilitiesFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    met = []
    for path, requirement in _asked(state, request.flavor):
        name, found = ":".join(path), capabilities.find(state, path)
        if found is None:
            return Verdict(False, f"{name}: {requirement} is asked for, not known of this host", f"have {name} {requirement}", 1)
        why = f"{name}: {requirement} is asked for, is {_told(found)}"
        try:
            fits = extra_specs.match(str(found), requirement)
        except ValueError:
            return Verdict(False, f"{why}, and that cannot be compared", f"have {name} {requirement}", 1)
        if not fits:
            return Verdict(False, why, f"have {name} {requirement}", 1)
        met.append(why)
    return Verdict(True, "; ".join(met) or "no capabilities asked for")


def _asked(state: HostState, flavor: Flavor) -> Iterator[tuple[list[str], str]]:
    """Where to look, and what is to be found there."""
    known = capabilities.of(state) if flavor.extra_specs else {}
    for key, requirement in flavor.extra_specs.items():
        scope, *path = key.split(":")
        if key == "hw:maxphysaddr_bits":
            yield ["cpu_info", "maxphysaddr", "bits"], f">= {requirement}"
        elif scope == "capabilities" and path:
            yield path, requirement
        elif not path and scope in known:
            yield [scope], requirement


def _told(found: object) -> str:
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found)
