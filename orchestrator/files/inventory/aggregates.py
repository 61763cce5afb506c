"""Host aggregates (nova/objects/aggregate.py): groups that say `aggregate_metadata`, and what `aggregates` of a host names, together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from orchestrator.files import yaml
from orchestrator.files.inventory import read_as, variables
from orchestrator.model.errors import SpecError
from orchestrator.model.host import Aggregate

METADATA = "aggregate_metadata"
ZONE = "availability_zone"
KEY = re.compile(r"[A-Za-z0-9_:. -]{1,255}")
Metadata = Mapping[str, str]


class Declared(Struct, frozen=True):
    """The metadata that a group says of its hosts, and where."""

    metadata: Metadata
    where: str


def of_groups(resolver: variables.Resolver, groups: Iterable[str], wrong: Callable[[SpecError], None]) -> dict[str, Declared]:
    """Group -> what it says by itself, not what it inherits: its child groups are no aggregates, their hosts are in it all the same."""
    found: dict[str, Declared] = {}
    for group in groups:
        node = resolver.of_group(group).get(METADATA)
        if node is None or yaml.plain(node) is None:
            continue
        try:
            found[group] = Declared(metadata(METADATA, node), str(node.mark))
        except SpecError as error:
            wrong(error)
    return found


def refuse_own(variables_of_host: Mapping[str, yaml.Node], wrong: Callable[[SpecError], None]) -> None:
    """Notes that a host says by itself what is a group's to say."""
    if METADATA in variables_of_host:
        where, hint = str(variables_of_host[METADATA].mark), "a host says aggregates: {NAME: {KEY: VALUE}}"
        wrong(SpecError(f"variable '{METADATA}' is of groups", where, "it makes the group an aggregate", hint))


def of_host(own: Mapping[str, Metadata], groups: Iterable[str], shared: Mapping[str, Declared]) -> tuple[Aggregate, ...]:
    """The host's aggregates by name; where group and host say the same key of one, the host does."""
    names = sorted({*own, *(group for group in groups if group in shared)})
    return tuple(Aggregate(name, {**(shared[name].metadata if name in shared else {}), **own.get(name, {})}) for name in names)


def zone(host: str, aggregates: Iterable[Aggregate], shared: Mapping[str, Declared], wrong: Callable[[SpecError], None]) -> str | None:
    """The availability zone that its aggregates put the host in, None when none does. Notes it when they differ: Nova refuses that too."""
    zones = {each.metadata[ZONE]: each.name for each in aggregates if ZONE in each.metadata}
    if len(zones) > 1:
        (first, one), (second, other) = sorted(zones.items())[:2]
        where = next((shared[name].where for name in (other, one) if name in shared), f"host {host}")
        why = f"aggregate '{one}' says {first}, aggregate '{other}' says {second}"
        hint = f"give the host {ZONE} of its own, or leave one out"
        wrong(SpecError(f"host '{host}' is in two availability zones", where, why, hint))
    return next(iter(zones), None)


def read(name: str, node: yaml.Node) -> dict[str, Metadata]:
    """Names in a list (or one text with commas), or a mapping of names to their metadata."""
    if not isinstance(node, yaml.Mapping):
        return {word: {} for word in read_as.words(name, node)}
    return read_as.each(name, node, read_as.matching(read_as.WORD, "a name of letters, digits, '.', '-' and '_'"), _metadata_or_none)


def _metadata_or_none(name: str, node: yaml.Node) -> Metadata:
    return {} if yaml.plain(node) is None else metadata(name, node)


def metadata(name: str, node: yaml.Node) -> Metadata:
    """Texts by key, as they are written; a list is its items with commas between, which is how filters read several values."""
    if not isinstance(node, yaml.Mapping):
        read_as.refuse(name, node, "a mapping of keys to texts", "such as {ssd: true}")
    return read_as.each(name, node, read_as.matching(KEY, "a key of letters, digits, spaces and _:.-"), _value)


def _value(name: str, node: yaml.Node) -> str:
    if isinstance(node, yaml.Sequence) and node.items:
        return ",".join(read_as.option(name, item) for item in node.items)
    if name.rpartition(".")[2] == ZONE:
        return read_as.matching(read_as.WORD, "letters, digits, '.', '-' and '_'")(name, node)
    return read_as.option(name, node)
