"""Verbs on volumes: attach, detach, delete, extend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from orchestrator.engine.context import Outcome
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.model.volume import Volume, VolumeRecord
from orchestrator.planning import course
from orchestrator.ports.store import Run
from orchestrator.ports.writes import AmendVolume, RemoveVolume, VolumeMove
from orchestrator.services import running, storage, wishes
from orchestrator.services.app import App
from orchestrator.services.carry_out import carry_out
from orchestrator.services.observe import observe
from orchestrator.services.report import Report
from orchestrator.services.wanted import pick
from orchestrator.states.instance import TABLE

REST = ("ACTIVE", "STOPPED")


def attach(app: App, name: str, volume: str) -> Report:
    """Give the volume to the instance, as a disk of it while it runs; what was begun is finished. An attachment that fails is taken back.

    Raises NotFound, Conflict when the volume is another instance's, StateError, LockHeld, HostError of the host that keeps the volume.
    """

    def work(run: Run) -> Report:
        record, wanted = _idle(app, name), find(app, volume)
        if (wanted.instance, wanted.status) == (record.instance.uuid, "in-use"):
            return Report(run.id, (Outcome(name, record.instance.host, record.state, "unchanged"),))
        if (wanted.instance, wanted.status) != (record.instance.uuid, "attaching"):
            taken = {disk.device for disk in record.instance.disks} | {each.device for each in record.instance.volumes}
            made = wishes.arriving(app, record.instance, wanted, taken)
            storage.check(storage.make(app, run, [made.volume] if made.volume.backend != "local" else []))
            app.store.commit(run, wishes.claim(record.instance, made, wanted))
        outcome = _update(app, run, name, 0)
        if outcome.status == "failed":
            app.store.commit(run, [VolumeMove(wanted.volume.id, "attaching", "detaching", outcome.fault)])
            back = _update(app, run, name, 1)
            left = "" if back.status == "changed" else f"; it could not be taken back: {back.fault}"
            outcome = structs.replace(outcome, fault=outcome.fault + left)
        return _report(app, run, outcome)

    return running.run(app, "attach", _names(name, volume), work)


def detach(app: App, name: str, volume: str) -> Report:
    """Take the volume from the instance. It stays `detaching` until the host says that no process has it; then it is free.

    Raises NotFound, Conflict when it is not the instance's, or the disk that it boots from, StateError, LockHeld.
    """

    def work(run: Run) -> Report:
        record, wanted = _idle(app, name), find(app, volume)
        if wanted.instance != record.instance.uuid:
            raise errors.Conflict(
                f"volume {volume!r} is not attached to {name!r}", why=f"it is {wanted.status}", hint="see `orchestrator get volumes`"
            )
        if wanted.boot:
            raise errors.Conflict(f"{name!r} boots from volume {volume!r}", hint="destroy the instance: its volumes are kept")
        wishes.kept(name, wanted.volume)
        if wanted.status != "detaching":
            app.store.commit(run, [VolumeMove(wanted.volume.id, wanted.status, "detaching")])
        return _report(app, run, _update(app, run, name, 0))

    return running.run(app, "detach", _names(name, volume), work)


def delete(app: App, names: Sequence[str]) -> tuple[str, ...]:
    """Remove volumes with their data; their names. Raises NotFound, Conflict for one that an instance has (before anything is removed), HostError."""

    def work(run: Run) -> Report:
        doomed = [find(app, name) for name in dict.fromkeys(names)]
        for record in doomed:
            if record.instance:
                homes = {each.instance.uuid: each.instance.name for each in app.store.records()}
                why = f"it is {record.status} by instance {homes.get(record.instance)!r}"
                raise errors.Conflict(
                    f"volume {record.volume.name!r} cannot be deleted", why=why, hint="detach it first; nothing was deleted"
                )
        for record in doomed:
            if record.volume.host and record.volume.host not in app.inventory.hosts:
                raise errors.Conflict(
                    f"volume {record.volume.name!r} cannot be deleted",
                    why=f"its host {record.volume.host!r} is not in the inventory",
                    hint="put the host back into the inventory; nothing was deleted",
                )
        for record in doomed:
            app.store.commit(run, [VolumeMove(record.volume.id, record.status, "deleting")])
            storage.remove(app, run, [record.volume])
            app.store.commit(run, [RemoveVolume(record.volume.id)])
        return Report(run.id, ())

    running.run(app, "volume delete", [f"volume/{name}" for name in names], work)
    return tuple(dict.fromkeys(names))


def extend(app: App, volume: str, size: int) -> Report:
    """Make the volume larger, `size` in GiB, and the disk of the instance that has it. Raises NotFound, Conflict when it is smaller, HostError."""
    owner = _owner(app, find(app, volume))
    if find(app, volume).volume.adopted:
        raise errors.Conflict(
            f"volume {volume!r} cannot grow", why="it is a file that came with an adopted guest", hint="grow it on the host"
        )

    def work(run: Run) -> Report:
        record = find(app, volume)
        if size < record.volume.size:
            raise errors.Conflict(
                f"volume {volume!r} has {record.volume.size} GiB", why="a volume never shrinks", hint="give a larger size"
            )
        grown = structs.replace(record.volume, size=size)
        if owner:
            _idle(app, owner)
        if grown.backend != "local" or not owner:  # a file of its own instance's host is grown with the instance
            storage.check(storage.make(app, run, [grown]))
            app.store.commit(run, [AmendVolume(grown)])
        if not owner:
            return Report(run.id, ())
        outcome = _update(app, run, owner, 0, grown)
        if grown.backend == "local" and outcome.status == "changed":
            app.store.commit(run, [AmendVolume(structs.replace(find(app, volume).volume, size=size))])
        return _report(app, run, outcome)

    return running.run(app, "volume extend", ([owner] if owner else []) + [f"volume/{volume}"], work)


def find(app: App, name: str) -> VolumeRecord:
    """The volume called so. Raises NotFound."""
    found = next((record for record in app.store.volumes() if record.volume.name == name), None)
    if found is None:
        raise errors.NotFound(f"no volume {name!r}", hint="see `orchestrator get volumes`")
    return found


def _names(name: str, volume: str) -> tuple[str, str]:
    return name, f"volume/{volume}"


def _owner(app: App, record: VolumeRecord) -> str | None:
    return next((each.instance.name for each in app.store.records() if each.instance.uuid == record.instance), None)


def _idle(app: App, name: str) -> Record:
    """The instance, at rest or in the middle of such a change. Raises NotFound, StateError."""
    record = pick(app, [name])[0]
    if record.state not in (*REST, *(state.name for state in TABLE.states if state.busy and state.failure in REST)):
        hint = f"`orchestrator {'hard-reboot ' + name if record.instance.launched else 'apply'}` brings it to rest"
        raise errors.StateError(f"the volumes of {name!r} cannot be changed now", why=f"it is {record.state}", hint=hint)
    return record


def _update(app: App, run: Run, name: str, number: int, grown: Volume | None = None) -> Outcome:
    """The instance's volumes made what is recorded of them, and one `grown`."""
    record = pick(app, [name])[0]
    if grown:
        each = tuple(structs.replace(each, volume=grown) if each.volume.id == grown.id else each for each in record.instance.volumes)
        record = structs.replace(record, instance=structs.replace(record.instance, volumes=each))
    host = app.inventory.hosts[record.instance.host]
    seen = observe(app, [host], [record], run)[host.name]
    if seen.error:
        return Outcome(name, host.name, record.state, "unreachable", fault=str(seen.error))
    triggers = () if TABLE.state(record.state).busy else ("update",)
    charted = course.chart(record, triggers, seen.facts)
    outcomes, _ = carry_out(app, app.context(run), ([charted], {}), _no_more, number)
    return outcomes[name]


_no_more: Callable[..., None] = lambda record, facts, ground: None  # noqa: E731  # one course is all there is to do


def _report(app: App, run: Run, outcome: Outcome) -> Report:
    unreachable = {outcome.host: outcome.fault} if outcome.status == "unreachable" else {}
    return Report(run.id, (outcome,), unreachable, {outcome.host: app.transport.trips(outcome.host)})
