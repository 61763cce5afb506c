"""Instances on hosts that the inventory does not have any more: left as they are, whatever is wished of them, and told; all others go on.

As a host that is not reached: that it is not named is no evidence of its end (Ansible goes on with the hosts that it knows, too).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from orchestrator.engine.context import Outcome
from orchestrator.model import errors
from orchestrator.model.desired import Desired
from orchestrator.model.instance import Record
from orchestrator.planning import decide
from orchestrator.planning.plan import UNREACHABLE, Change, Plan
from orchestrator.services.app import App
from orchestrator.services.report import Report

LEFT = "it has left the inventory"


def of(app: App, records: Iterable[Record], desired: Desired) -> dict[str, Record]:
    """By name, those of the records that are on such hosts and in the playbook; of which nothing was ever there, they may still be built elsewhere."""
    found = {record.instance.name: record for record in records if record.instance.host not in app.inventory.hosts}
    return {name: record for name, record in found.items() if name in desired.instances and not _nowhere(record, desired)}


def _nowhere(record: Record, desired: Desired) -> bool:
    return decide.moves(record) and desired.instances[record.instance.name].state != "absent"


def without(desired: Desired, gone: Mapping[str, Record]) -> Desired:
    """What is wished of all others."""
    if not gone:
        return desired
    return structs.replace(desired, instances={name: wish for name, wish in desired.instances.items() if name not in gone})


def told(plan: Plan, desired: Desired, gone: Mapping[str, Record]) -> Plan:
    """The plan for all others, with these."""
    if not gone:
        return plan
    changes = {change.name: change for change in plan.changes}
    changes |= {name: Change(name, record.instance.host, UNREACHABLE, str(problem(record.instance.host))) for name, record in gone.items()}
    hosts = {record.instance.host: LEFT for record in gone.values()}
    ordered = tuple(changes[name] for name in desired.instances if name in changes)
    return structs.replace(plan, changes=ordered, unreachable={**plan.unreachable, **hosts})


def among(app: App, names: Sequence[str]) -> dict[str, Record]:
    """Those of the instances called so, by name."""
    found = {record.instance.name: record for record in app.store.records() if record.instance.host not in app.inventory.hosts}
    return {name: found[name] for name in names if name in found}


def added(report: Report, names: Sequence[str], gone: Mapping[str, Record]) -> Report:
    """What became of all others, with these, in the order of the names."""
    if not gone:
        return report
    found = {each.name: each for each in report.outcomes}
    for name, record in gone.items():
        host = record.instance.host
        found[name] = Outcome(name, host, record.state, UNREACHABLE, fault=str(problem(host)))
    order = [found[name] for name in dict.fromkeys(names) if name in found]
    hosts = {record.instance.host: LEFT for record in gone.values()}
    return structs.replace(report, outcomes=tuple(order), unreachable={**report.unreachable, **hosts})


def problem(host: str) -> errors.HostError:
    """Why nothing is done there."""
    return errors.HostError(
        f"host {host!r} has left the inventory", why="what is there is left as it is", hint="put the host back into the inventory"
    )
