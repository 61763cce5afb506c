"""From playbook files to entries: plays read, variables worked out, loops unrolled, each entry validated by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

from msgspec import Struct, field, structs

from orchestrator.files import yaml
from orchestrator.files.playbook import entries, findings, named_files, reading, selection, strict, validation, values, variables
from orchestrator.model import errors, host, mark, pattern
from orchestrator.rendering import bounds

DIRECTIVES = frozenset({"loop", "when"})
SECTIONS = frozenset(entries.MODELS)


class Request(Struct, frozen=True):
    """What the command line adds to the files."""

    inventory: host.Inventory
    variables: Mapping[str, object]
    tags: selection.Selection


class Declared(Struct, frozen=True):
    """An entry: where it was written, its file's folder, its hosts, and whether the tags select it.

    `entry` is what is left of it without what is wrong (which was noted; `lost` are the places of the keys), None when
    nothing is. An empty name stands for names that nobody can tell any more.
    """

    section: str
    name: str
    entry: strict.Entry | None
    node: yaml.Node
    folder: Path = Path()
    hosts: tuple[str, ...] = ()
    selected: bool = True
    lost: frozenset[reading.Loc] = frozenset()
    play: entries.Play = field(default_factory=entries.Play)

    def place(self, *loc: int | str) -> mark.Mark:
        """Where the value at `loc` was written."""
        return validation.locate(self.node, loc)

    def lacks(self, *keys: str) -> bool:
        """Whether none of `keys` was given; one that was given wrongly has been complained about."""
        told = isinstance(self.node, yaml.Mapping) and any(_child(self.node, key) for key in keys) and bool(self.lost)
        return not told and all(getattr(self.entry, key) is None for key in keys)

    def spoiled(self, *loc: int | str) -> bool:
        """Whether a key of the mapping at `loc` was left out, since it was complained about: the rest tells only half."""
        return any(each[:-1] == loc for each in self.lost)


class _Play(Struct, frozen=True):
    folder: Path
    variables: variables.Variables
    hosts: tuple[str, ...]
    names_hosts: bool  # rightly or wrongly
    tags: tuple[str, ...]
    request: Request
    found: findings.Findings
    entry: entries.Play


def read(path: Path, request: Request, found: findings.Findings) -> Iterator[Declared]:
    """All entries of the playbook at `path`, those with errors left out and noted."""
    try:
        document = yaml.load(named_files.content(path), str(path))
    except errors.SpecError as error:
        found.take(error)
        yield from _lost(SECTIONS, yaml.Mapping((), mark.Mark(str(path))))
        return
    if (isinstance(document, yaml.Scalar) and document.value is None) or document == yaml.Sequence((), document.mark):
        found.add(document.mark, "no plays", "the file is empty", "a playbook is a list of plays, each begins with '- name:'")
    elif not isinstance(document, yaml.Sequence):
        found.add(document.mark, "not a playbook", "a playbook is a list of plays", "begin each play with '- name:'")
    else:
        for node in document.items:
            yield from _play(node, path, request, found)


def _play(node: yaml.Node, path: Path, request: Request, found: findings.Findings) -> Iterator[Declared]:
    if not isinstance(node, yaml.Mapping):
        found.add(node.mark, "not a play", "a play is a mapping", "begin each play with '- name:'")
        return
    given = _variables(node, path.parent, request, found)
    found_variables = variables.Variables(given)
    for error in found_variables.complaints():
        found.take(error)
    head = values.written(_without(node, {"vars", "vars_files", *SECTIONS}), found_variables, found)
    play = validation.validate(entries.Play, "play", node, head, found)[0] or entries.Play()
    hosts = () if play.hosts is None else _hosts(play.hosts, node, request, found)
    context = _Play(path.parent, found_variables, hosts, _child(node, "hosts") is not None, play.tags, request, found, play)
    sections = [(key, value) for key, value in node.items if key.text in SECTIONS]
    if not sections:
        found.add(node.mark, "the play declares nothing", hint=f"add any of {', '.join(entries.MODELS)}")
    for key, section in sections:
        yield from _section(key, section, context)


def _without(node: yaml.Mapping, keys: Set[str]) -> yaml.Mapping:
    return yaml.Mapping(tuple(pair for pair in node.items if pair[0].text not in keys), node.mark)


def _child(node: yaml.Mapping, name: str) -> yaml.Node | None:
    return next((value for key, value in node.items if key.text == name), None)


def _hosts(wanted: str, node: yaml.Mapping, request: Request, found: findings.Findings) -> tuple[str, ...]:
    try:
        return pattern.select(wanted, request.inventory)
    except errors.OrchestratorError as error:
        place = validation.locate(node, ("hosts",))
        found.add(place, error.what, error.why, error.hint)
        return ()


def _variables(node: yaml.Mapping, folder: Path, request: Request, found: findings.Findings) -> dict[str, object]:
    """vars < vars_files < the command line's (Ansible's order)."""
    given: dict[str, object] = {}
    own = _child(node, "vars")
    if isinstance(own, yaml.Mapping):
        given.update(_named(own, found))
    elif own is not None and not (isinstance(own, yaml.Scalar) and own.value is None):
        found.add(own.mark, "vars must be a mapping", hint="vars: {name: value}")
    files = _child(node, "vars_files")
    if files is not None:
        known = variables.Variables({**given, **request.variables})
        for file in files.items if isinstance(files, yaml.Sequence) else (files,):
            given.update(_file(file, folder, known, found))
    return {**given, **request.variables}


def _named(node: yaml.Mapping, found: findings.Findings) -> dict[str, object]:
    named, wrong = variables.named(node)
    for error in wrong:
        found.take(error)
    return named


def _file(node: yaml.Node, folder: Path, known: Mapping[str, object], found: findings.Findings) -> dict[str, object]:
    try:
        name = values.evaluate(node, known)
        if not isinstance(name, str):
            raise errors.SpecError("vars_files must be a list of file names")
        content = yaml.load(named_files.read(name, folder), str(named_files.path(name, folder)))
    except errors.SpecError as error:
        found.take(error, node.mark)
        return {}
    if isinstance(content, yaml.Mapping):
        return _named(content, found)
    if not (isinstance(content, yaml.Scalar) and content.value is None):
        found.add(content.mark, "a file of variables must be a mapping", hint="name: value")
    return {}


def _section(key: yaml.Scalar, section: yaml.Node, play: _Play) -> Iterator[Declared]:
    if not isinstance(section, yaml.Sequence):
        hint = f"begin each entry under {key.text} with '- name:'"
        play.found.add(section.mark, f"{key.text} must be a list", hint=hint)
        yield from _lost({key.text}, section)
        return
    for node in section.items:
        if isinstance(node, yaml.Mapping):
            yield from _unrolled(key.text, node, play)
        else:
            play.found.add(node.mark, f"an entry of {key.text} must be a mapping", hint="such as - {name: ...}")
            yield from _lost({key.text}, node)


def _unrolled(section: str, node: yaml.Mapping, play: _Play) -> Iterator[Declared]:
    """The entry once, or for each item of its loop; the first item that is wrong speaks for all."""
    body = _without(node, DIRECTIVES)
    when, loop = _child(node, "when"), _child(node, "loop")
    try:
        for scope in _scopes(loop, play.variables):
            if when is not None and not values.condition(when, scope):
                continue
            before = len(play.found)
            data = values.written(body, scope, play.found)
            entry, lost = validation.validate(entries.MODELS[section], section, body, data, play.found)
            if entry is not None:
                yield structs.replace(_declared(section, entry, node, play), lost=lost)
            if entry is None or (loop is not None and len(play.found) > before):
                yield from _lost({section}, node)
                return
    except errors.SpecError as error:
        play.found.take(error, node.mark)
        yield from _lost({section}, node)


def _scopes(loop: yaml.Node | None, given: variables.Variables) -> Iterator[Mapping[str, object]]:
    if loop is None:
        yield given
        return
    items = values.evaluate(loop, given)
    if not isinstance(items, list):
        raise errors.SpecError("loop must be a list", str(loop.mark), hint='such as loop: [a, b], or loop: "{{ range(1, 4) }}"')
    if len(items) > bounds.MAX_ITEMS:
        raise errors.SpecError("loop is too long", str(loop.mark), f"{len(items)} items, at most {bounds.MAX_ITEMS}")
    for item in items:
        yield given.bind(item)


def _declared(section: str, entry: strict.Entry, node: yaml.Mapping, play: _Play) -> Declared:
    if not isinstance(entry, entries.InstanceEntry):
        return Declared(section, entry.name, entry, node, play.folder)
    hosts = play.hosts if entry.hosts is None else _hosts(entry.hosts, node, play.request, play.found)
    if entry.hosts is None and not play.names_hosts:
        play.found.add(node.mark, "no hosts for this instance", hint="add hosts: to its play, a pattern such as all")
    selected = play.request.tags.takes((*play.tags, *entry.tags))
    return Declared(section, entry.name, entry, node, play.folder, hosts, selected, play=play.entry)


def _lost(sections: Iterable[str], node: yaml.Node) -> Iterator[Declared]:
    """Stands for entries whose names are lost in an error, so that nobody is told that they are missing."""
    return (Declared(section, "", None, node) for section in sections)
