"""Variables given on the command line, as Ansible reads them: `name=value`, YAML or JSON in braces, `@file`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from orchestrator.files import text, yaml
from orchestrator.files.playbook import variables
from orchestrator.model import errors
from orchestrator.model.mark import Mark

PAIR = re.compile(r"([^\s=]+)=(.*)", re.DOTALL)
HINT = "write -e name=value, -e '{name: value}' or -e @FILE"


def read(given: Sequence[str]) -> dict[str, yaml.Node]:
    """Name -> value, later ones win. Unlike Ansible's, the value of `count=3` is a number where one is asked for.

    Raises SpecErrors for files, UsageError for what cannot be read.
    """
    found: dict[str, yaml.Node] = {}
    for each in given:
        found.update(_one(each))
    return found


def _one(given: str) -> dict[str, yaml.Node]:
    if given.startswith("@"):
        name = os.path.expanduser(given[1:])  # noqa: PTH111 - Path.expanduser raises where there is no home
        return _mapping(yaml.load(text.read(Path(name)), name), errors.SpecError)
    if given.lstrip().startswith(("{", "[")):
        try:
            return _mapping(yaml.load(given, "-e"), errors.UsageError)
        except errors.SpecErrors as error:
            raise errors.UsageError("cannot read the variables", hint=HINT, why=str(error.errors[0])) from None
    return {name: yaml.Scalar(yaml.resolve(value), value, Mark(f"-e {name}")) for name, value in _pairs(given)}


def _mapping(node: yaml.Node, kind: type[errors.OrchestratorError]) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.Mapping):
        raise kind("variables are a mapping", str(node.mark), hint="name: value")
    found, wrong = variables.named(node)
    if wrong:
        raise wrong[0]
    return {name: value for name, value in found.items() if isinstance(value, yaml.Scalar | yaml.Sequence | yaml.Mapping)}


def _pairs(given: str) -> list[tuple[str, str]]:
    """`a=1 b='two words'` are two; a value with spaces may also stand alone, for the shell has taken its quotes."""
    try:
        words = [PAIR.fullmatch(word) for word in shlex.split(given)]
    except ValueError:
        words = [None]
    if not words or not all(word and variables.is_name(word[1]) for word in words):
        words = [PAIR.fullmatch(given)]
    pairs = [(word[1], word[2]) for word in words if word]
    for name, _ in pairs:
        if not variables.is_name(name):
            raise errors.UsageError(f"{name!r:.60} cannot be the name of a variable", "-e", "letters, digits and underscores", HINT)
    if not pairs:
        raise errors.UsageError("not a variable", "-e", hint=HINT)
    return pairs
