"""From YAML nodes to values: expressions worked out, everything else kept as written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from msgspec import Struct

from orchestrator.files import yaml
from orchestrator.files.playbook import findings
from orchestrator.model import errors
from orchestrator.rendering import expressions


class Written(Struct, frozen=True):
    """An unquoted number or boolean, and how it was written: `1.10` is text where text is asked for."""

    value: bool | int | float
    text: str


class Failed(Enum):
    """Stands for a value that could not be worked out and has been complained about."""

    FAILED = "failed"


def _walk(node: yaml.Node, leaf: Callable[[yaml.Scalar], object]) -> object:
    if isinstance(node, yaml.Scalar):
        return leaf(node)
    if isinstance(node, yaml.Sequence):
        return [_walk(item, leaf) for item in node.items]
    return {key.text: _walk(value, leaf) for key, value in node.items}


def _evaluated(scalar: yaml.Scalar, variables: Mapping[str, object]) -> object:
    if not isinstance(scalar.value, str) or not expressions.is_expression(scalar.value):
        return scalar.value
    try:
        return expressions.evaluate(scalar.value, variables)
    except errors.SpecError as error:
        raise _placed(error, scalar) from None


def _placed(error: errors.SpecError, node: yaml.Node) -> errors.SpecError:
    """The error at the node's place, unless it already knows a better one."""
    error.where = error.where or str(node.mark)
    if isinstance(error, expressions.UndefinedVariable) and error.name == "item":
        error.hint = "item is known only in an entry with a loop"
    return error


def evaluate(node: yaml.Node, variables: Mapping[str, object]) -> object:
    """The node's value as plain data; SpecError, with its place, at the first expression that fails."""
    return _walk(node, lambda scalar: _evaluated(scalar, variables))


def written(node: yaml.Node, variables: Mapping[str, object], found: findings.Findings) -> object:
    """The node's value for a typed field: unquoted numbers and booleans as Written, failures noted and left as FAILED."""

    def leaf(scalar: yaml.Scalar) -> object:
        if isinstance(scalar.value, bool | int | float):
            return Written(scalar.value, scalar.text)
        try:
            return _evaluated(scalar, variables)
        except errors.SpecError as error:
            found.take(error)
            return Failed.FAILED

    return _walk(node, leaf)


def condition(node: yaml.Node, variables: Mapping[str, object]) -> bool:
    """The truth of a `when`: an expression, a boolean, or a list of them that must all hold. SpecError with its place."""
    if isinstance(node, yaml.Sequence):
        return all(condition(item, variables) for item in node.items)
    try:
        if isinstance(node, yaml.Scalar) and isinstance(node.value, bool):
            return node.value
        if isinstance(node, yaml.Scalar) and isinstance(node.value, str):
            return expressions.condition(node.value, variables)
        raise errors.SpecError("a condition must be an expression", hint="such as: when: item != 2")
    except errors.SpecError as error:
        raise _placed(error, node) from None
