"""Why instances are where they are, where new ones would go, and where all would go if hosts were lost. Hosts are asked; nothing is changed anywhere."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.desired import Desired, InstanceRequest, ServerGroup
from orchestrator.model.instance import Record
from orchestrator.ports.store import Snapshot
from orchestrator.scheduling import explain, place, recorded
from orchestrator.scheduling.explain import Explanation, Judged
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.services import edits, plan, refusals, wishes
from orchestrator.services.app import App
from orchestrator.services.observe import observe


class Answer(Struct, frozen=True):
    """Of one instance: the host that it is recorded on, "" when it is new, and what was decided then; `now`: what is said of it at present.

    The reasons of now count its own claim as given back.
    """

    name: str
    host: str = ""
    kept: Decision | None = None
    now: Explanation | None = None

    @property
    def fits(self) -> bool:
        """Whether it has a host, or would find one."""
        return self.now is None or self.now.decision is not None


def named(app: App, names: Iterable[str], hosts: Sequence[str]) -> tuple[Answer, ...]:
    """Recorded instances: what was decided, and what would be now if each of them alone were to be placed anew on one of `hosts`.

    Raises KeyError for a name that is not recorded.
    """
    snapshot = app.store.snapshot()
    known = {record.instance.name: record for record in snapshot.records}
    wished = recorded.wishes((known[name].instance for name in names), tuple(hosts), _groups(app), Desired())
    sites = _look(app, hosts)
    return tuple(
        _answer(known[name], _placed(app, [wish], wished, sites, _anew(snapshot, [name]))[0]) for name, wish in wished.instances.items()
    )


def playbooks(app: App, desired: Desired) -> tuple[Answer, ...]:
    """The instances of playbooks in their order: what was decided on those that exist; where the others would go, each seeing those before it.

    Raises what `plan` raises.
    """
    snapshot, known = _known(app, desired)
    new = plan.homeless(list(desired.instances.values()), known)
    hosts = dict.fromkeys(host for wish in new for host in wish.hosts)
    found = {each.name: each for each in _placed(app, new, desired, _look(app, list(hosts)), snapshot)}
    there = [wish.name for wish in desired.instances.values() if wish.name in found or wish.name in known]
    return tuple(_answer(known.get(name), found.get(name)) for name in there)


def without(app: App, lost: Sequence[str], hosts: Sequence[str], desired: Desired | None = None) -> tuple[Answer, ...]:
    """Where every instance of the `lost` hosts would go if these were gone, by name, each seeing those before it, and after them the new ones of
    playbooks. Of what playbooks do not say, any of `hosts` is allowed.

    Raises NotFound for a host that is neither in the inventory nor has an instance; what `plan` raises.
    """
    wanted = desired or Desired()
    snapshot, known = _known(app, wanted)
    _check(app, lost, known)
    displaced = [record for record in snapshot.records if record.instance.host in lost]
    kept = [record for record in displaced if record.instance.name not in wanted.instances]
    left = tuple(host for host in hosts if host not in lost)
    asked = recorded.wishes((record.instance for record in kept), left, _groups(app), wanted)
    requests = [asked.instances[record.instance.name] for record in displaced]
    names = {record.instance.name for record in displaced}
    requests += plan.homeless([wish for wish in wanted.instances.values() if wish.name not in names], known)
    going = [
        structs.replace(wish, hosts=tuple(host for host in wish.hosts if host not in lost)) for wish in requests if wish.state != "absent"
    ]
    sites = _look(app, list(dict.fromkeys(host for wish in going for host in wish.hosts)))
    found = _placed(app, going, asked, sites, _anew(snapshot, names))
    return tuple(_answer(known.get(each.name), each) for each in found)


def _known(app: App, desired: Desired) -> tuple[Snapshot, Mapping[str, Record]]:
    """What is recorded, as apply would have it before it places anything."""
    snapshot = wishes.of(app, app.store.snapshot(), desired).snapshot
    changing = edits.of(app, snapshot, desired)
    refusals.check(app, snapshot, desired, changing)
    wished = edits.amended(snapshot, desired, changing)
    refusals.room(app, snapshot, wished, desired)
    return wished, {record.instance.name: record for record in wished.records}


def _check(app: App, lost: Sequence[str], known: Mapping[str, Record]) -> None:
    there = {*app.inventory.hosts, *(record.instance.host for record in known.values())}
    for name in lost:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            raise errors.NotFound(
                f"no host {name!r}", "--without", hint=f"did you mean {near[0]!r}?" if near else "see `orchestrator get hosts`"
            )


def _look(app: App, hosts: Sequence[str]) -> list[place.Site]:
    return plan.sites(app, observe(app, [app.inventory.hosts[name] for name in hosts], ()))


def _placed(
    app: App, requests: Sequence[InstanceRequest], desired: Desired, sites: Sequence[place.Site], snapshot: Snapshot
) -> tuple[Explanation, ...]:
    """Where the requests go, in their order, as apply would place them."""
    judged: dict[str, tuple[Judged, ...]] = {}

    def asked(states: Sequence[HostState], request: Request) -> None:
        judged[request.instance.name] = explain.judge(states, request, app.scheduler)

    made, _ = place.place(requests, desired, sites, app.store.lineage, snapshot, options=app.scheduler, asked=asked)
    decisions = {placement.instance.name: placement.decision for placement in made}
    return tuple(explain.decided(wish.name, judged[wish.name], decisions.get(wish.name)) for wish in requests)


def _anew(snapshot: Snapshot, names: Iterable[str]) -> Snapshot:
    """As if nothing had been tried for these yet."""
    forgotten = set(names)
    records = (structs.replace(each, decision=Decision()) if each.instance.name in forgotten else each for each in snapshot.records)
    return structs.replace(snapshot, records=tuple(records))


def _answer(record: Record | None, now: Explanation | None) -> Answer:
    if record is None:
        return Answer(now.name if now else "", now=now)
    return Answer(record.instance.name, record.instance.host, record.decision, now)


def _groups(app: App) -> dict[str, ServerGroup]:
    """The server groups of the playbooks that were applied."""
    return {each.name: ServerGroup(**json.loads(each.body)) for each in app.store.resources("server_group")}
