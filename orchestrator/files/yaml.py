"""YAML as people write it: every value with its place and its written text, nothing executed, nothing that can blow up.

Scalars follow YAML 1.2's core schema, so `no`, `52:54:00:12:34:56`, `0000:01:00.0` and `2024-01-01` are strings.
Numbers with a leading zero (`0755`), and those that are not finite, stay strings as well. Merge keys (`<<`), which
Ansible's users rely on, are resolved.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import yaml
from msgspec import Struct
from yaml import events

from orchestrator.model.errors import SpecError, SpecErrors
from orchestrator.model.mark import Mark

TEXT_LIMIT = 1 << 20  # characters
DEPTH_LIMIT = 32
ALIAS_LIMIT = 1_000
NODE_LIMIT = 100_000  # with every alias counted as what it stands for

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,29})")
RADIX = re.compile(r"0x[0-9a-fA-F]{1,24}|0o[0-7]{1,30}")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
HINTS = {
    "mapping values": "a ': ' inside a value needs quotes around the value; otherwise check the indentation",
    "expected key": "check the indentation, and quotes that do not close",
    "cannot start any token": "quote a value that begins with this character",
}

Value = str | int | float | bool | None


class Scalar(Struct, frozen=True):
    """A single value. `text` is what was written (of a quoted value: its content)."""

    value: Value
    text: str
    mark: Mark


class Sequence(Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    mark: Mark


class Mapping(Struct, frozen=True):
    """Keys and values in the order written; no two keys have the same text."""

    items: tuple[tuple[Scalar, Node], ...]
    mark: Mark


Node = Scalar | Sequence | Mapping


def load(text: str, source: str) -> Node:
    """The document in `text`; an empty one is a null Scalar. `source` names it in errors.

    Raises SpecErrors with all that is wrong.
    """
    _check_text(text, source)
    composer = _Composer(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), source)
    try:
        document = composer.document()
    except SpecError as error:
        composer.errors.append(error)
    except yaml.YAMLError as error:
        composer.errors.append(_syntax(error, text, source))
    if composer.errors:
        raise SpecErrors(composer.errors)
    return document


def plain(node: Node) -> object:
    """The node as dict, list and scalar values; keys are their text."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.items}


def wrap(value: object, mark: Mark, depth: int = 1) -> Node:
    """The inverse of `plain`, for values that came from JSON or Python literals; all have the same place.

    What no file of ours can say (bytes, sets, complex numbers) becomes text or a list. Raises SpecError when nested too deep.
    """
    if depth > DEPTH_LIMIT:
        raise SpecError(f"nested deeper than {DEPTH_LIMIT} levels", str(mark))
    if isinstance(value, dict):
        items = ((_text(key, mark), wrap(item, mark, depth + 1)) for key, item in value.items())
        return Mapping(tuple(items), mark)
    if isinstance(value, (list, tuple, set, frozenset)):
        return Sequence(tuple(wrap(item, mark, depth + 1) for item in value), mark)
    if isinstance(value, int) and value.bit_length() > 128:
        raise SpecError("a number beyond 128 bits", str(mark))
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return Scalar(value, "" if value is None else str(value), mark)
    return _text(value, mark)


def resolve(text: str) -> Value:
    """The value that an unquoted `text` stands for."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if INT.fullmatch(text):
        return int(text)
    if RADIX.fullmatch(text):
        return int(text, 0)
    if FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _text(value: object, mark: Mark) -> Scalar:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return Scalar(text, text, mark)


def _check_text(text: str, source: str) -> None:
    if len(text) > TEXT_LIMIT:
        raise SpecErrors([SpecError("the text is larger than 1 MiB", source, hint="split the file")])
    if found := CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        what = f"control character U+{ord(found[0]):04X}" if found[0] != "\ufeff" else "byte order mark"
        hint = "remove it; is the file really UTF-8 text?"
        raise SpecErrors([SpecError(what, str(Mark(source, line, column)), "not allowed in YAML", hint)])


def _syntax(error: yaml.YAMLError, text: str, source: str) -> SpecError:
    """PyYAML's own words, with the place, and a hint where one is known."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem, context = getattr(error, "problem", None) or str(error), getattr(error, "context", None) or ""
    if mark is None:
        return SpecError(problem, source, context)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    where = str(Mark(source, mark.line + 1, mark.column + 1))
    if line[mark.column : mark.column + 1] == "\t":
        return SpecError("a tab where only spaces may stand", where, hint="indent with spaces")
    hint = next((hint for part, hint in HINTS.items() if part in problem), "")
    return SpecError(problem, where, context, hint)


class _Anchor(Struct, frozen=True):
    node: Node
    size: int  # nodes in it, aliases expanded
    height: int


class _Composer:
    """Builds nodes from events. Depth and size are checked before anything is built, which bounds the recursion."""

    def __init__(self, stream: Iterator[events.Event], source: str) -> None:
        self.stream, self.source = stream, source
        self.errors: list[SpecError] = []
        self.anchors: dict[str, _Anchor | None] = {}  # None: still being built
        self.aliases = self.nodes = self.deepest = 0

    def document(self) -> Node:
        next(self.stream)  # stream start
        if isinstance(next(self.stream), events.StreamEndEvent):
            return Scalar(None, "", Mark(self.source, 1, 1))
        node = self.node(next(self.stream), 1)
        next(self.stream)  # document end
        if not isinstance(event := next(self.stream), events.StreamEndEvent):
            why, hint = "one file holds one document", "remove the '---' or split the file"
            raise SpecError("a second document", str(self.mark(event)), why, hint)
        return node

    def mark(self, event: events.Event) -> Mark:
        start = event.start_mark
        return Mark(self.source, start.line + 1, start.column + 1) if start else Mark(self.source)

    def node(self, event: events.Event, depth: int) -> Node:
        mark = self.mark(event)
        if isinstance(event, events.AliasEvent):
            return self.alias(event, depth, mark)
        before, deepest = self.nodes, self.deepest
        self.count(1, depth, mark)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is None:
            return self.build(event, depth, mark)
        self.anchors[anchor], self.deepest = None, depth
        node = self.build(event, depth, mark)
        self.anchors[anchor] = _Anchor(node, self.nodes - before, self.deepest - depth)
        self.deepest = max(deepest, self.deepest)
        return node

    def count(self, size: int, depth: int, mark: Mark) -> None:
        self.nodes += size
        self.deepest = max(self.deepest, depth)
        if depth > DEPTH_LIMIT:
            raise SpecError(f"nested deeper than {DEPTH_LIMIT} levels", str(mark))
        if self.nodes > NODE_LIMIT:
            why = "each alias counts as all it stands for"
            raise SpecError(f"more than {NODE_LIMIT:,} values", str(mark), why, "split the file")

    def alias(self, event: events.AliasEvent, depth: int, mark: Mark) -> Node:
        name = str(event.anchor)
        if name not in self.anchors:
            hint = f"write '&{name}' at the value it stands for, before it"
            raise SpecError(f"alias '*{name}' has no anchor", str(mark), hint=hint)
        found = self.anchors[name]
        if found is None:
            raise SpecError(f"alias '*{name}' stands inside its own anchor", str(mark), "a value cannot contain itself")
        self.aliases += 1
        if self.aliases > ALIAS_LIMIT:
            raise SpecError(f"more than {ALIAS_LIMIT:,} aliases", str(mark))
        self.count(found.size, depth + found.height, mark)
        return found.node

    def build(self, event: events.Event, depth: int, mark: Mark) -> Node:
        if isinstance(event, events.ScalarEvent):
            return self.scalar(event, mark)
        self.check_tag(getattr(event, "tag", None), (), mark)
        return self.sequence(depth, mark) if isinstance(event, events.SequenceStartEvent) else self.mapping(depth, mark)

    def check_tag(self, tag: str | None, allowed: tuple[str, ...], mark: Mark) -> None:
        if tag is not None and tag not in allowed:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            why = "encrypted values are not read here" if shown == "!vault" else "tags are not read here"
            self.errors.append(SpecError(f"tag '{shown}'", str(mark), why, "write the plain value"))

    def scalar(self, event: events.ScalarEvent, mark: Mark) -> Scalar:
        text: str = event.value
        self.check_tag(event.tag, TEXT_TAGS, mark)
        if found := CONTROL.search(text):
            what = f"control character U+{ord(found[0]):04X} in a value"
            self.errors.append(SpecError(what, str(mark), hint="remove it"))
        return Scalar(resolve(text) if event.implicit[0] else text, text, mark)

    def sequence(self, depth: int, mark: Mark) -> Sequence:
        items = []
        while not isinstance(event := next(self.stream), events.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Sequence(tuple(items), mark)

    def mapping(self, depth: int, mark: Mark) -> Mapping:
        items: dict[str, tuple[Scalar, Node]] = {}
        merged: list[tuple[Scalar, Node]] = []
        while not isinstance(event := next(self.stream), events.MappingEndEvent):
            is_merge = isinstance(event, events.ScalarEvent) and event.value == "<<" and event.implicit[0]
            key = self.node(event, depth + 1)
            value = self.node(next(self.stream), depth + 1)
            if not isinstance(key, Scalar):
                hint = "quote the value if it begins with '{' or '['"
                self.errors.append(SpecError("a key must be a single value", str(key.mark), hint=hint))
            elif is_merge:
                merged += self.merge(value)
            elif key.text in items:
                first = f"first on line {items[key.text][0].mark.line}"
                self.errors.append(SpecError(f"key '{key.text}' is given twice", str(key.mark), first, "remove one"))
            else:
                items[key.text] = (key, value)
        for key, value in merged:
            items.setdefault(key.text, (key, value))
        return Mapping(tuple(items.values()), mark)

    def merge(self, value: Node) -> list[tuple[Scalar, Node]]:
        """What `<<` brings in: earlier mappings win over later ones."""
        parts = value.items if isinstance(value, Sequence) else (value,)
        items: list[tuple[Scalar, Node]] = []
        for part in parts:
            if isinstance(part, Mapping):
                items += part.items
            else:
                hint = "write '<<: *name', or '<<: [*one, *two]'"
                self.errors.append(SpecError("'<<' takes mappings only", str(part.mark), hint=hint))
        return items
