"""What a table of states is made of."""

from __future__ import annotations

from msgspec import Struct


class State(Struct, frozen=True):
    """A row. A busy state has steps and a `failure`; a rest state has neither. `vm_state` None: left as it was (nova-facts: vm_state, task_state)."""

    name: str
    vm_state: str | None
    task_state: str | None
    status: str  # what Nova's API shows
    steps: tuple[str, ...] = ()
    failure: str | None = None  # the state that a failed step leads to
    undoes: bool = False  # a failed step has everything undone that was done since the last rest state
    removes: bool = False  # its end is the end of the instance

    @property
    def busy(self) -> bool:
        return self.failure is not None


class Edge(Struct, frozen=True):
    """`trigger` leads from any of `sources` to `dest`."""

    trigger: str
    sources: tuple[str, ...]
    dest: str


class Table(Struct, frozen=True):
    """A whole life. `initial` is where a new record begins."""

    name: str
    initial: str
    states: tuple[State, ...]
    edges: tuple[Edge, ...]

    def state(self, name: str) -> State:
        """The row called `name`. Raises KeyError."""
        return next((state for state in self.states if state.name == name), None) or _missing(name)

    def next(self, name: str) -> State:
        """Where a busy state leads when its steps are done."""
        return self.state(next(edge.dest for edge in self.edges if edge.trigger == DONE and name in edge.sources))

    def leads(self, trigger: str, source: str) -> State | None:
        """Where `trigger` leads from `source`; None when it is not legal there."""
        return next((self.state(edge.dest) for edge in self.edges if edge.trigger == trigger and source in edge.sources), None)


DONE = "done"
FAIL = "fail"


def _missing(name: str) -> State:
    raise KeyError(name)
