"""In which batches instances are worked off, and what ends a run between two of them: Ansible's rules, of instances where it has hosts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.model.desired import Desired, InstanceRequest, Play

PLAIN = Play()
"""How instances are worked off whose plays say nothing of it."""


class Batch(Struct, frozen=True):
    """Instances that are worked on side by side, by name, and the play that says how."""

    play: Play
    names: tuple[str, ...]


class Stage(Struct, frozen=True):
    """A batch as it is foreseen: the play's name, its instances and those of them that something is done to, and by handler's name the hosts that are to run it.

    `shuffled`: the order is another one with each run, so that of the batch only its `size` is known, and of handlers their names.
    """

    play: str
    size: int
    names: tuple[str, ...]
    busy: tuple[str, ...]
    handlers: Mapping[str, tuple[str, ...]]
    shuffled: bool = False


def batches(desired: Desired, seed: str) -> tuple[Batch, ...]:
    """All instances, in the order of the plays. Plays next to each other that say nothing of batches are one: what is wanted has no order.

    `seed` is what `shuffle` hangs on.
    """
    found: list[Batch] = []
    for play, wishes in _runs(desired):
        names = _ordered(play.order, [wish.name for wish in wishes], seed)
        for size in _sizes(play.serial, len(names)):
            found.append(Batch(play, tuple(names[:size])))
            names = names[size:]
    return tuple(found)


def _runs(desired: Desired) -> Iterator[tuple[Play, list[InstanceRequest]]]:
    """The plays with their instances; those that say nothing of batches as one with such ones before them."""
    of: dict[int, list[InstanceRequest]] = {}
    for wish in desired.instances.values():
        of.setdefault(wish.play, []).append(wish)
    plain: list[InstanceRequest] = []
    for index in sorted(of):
        play = desired.plays[index]
        if _plain(play):
            plain += of[index]
            continue
        if plain:
            yield PLAIN, plain
            plain = []
        yield play, of[index]
    if plain:
        yield PLAIN, plain


def _plain(play: Play) -> bool:
    return not (play.serial or play.max_fail_percentage is not None or play.any_errors_fatal or play.throttle or play.handlers)


def _sizes(serial: Sequence[str], count: int) -> Iterator[int]:
    """Sizes of batches; the last repeats (ansible `_get_serialized_batches`, `pct_to_int`: a percentage is of the play's, and at least one)."""
    left = count
    for number in itertools.count():
        word = serial[min(number, len(serial) - 1)] if serial else "0"
        size = max(1, int(int(word.removesuffix("%")) / 100.0 * count)) if word.endswith("%") else int(word)
        yield size or left
        left -= size or left
        if left <= 0:
            return


def _ordered(order: str, names: Sequence[str], seed: str) -> list[str]:
    """As ansible's `get_hosts` orders hosts; `shuffle` is another order with each seed, and the same with the same."""
    if order == "shuffle":
        return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    found = sorted(names) if order.endswith("sorted") else list(names)
    return found[::-1] if order.startswith("reverse") else found


def ends(play: Play, size: int, failed: int, unreachable: int) -> str:
    """Why no other batch is begun after one of `size` instances; "" when they go on.

    As ansible-core (playbook_executor.py `run`, plugins/strategy/linear.py): those that were not reached do not count for max_fail_percentage. They do
    for any_errors_fatal, where ansible-core 2.19 means them to and counts each twice, so that it goes on.
    """
    if size and failed + unreachable >= size:
        return "all of a batch failed"
    if play.any_errors_fatal and failed + unreachable:
        return "any_errors_fatal"
    if play.max_fail_percentage is not None and failed * 100 > play.max_fail_percentage * size:
        return f"more than max_fail_percentage {play.max_fail_percentage:g}"
    return ""
