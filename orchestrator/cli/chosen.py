"""Instances that a verb is about: by name, by host, or all of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options as flags
from orchestrator.cli import playbooks, unfinished
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Wiring


def instances(wiring: Wiring, names: Sequence[str], host: str | None, everything: bool) -> tuple[str, ...]:
    """Their names, as far as --limit lets them. Raises UsageError unless exactly one way to choose was taken, NotFound when that is no instance."""
    if bool(names) + (host is not None) + everything != 1:
        raise errors.UsageError("say which instances", hint="give names, or --host HOST, or --all")
    homes = {record.instance.name: record.instance.host for record in wiring.store.records()}
    check(names, homes)
    found = tuple(dict.fromkeys(names)) or tuple(name for name, home in homes.items() if host in (None, home))
    if not found:
        raise errors.NotFound("there is no instance" + (f" on host {host!r}" if host else ""), hint="see `orchestrator get instances`")
    return limited(wiring, found, homes)


def reach(wiring: Wiring, names: Sequence[str]) -> None:
    """Begin to connect to the hosts of the instances called so."""
    wiring.reach(record.instance.host for record in wiring.store.records() if record.instance.name in names)


def check(names: Sequence[str], known: Sequence[str] | dict[str, str], what: str = "instance", verb: str = "get instances") -> None:
    """Raises NotFound for a name that is not known, with one that is like it."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"see `orchestrator {verb}`"
            raise errors.NotFound(f"no {what} {name!r}", hint=hint)


def limited(wiring: Wiring, names: Sequence[str], homes: dict[str, str]) -> tuple[str, ...]:
    """Those of the names that are on hosts of --limit. Raises NotFound when none is."""
    if not wiring.settings.limit:
        return tuple(names)
    if left := unfinished.find(wiring):
        found = tuple(name for name in names if left.has(name, homes[name]))
        if not found:
            raise errors.NotFound("--limit @failed leaves no instance", why="the last run left none of them undone")
        return found
    hosts = set(playbooks.hosts(wiring))
    found = tuple(name for name in names if homes[name] in hosts)
    if not found:
        raise errors.NotFound("--limit leaves no instance", why=f"none of them is on {', '.join(sorted(hosts))}")
    return found


def is_file(target: str, homes: Mapping[str, str]) -> bool:
    """A name with a slash or a dot that no instance has is a file's. Raises UsageError when it could be both."""
    if "/" in target or (target not in homes and (Path(target).exists() or "." in target)):
        return True
    if target in homes and Path(target).is_file():
        raise errors.UsageError(f"{target!r} is an instance, and a file here", hint=f"write ./{target} for the file")
    return False


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names from the store for the shell; nothing when it cannot be asked."""
    try:
        names = [record.instance.name for record in context.obj.store.records()]
    except errors.OrchestratorError:
        return []
    return [name for name in names if name.startswith(incomplete)]


options = flags.together(
    click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=complete),
    click.option("--host", metavar="HOST", help="Every instance on this host."),
    click.option("--all", "everything", is_flag=True, help="Every instance there is."),
)
"""NAME... | --host HOST | --all"""
