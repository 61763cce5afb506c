"""Variables of a play: worked out when first asked for, so that they may refer to each other in any order."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping

from orchestrator.files import yaml
from orchestrator.files.playbook import values
from orchestrator.model import errors
from orchestrator.rendering import expressions

RESERVED = frozenset({"item", "range", "true", "false", "none", "self", "loop", "context"})


class Variables(Mapping[str, object]):
    """Names to values; a value is a node of a file (expressions in it are worked out) or given as it is."""

    def __init__(self, given: Mapping[str, object], bound: Mapping[str, object] | None = None) -> None:
        self._given = given
        self._values: dict[str, object] = dict(bound or {})
        self._open: list[str] = []  # being worked out, outermost first
        self._itemised: set[str] = set()  # whose value hangs on `item`

    def __getitem__(self, name: str) -> object:
        """The value of `name`; KeyError when there is none, SpecError when it cannot be worked out."""
        if name in self._itemised:
            self._itemised.update(self._open)
        if name in self._values:
            return self._values[name]
        raw = self._given[name]
        if name in self._open:
            raise self._cycle(self._open[self._open.index(name) :])
        self._open.append(name)
        try:
            self._values[name] = values.evaluate(raw, self) if isinstance(raw, yaml.Node) else raw
        finally:
            self._open.pop()
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._given, **self._values})

    def __len__(self) -> int:
        return len({**self._given, **self._values})

    def __contains__(self, name: object) -> bool:
        if name == "item":
            self._itemised.update(self._open)
        return name in self._values or name in self._given

    def bind(self, item: object) -> Variables:
        """The same variables where `item` is known: those that hang on it are worked out anew, the others are kept."""
        kept = {name: value for name, value in self._values.items() if name not in self._itemised}
        return Variables(self._given, {**kept, "item": item})

    def complaints(self) -> Iterator[errors.SpecError]:
        """What is wrong with any variable, used or not; those that mention `item` are judged in their loops only."""
        for name in self._given:
            try:
                self[name]
            except expressions.UndefinedVariable as error:
                if error.name != "item":
                    yield error
            except errors.SpecError as error:
                yield error

    def _cycle(self, names: list[str]) -> errors.SpecError:
        """The same cycle reads the same wherever it was entered: it begins with the name that comes first."""
        start = names.index(min(names))
        ring = [*names[start:], *names[:start], names[start]]
        raw = self._given[ring[0]]
        where = str(raw.mark) if isinstance(raw, yaml.Node) else ""
        return errors.SpecError(f"cyclic variable {' -> '.join(ring)}", where, hint="give one of them a value of its own")


def named(node: yaml.Mapping) -> tuple[dict[str, object], list[errors.SpecError]]:
    """The variables of a mapping by name, and an error for each name that an expression could not use."""
    wrong = [
        errors.SpecError(
            f"'{key.text:.40}' cannot be the name of a variable",
            str(key.mark),
            hint="it has a meaning of its own" if key.text in RESERVED else "letters, digits and underscores",
        )
        for key, _ in node.items
        if not is_name(key.text)
    ]
    return {key.text: value for key, value in node.items if is_name(key.text)}, wrong


def is_name(name: str) -> bool:
    """Whether an expression can use `name`."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED
