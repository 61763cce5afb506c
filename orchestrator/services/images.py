"""The images in the hosts' caches: which there are, whether they are whole, brought there before they are needed, removed when nothing rests on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.commands.command import Action, Batch, Command, Lane, Record
from orchestrator.drivers.images import cache
from orchestrator.facts import cached, gather, image_cache
from orchestrator.facts.image_cache import Held
from orchestrator.model import errors, names
from orchestrator.model.desired import Image
from orchestrator.model.host import Host
from orchestrator.services.app import App

T = TypeVar("T")
R = TypeVar("R")
DAY = 24 * 3600
"""Seconds that an image which nothing rests on is kept (nova remove_unused_original_minimum_age_seconds)."""
SUM = 'for b; do s=$(sha256sum -- "$b") && printf "%s  %s\\n" "${s%% *}" "$b"; done; true'
"""paths: sha256 and path of each that can be read."""
REMOVE = r"""
for d in "$2"/*/disk*; do
  [ -f "$d" ] && head -c 4096 -- "$d" | grep -qaF -- "${1##*/}" && { echo "$d rests on it"; exit 1; }
done
rm -f -- "$1" "$1.sha256"
"""
"""base instances_path: removes the base, unless a disk rests on it by now, whoever's."""


class Shelf(Struct, frozen=True):
    """A host's cache, or the error that kept it from being seen. `damaged`: by path, what is wrong, of those whose digests were worked out."""

    host: Host
    images: tuple[Held, ...] = ()
    error: errors.HostError | None = None
    damaged: Mapping[str, str] | None = None


class Done(Struct, frozen=True):
    """What became of an image on a host: status there, pushed, removed, kept, failed or unreachable."""

    host: str
    path: str
    status: str
    why: str = ""


def shelves(app: App, hosts: Sequence[Host]) -> tuple[Shelf, ...]:
    """Each host's cache, in the hosts' order."""

    def look(host: Host) -> Shelf:
        keys = (image_cache.Key(host.instances_path),)
        facts = gather.parse(keys, app.transport.run(host, Batch(f"images-{host.name}", 0, reads=gather.commands(keys)), _ignore))
        found = facts[keys[0]]
        assert isinstance(found, tuple)  # noqa: S101  # the fact's own type
        return Shelf(host, found)

    return _each(app, hosts, look, lambda host, error: Shelf(host, error=error))


def verify(app: App, hosts: Sequence[Host], name: str | None = None) -> tuple[Shelf, ...]:
    """Each host's cache, with what is wrong with its images, every byte of them read; only those called `name` if one is given."""

    def check(shelf: Shelf) -> Shelf:
        if shelf.error:
            return shelf
        asked = [held for held in shelf.images if name in (None, held.name)]
        readable = tuple(held.path for held in asked if held.size is not None and held.digest)
        digests: dict[str, str] = {}
        if readable:
            read = Command(("sh", "-c", SUM, "sum-images", *readable), timeout=4 * 3600)
            (record,) = app.transport.run(shelf.host, Batch(f"verify-{shelf.host.name}", 0, reads=(read,)), _ignore)
            digests = {path: digest for digest, _, path in (line.partition("  ") for line in record.output.decode().splitlines())}
        wrong = {held.path: why for held in asked if (why := _trouble(held, digests.get(held.path)))}
        return replace(shelf, images=tuple(asked), damaged=wrong)

    found = shelves(app, hosts)
    return _each(app, found, check, lambda shelf, error: Shelf(shelf.host, error=error))


def _trouble(held: Held, digest: str | None) -> str:
    if held.size is None:
        return "it is gone, and disks rest on it" if held.users else ""
    if not held.digest:
        return ""
    if held.size != held.wanted:
        return f"it has {held.size} bytes, and had {held.wanted}"
    if digest is None:
        return "it cannot be read"
    return "" if digest == held.digest else f"it is sha256:{digest}, and was sha256:{held.digest}"


def instances_on(app: App, host: str, path: str) -> tuple[str, ...]:
    """Names of the recorded instances whose disks rest on a base, those that are only being made included."""
    found = (record.instance for record in app.store.records() if record.instance.host == host)
    return tuple(each.name for each in found if path in {disk.base.path for disk in each.disks})


def known(app: App) -> dict[str, Image]:
    """The images that playbooks have declared so far, by name."""
    return {each.name: Image(**json.loads(each.body)) for each in app.store.resources("image")}


def prunable(app: App, shelf: Shelf, age: int = DAY) -> Iterator[Held]:
    """The images of ours on a host that nothing rests on: no recorded instance, no disk there, made at least `age` seconds ago."""
    for held in shelf.images:
        if held.digest and not held.users and (held.age >= age or held.size is None) and not instances_on(app, shelf.host.name, held.path):
            yield held


def prune(app: App, chosen: Sequence[tuple[Host, Held]]) -> tuple[Done, ...]:
    """Remove images; one that something rests on by now stays."""

    def lane(host: Host, held: Held) -> Lane:
        remove = Command(("sh", "-c", REMOVE, "remove-image", held.path, host.instances_path), step="prune", timeout=300)
        return Lane(f"shared/image {held.path}", (remove,))

    work = {host.name: [lane(host, held) for other, held in chosen if other == host] for host, _ in chosen}
    return _carried_out(app, "image prune", work, ("removed", "kept"), lambda host, path: ", ".join(instances_on(app, host, path)))


def push(app: App, image: Image, hosts: Sequence[Host]) -> tuple[Done, ...]:
    """Bring the image into the hosts' caches, where it is not there already."""
    keys = {host.name: cached.Key(names.base(host.instances_path, names.image_id(image.name, image.digest))) for host in hosts}

    def look(host: Host) -> Done:
        key = keys[host.name]
        facts = gather.parse((key,), app.transport.run(host, Batch(f"images-{host.name}", 0, reads=gather.commands((key,))), _ignore))
        if facts[key] is None:
            return Done(host.name, key.path, "missing")
        return Done(host.name, key.path, "there") if facts[key] == cached.WHOLE else Done(host.name, key.path, "failed", str(facts[key]))

    seen = _each(app, hosts, look, _lost)
    work = {
        each.host: [Lane(f"shared/image {each.path}", _told(cache.fetch(image, each.path)), unless=each.path)]
        for each in seen
        if each.status == "missing"
    }
    done = {each.host: each for each in _carried_out(app, "image push", work, ("pushed", "failed"))}
    return tuple(done.get(each.host, each) for each in seen)


def _told(actions: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(replace(action, step="push") for action in actions)


def _carried_out(
    app: App,
    verb: str,
    work: Mapping[str, Sequence[Lane]],
    words: tuple[str, str],
    users: Callable[[str, str], str] = lambda host, path: "",
) -> tuple[Done, ...]:
    """Each lane's outcome, in the first of the two words when it went well. A lane whose path has `users` when it would be sent is not."""
    if not work:
        return ()
    run, status = app.store.begin(verb, (), app.wait), "failed"

    def send(name: str) -> tuple[Done, ...]:
        heard: dict[str, Record] = {}
        used = {lane.key: who for lane in work[name] if (who := users(name, _path(lane)))}
        if lanes := tuple(lane for lane in work[name] if lane.key not in used):
            batch = Batch(f"{run.id}-{name}", run.epoch, lanes)
            app.transport.run(app.inventory.hosts[name], batch, lambda record: heard.update({record.lane: record}))
        kept = {key: f"disks of {who} rest on it" for key, who in used.items()}
        return tuple(_done(name, lane, heard.get(lane.key), words, kept.get(lane.key, "")) for lane in work[name])

    def lost(name: str, error: errors.HostError) -> tuple[Done, ...]:
        return tuple(_lost(app.inventory.hosts[name], error, _path(lane)) for lane in work[name])

    try:
        found = tuple(each for host in _each(app, tuple(work), send, lost) for each in host)
        status = "ok" if all(each.status == words[0] for each in found) else "failed"
        return found
    finally:
        app.store.finish(run, status, "")


def _path(lane: Lane) -> str:
    return lane.key.partition(" ")[2]


def _done(host: str, lane: Lane, last: Record | None, words: tuple[str, str], kept: str = "") -> Done:
    path = _path(lane)
    if kept:
        return Done(host, path, words[1], kept)
    if last and last.kind == "done" and last.code == 0 and last.index == len(lane.actions) - 1:
        return Done(host, path, words[0])
    said = last.output.decode("utf-8", "replace").strip()[-500:] if last else ""
    return Done(host, path, words[1], said or (f"exit code {last.code}" if last and last.kind == "done" else "the host refuses"))


def _lost(host: Host, error: errors.HostError, path: str = "") -> Done:
    return Done(host.name, path, "unreachable" if isinstance(error, errors.Unreachable | errors.OutcomeUnknown) else "failed", str(error))


def _each(app: App, things: Sequence[T], work: Callable[[T], R], otherwise: Callable[[T, errors.HostError], R]) -> tuple[R, ...]:
    """What `work` makes of each, several hosts at once; of one whose host fails, what `otherwise` makes."""

    def one(thing: T) -> R:
        try:
            return work(thing)
        except errors.HostError as error:
            return otherwise(thing, error)

    with futures.ThreadPoolExecutor(max(1, min(app.forks, len(things)))) as pool:
        return tuple(pool.map(one, things))


def _ignore(record: Record) -> None:
    """Reads are answered as a whole."""
