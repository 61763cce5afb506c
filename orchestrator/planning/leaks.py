"""What is on a host that no record wants there: what of it was ours, what is somebody else's, and how the first goes.

The store remembers which instances it destroyed. So what no record has is only called left over when it is known to be of one of these: silence, an older copy
of the store, or a new one that goes on where a lost one left off, is no evidence of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.commands.command import Action, Command, Lane
from orchestrator.facts import domain as domains
from orchestrator.facts import others, qemu
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning.diagnosis import Finding, Repair
from orchestrator.planning.leg import tagged
from orchestrator.states.instance import TABLE
from orchestrator.states.steps.spawning import define_domain
from orchestrator.states.steps.teardown import power

LEFT = "_del"
"""What the name of a directory that is being removed ends with."""
UNKNOWN = "unknown-instance"
"""The cause of what carries this store's mark, and the store knows nothing of."""
FOREIGN = ("foreign-domain", "foreign-directory", "foreign-process")
"""Causes of findings about what is somebody else's: named, and no drift."""


class Leak(Struct, frozen=True):
    """What is left of an instance that the store had and destroyed: its domain, or None, and the names of its directories."""

    uuid: str
    domain: others.Domain | None
    directories: tuple[str, ...]


class Books(Struct, frozen=True):
    """What the store says: every record, by uuid, its own id, and whether an instance of a uuid was destroyed."""

    records: Mapping[str, Record]
    lineage: str
    destroyed: Callable[[str], bool]


def key(host: Host, records: Sequence[Record]) -> others.Key:
    """The fact that tells what is on the host beside the records there."""
    return others.Key(host.instances_path, " ".join(sorted(record.instance.uuid for record in records)))


def needs(beside: others.Key) -> tuple[Key, ...]:
    """Every fact that is looked at here."""
    return (beside, qemu.Every())


def find(host: Host, beside: others.Key, facts: Facts, books: Books) -> tuple[tuple[Leak, ...], tuple[Finding, ...]]:
    """What was left of instances, to be removed; and a finding for each of these, and for everything else that no record wants on the host."""
    there = facts[beside]
    assert isinstance(there, others.Others)  # noqa: S101  # the fact's own type
    by_uuid = {each.uuid: each for each in there.domains}
    directories: dict[str, list[str]] = {}
    for name in there.directories:
        directories.setdefault(name.removesuffix(LEFT), []).append(name)
    loose = {each.uuid: each for each in _loose(there, facts, books)}
    leaks, findings = [], []
    for uuid in sorted({*by_uuid, *directories}):
        leak = Leak(uuid, by_uuid.get(uuid), tuple(directories.get(uuid, ())))
        finding = _judged(host, leak, loose, books)
        if finding and finding.repair is Repair.LIVE:
            leaks.append(leak)
        findings += [finding] if finding else []
    findings += [_process(host.name, each, books) for each in loose.values() if each.uuid not in books.records]
    return tuple(leaks), tuple(findings)


def _judged(host: Host, leak: Leak, loose: Mapping[str, qemu.Process], books: Books) -> Finding | None:
    record, found = books.records.get(leak.uuid), leak.domain
    what = found.name if found else leak.directories[0]
    kind, noun = ("domain", "domain") if found else ("file", "directory")
    if record:
        return _recorded(host.name, leak, record)
    if found and found.lineage != books.lineage:
        whose = f"made by another store, {found.lineage}" if found.lineage else "nothing of ours"
        return Finding(kind, what, host.name, "foreign-domain", f"{found.state}, {whose}", Repair.CANNOT, "left as it is")
    if not books.destroyed(leak.uuid):
        if not found:
            return Finding(kind, what, host.name, "foreign-directory", f"in {host.instances_path}", Repair.CANNOT, "left as it is")
        remedy = f"`orchestrator adopt {host.name}`, or restore the newer store"
        return Finding(
            kind,
            what,
            host.name,
            UNKNOWN,
            f"it has this store's mark, and the store knows nothing of {leak.uuid}",
            Repair.CANNOT,
            remedy,
        )
    detail = f"no instance has {leak.uuid} any more, and its {_parts(leak)} here"
    if leak.uuid in loose:
        why = f"process {loose[leak.uuid].pid} still has its disks open: end it, then `orchestrator verify --repair`"
        return Finding(kind, what, host.name, f"leftover-{noun}", detail, Repair.CANNOT, why)
    return Finding(kind, what, host.name, f"leftover-{noun}", detail, Repair.LIVE, "remove what is left of it")


def _parts(leak: Leak) -> str:
    parts = [f"domain {leak.domain.name} is {leak.domain.state}"] if leak.domain else []
    return " and its ".join([*parts, *(f"directory {name} is" for name in leak.directories)])


def _recorded(host: str, leak: Leak, record: Record) -> Finding | None:
    """Something of an instance that is recorded here is only told when it is half removed and nothing is under way; of one elsewhere, always."""
    name, home = record.instance.name, record.instance.host
    if home != host:
        detail = f"it is recorded on {home}, and its {_parts(leak)} here"
        return Finding(
            "instance", name, host, "two-hosts", detail, Repair.CANNOT, f"look which is the right one; nothing of {home}'s is touched"
        )
    if TABLE.state(record.state).busy or not leak.directories:
        return None
    detail = f"directory {leak.directories[0]} is half removed, and the instance is {record.state}"
    return Finding("file", name, host, "leftover-directory", detail, Repair.CANNOT, "if nothing in it is missed, remove it there by hand")


def _loose(there: others.Others, facts: Facts, books: Books) -> Iterator[qemu.Process]:
    """Processes that libvirt does not know."""
    every = facts[qemu.Every()]
    known = {each.uuid for each in there.domains if each.running}
    for record in books.records.values():
        found = facts.get(domains.Key(record.instance.domain))
        known |= {record.instance.uuid} if isinstance(found, domains.Domain) and found.state not in power.OFF else set()
    yield from (each for each in (every if isinstance(every, tuple) else ()) if each.uuid not in known)


def _process(host: str, process: qemu.Process, books: Books) -> Finding:
    detail = f"QEMU of {process.uuid}, pid {process.pid}, and libvirt knows nothing of it"
    if not books.destroyed(process.uuid):
        return Finding("process", process.uuid, host, "foreign-process", detail, Repair.CANNOT, "left as it is")
    return Finding(
        "process",
        process.uuid,
        host,
        "unmanaged-qemu",
        detail,
        Repair.CANNOT,
        f"no instance has it any more: on the host, kill {process.pid}",
    )


def removal(host: Host, leak: Leak) -> Lane:
    """What ends it: its process, its definition, its directories, each by way of its `_del`."""
    actions: list[Action] = []
    if leak.domain and leak.domain.running:
        actions += tagged([power.ending(leak.uuid)], "teardown.destroy_domain")
    if leak.domain and leak.domain.persistent:
        actions += tagged([define_domain.undefining(leak.uuid)], "teardown.undefine_domain")
    actions += tagged(_unmade(f"{host.instances_path}/{leak.uuid}", leak), "teardown.remove_directory")
    return Lane(f"instance/{leak.uuid}", tuple(actions))


def _unmade(path: str, leak: Leak) -> Iterator[Action]:
    remove = Command(("rm", "-rf", "--", f"{path}{LEFT}"), timeout=600)
    if leak.uuid in leak.directories:
        if f"{leak.uuid}{LEFT}" in leak.directories:
            yield remove
        yield Command(("mv", "-T", "--", path, f"{path}{LEFT}"))
    if leak.directories:
        yield remove
