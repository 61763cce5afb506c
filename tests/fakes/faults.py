"""What may go wrong on the way to a host, and on it."""

from __future__ import annotations

from msgspec import Struct, field

from tests.fakes.state import Result


class Failure(Struct):
    """An action or a read that holds `match` ends with `result`, `times` times (None: always)."""

    match: str
    result: Result
    times: int | None

    def strikes(self, shown: str) -> bool:
        """Whether it is this one's turn; counts down."""
        if self.match not in shown or self.times == 0:
            return False
        self.times = None if self.times is None else self.times - 1
        return True


class Cut(Struct, frozen=True):
    """The connection is lost after so many records; `lingers`: the job then waits until somebody looks after it."""

    after: int
    lingers: bool


class Faults(Struct):
    """Of one host."""

    cut: Cut | None = None
    unreachable: int | None = 0  # connections that fail from now on; None: all of them
    failures: list[Failure] = field(default_factory=list)
    held: set[str] = field(default_factory=set)  # lane keys whose lock another job keeps

    def failure(self, shown: str) -> Result | None:
        """The outcome forced on what is about to run."""
        return next((failure.result for failure in self.failures if failure.strikes(shown)), None)

    def refuses(self) -> bool:
        """Whether this connection fails; counts down."""
        if self.unreachable == 0:
            return False
        self.unreachable = None if self.unreachable is None else self.unreachable - 1
        return True
