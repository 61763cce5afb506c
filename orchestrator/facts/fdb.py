"""Where a VXLAN device sends what it has no single destination for: its flood entries (bridge(8), `00:00:00:00:00:00`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record

ALL = "00:00:00:00:00:00"
SCRIPT = """for device; do
  [ -e "/sys/class/net/$device" ] || continue
  entries=$(bridge fdb show dev "$device") || { [ ! -e "/sys/class/net/$device" ] && continue; exit 1; }
  echo "device $device"
  printf '%s\\n' "$entries" | grep '^00:00:00:00:00:00 dst ' || :
done"""
"""Without the entries that it learned: they come and go, and there may be thousands."""


class Key(Struct, frozen=True):
    """A device name."""

    name: str

    def __str__(self) -> str:
        return f"flood entries of {self.name}"


class Needed(tuple[str, ...]):
    """Addresses that are to be there, where there were those of `before`. It equals what is found when all of it is there, and nothing of `before`
    but it: an address that came meanwhile is another run's, and no fault.
    """

    gone: frozenset[str]

    def __new__(cls, wanted: Iterable[str], before: Iterable[str] = ()) -> Needed:
        made = super().__new__(cls, sorted(wanted))
        made.gone = frozenset(before) - set(made)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and set(self) <= set(other) and not self.gone & set(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # what equals it is not one value


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "flood-entries", *(key.name for key in keys))),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, tuple[str, ...] | None]:
    """Addresses, sorted; None: no such device."""
    found: dict[str, set[str]] = {}
    device = ""
    for first, second, *rest in (line.split() for line in records[0].output.decode("utf-8", "replace").splitlines()):
        if first == "device":
            device = second
            found[device] = set()
        elif rest:
            found[device].add(rest[0])
    return {key: tuple(sorted(found[key.name])) if key.name in found else None for key in keys}
