"""Facts that tell more than is compared."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class Seen(Struct, frozen=True, eq=False):
    """The fields called in ASIDE are told, and are no difference between two such facts."""

    ASIDE: ClassVar[frozenset[str]] = frozenset()

    def __eq__(self, other: object) -> bool:
        return self._compared() == other._compared() if type(other) is type(self) else NotImplemented

    def __ne__(self, other: object) -> bool:  # a Struct has one of its own, which knows nothing of the above
        return not self == other

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.__struct_fields__ if name not in self.ASIDE])
