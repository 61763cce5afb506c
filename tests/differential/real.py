"""What the real Nova answers: its own filter and weigher classes over a case. Runs in the virtual environment of `make differential` alone.

Two things have no class there, as they are questions to Placement: claims and zones. Here they are Placement's own arithmetic.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from nova import context, objects
from nova import weights as base
from nova.scheduler import filters, host_manager, manager, weights

from tests.differential import novas

FILTERS = {each.__name__: each for each in filters.all_filters()}
WEIGHERS = {
    each.__name__: each
    for each in sorted(weights.all_weighers(), key=lambda each: (each.__module__, each.__name__))
    if each.__name__ != "CrossCellWeigher"
}
"""By file: Nova takes them in the order that the file system has them in."""
NEAR = 1e-9


class Near(Exception):
    """Hosts this near, but not equal, are told apart by nothing but the rounding of sums: such a case says nothing."""


def placement(case: dict[str, Any]) -> dict[str, Callable[[dict[str, Any]], bool]]:
    """Placement's part: used + wanted <= (total - reserved) * ratio, wanted <= max_unit = total, what is 0 is not asked for; and
    `map_az_to_placement_aggregate`: the host is in an aggregate of that zone."""
    wish, zone = case["request"]["flavor"], case["request"].get("zone")
    # DISK_GB: root, ephemeral and swap, MiB rounded up (nova/scheduler/utils.py resources_from_flavor_and_bfv)
    disk = wish["disk"] + wish.get("ephemeral", 0) + -(-wish.get("swap", 0) // 1024)

    def fits(host: dict[str, Any], word: str, total: str, ratio: int, wanted: int) -> bool:
        reserved = host.get("reserved_mb", 512) if word == "ram" else 0
        allowed = (host[total] - reserved) * host.get("ratios", [4.0, 1.0, 1.0])[ratio]
        return not wanted or (novas.used(host)[word] + wanted <= allowed and wanted <= host[total])

    return {
        "VCPU": lambda host: fits(host, "vcpus", "vcpus", 0, wish["vcpus"]),
        "MEMORY_MB": lambda host: fits(host, "ram", "memory_mb", 1, wish["ram"]),
        "DISK_GB": lambda host: fits(host, "disk", "disk_gb", 2, disk),
        "availability_zone": lambda host: zone in (None, host.get("zone", "nova")),
    }


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Which hosts pass each filter alone ("1" or "0" a host, by name, "E" where Nova ends with an error), which pass the claims and the case's chain
    of filters, in their order; and how all hosts are weighed, fit or not. In place of these, the name of the error that Nova ends with. Raises Near."""
    with novas.options(case.get("options", {})), contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(objects.CellMapping, "get_by_uuid", return_value=None))
        stack.enter_context(mock.patch.object(objects.InstanceList, "fill_metadata"))
        admin = contextlib.nullcontext(context.get_admin_context())
        stack.enter_context(mock.patch.object(context, "target_cell", return_value=admin))
        wish = novas.spec(case)
        claims = placement(case)
        hosts = sorted(case["hosts"], key=lambda each: each["name"])
        alone = {name: "".join("01"[fits(host)] for host in hosts) for name, fits in claims.items()}
        alone |= {name: _verdicts(FILTERS[name](), case, wish) for name in sorted(FILTERS)}
        fit = [state for state, host in zip(novas.states(case), hosts, strict=True) if all(fits(host) for fits in claims.values())]
        more = {"placed": _placed(case)} if "count" in case else {}
        return {"filters": alone, "order": _chosen(case, fit, wish), "weights": _weighed(novas.states(case), wish), **more}


def _verdicts(each: filters.BaseHostFilter, case: dict[str, Any], wish: objects.RequestSpec) -> str:
    def one(state: host_manager.HostState) -> str:
        try:
            return "01"[bool(each.host_passes(state, wish))]
        except Exception:
            return "E"

    return "".join(map(one, novas.states(case)))


def _chosen(case: dict[str, Any], fit: Sequence[host_manager.HostState], wish: objects.RequestSpec) -> list[str] | str:
    """The hosts that pass, the best first."""
    try:
        return [state.host for state in _ranked(case, fit, wish)]
    except Near:
        raise
    except Exception as error:
        return type(error).__name__


def _ranked(case: dict[str, Any], fit: Sequence[host_manager.HostState], wish: objects.RequestSpec) -> list[host_manager.HostState]:
    chain = [FILTERS[name]() for name in case["filters"]]
    passed = filters.HostFilterHandler().get_filtered_objects(chain, fit, wish)
    found = weights.HostWeightHandler().get_weighed_objects([each() for each in WEIGHERS.values()], passed, wish)
    if any(0 < left.weight - right.weight < NEAR for left, right in itertools.pairwise(found)):
        raise Near
    return [each.obj for each in found]


def _weighed(there: Sequence[host_manager.HostState], wish: objects.RequestSpec) -> dict[str, Any] | str:
    """Of each weigher: raw, normalised, multiplier, a number a host, by name, or one for all."""
    found: dict[str, list[list[float] | float]] = {}
    for name, made in WEIGHERS.items():
        each = made()
        try:
            raw = list(each.weigh_objects([weights.WeighedHost(state, 0.0) for state in there], wish))
        except Exception as error:
            return type(error).__name__
        normalised = list(base.normalize(raw, minval=each.minval, maxval=each.maxval))
        found[name] = [_short(raw), _short(normalised), _short([each.weight_multiplier(state) for state in there])]
    return found


def _short(values: Sequence[float]) -> list[float] | float:
    return values[0] if len(set(values)) == 1 else list(values)


def _placed(case: dict[str, Any]) -> list[str | None]:
    """Where instances of the same wish go, one after the other, each a request of its own: the host, and its NUMA nodes, if the guest has some, such as
    n1/0,1; None: nowhere. Their names are the wish's with a number."""
    there, found = novas.states(case), list[str | None]()
    hosts = {host["name"]: {**host, "instances": list(host["instances"])} for host in case["hosts"]}
    group = novas.group(case)
    for number in range(case["count"]):
        wish = novas.spec({**case, "request": {**case["request"], "name": f"{case['request']['name']}-{number}"}})
        wish.instance_group = group
        claims = placement(case).values()
        fit = [state for state in there if all(fits(hosts[state.host]) for fits in claims)]
        best = next(iter(_ranked(case, fit, wish)), None)
        if best:
            hosts[best.host]["instances"].append(case["request"]["flavor"])
            before = best.num_io_ops
            manager.SchedulerManager._consume_selected_host(best, wish, wish.instance_uuid)
            assert best.num_io_ops == before + 1, "Nova could not take it off the host, and says so in its log alone"
        found.append(_seat(best.host, [cell.id for cell in wish.numa_topology.cells] if wish.numa_topology else []) if best else None)
    return found


def _seat(host: str, cells: Sequence[int]) -> str:
    return f"{host}/{','.join(map(str, cells))}" if cells else host
