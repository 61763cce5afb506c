"""Flags, in groups: a verb takes those that mean something to it. Given before the verb they mean the same (root.py passes them on)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.cli import settings

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]


class Number(click.FloatRange):
    """A number of a range; NaN, which no comparison keeps out, is of none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is no number", param, ctx)
        return found


def _noted(name: str, read: Callable[[Any], object] = lambda value: value) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback that notes the flag for the settings when it was given."""

    def note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is None or value == () or context.obj is None:
            return
        try:
            context.obj.flags[name] = read(value)
        except ValueError as error:
            raise click.BadParameter(str(error), context, parameter) from None

    return note


def _variable(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    """Assignments and files go into one list; files in it are `@file`."""
    if value and context.obj is not None:
        given = tuple(f"@{each}" for each in value) if parameter.name == "var_file" else value
        context.obj.flags["variables"] = (*context.obj.flags.get("variables", ()), *given)


def _color(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        for each in (context, context.find_root()):
            each.color = False


def _pattern(value: str) -> str:
    if not value.strip():
        raise ValueError("it takes a pattern of hosts; 'all' selects every host")
    return value


def _name(value: str) -> str:
    if not value.strip():
        raise ValueError("it takes the name of an instance")
    return value


def _store(value: str) -> str:
    if "password=" in value or ("@" in value and ":" in value.partition("://")[2].partition("@")[0]):
        raise ValueError("a password on a command line is everybody's to read: put it into ~/.pgpass, or the URL into ORCHESTRATOR_STATE")
    return settings.url((value,))


def _words(value: tuple[str, ...]) -> tuple[str, ...]:
    """Ansible's: several flags, or one with commas."""
    words = tuple(word.strip() for text in value for word in text.split(",") if word.strip())
    if not words:
        raise ValueError("it takes tags")
    return words


def _consents(value: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word.strip() for text in value for word in text.split(","))
    unknown = [word for word in words if word not in settings.CONSENTS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no class of changes; there are {', '.join(settings.CONSENTS)}")
    return words


def _option(*names: str, **settings: Any) -> Decorator[Any]:
    return click.option(*names, **{"expose_value": False, **settings})


def together(*decorators: Decorator[Any]) -> Decorator[Any]:
    """Several decorators as one, in the order of the help."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


inventory = _option(
    "-i",
    "--inventory",
    multiple=True,
    metavar="INVENTORY",
    callback=_noted("inventory"),
    help="A file, directory or program, or `host1,host2,`. Repeatable.",
)
state = _option(
    "--state",
    metavar="URL|PATH",
    callback=_noted("state", _store),
    help="The store: the path of an SQLite file, or a URL such as postgresql://user@host/database.",
)
limited = _option(
    "-l",
    "--limit",
    metavar="PATTERN",
    callback=_noted("limit", _pattern),
    help="Only hosts of this pattern, as Ansible's; @failed: what the last run left undone.",
)
starting = _option(
    "--start-at",
    metavar="NAME",
    callback=_noted("start_at", _name),
    help="No instances that stand before this one in the playbooks; * and ? as in the shell.",
)
forks = _option(
    "-f",
    "--forks",
    metavar="N",
    callback=_noted("forks", lambda value: settings.forks((value,))),
    help="Hosts worked on at once; 10.",
)
timeout = _option(
    "--timeout",
    metavar="SECONDS",
    callback=_noted("timeout", lambda value: settings.timeout((value,))),
    help="How long to wait for a host that does not answer, or has fallen silent; 12, at least 5.",
)
wait = _option(
    "--wait",
    metavar="SECONDS",
    callback=_noted("wait", lambda value: settings.seconds((value,))),
    help="How long to wait for instances that another run holds; 0.",
)
allowing = _option(
    "--allow",
    multiple=True,
    metavar="CLASSES",
    callback=_noted("allow", _consents),
    help="Make changes of these classes to instances that exist: reboot, rebuild, destroy. Repeatable.",
)
founding = _option(
    "--new-store",
    is_flag=True,
    default=None,
    callback=_noted("new_store"),
    help="Begin with an empty store, though hosts have guests of another.",
)
everywhere = together(
    _option("-v", "--verbose", count=True, default=None, callback=_noted("verbose"), help="Say more: every step, round trips to hosts."),
    _option("--no-color", is_flag=True, callback=_color, help="No colours; as NO_COLOR. There are none when not on a terminal."),
)
"""Flags of every verb."""
reaching = together(forks, timeout)
"""For verbs that go to hosts."""
wired = together(inventory, state, reaching)
"""For those that ask the store as well."""
changing = together(wired, wait)
"""For verbs that change instances."""
variables = together(
    _option(
        "-e",
        "--var",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variable,
        help="A variable of the playbooks; also YAML or JSON in braces, or @FILE. Repeatable.",
    ),
    _option("--var-file", multiple=True, metavar="FILE", callback=_variable, help="Variables from a YAML or JSON file. Repeatable."),
    _option("-t", "--tags", multiple=True, metavar="TAGS", callback=_noted("tags", _words), help="Only instances with one of these tags."),
    _option(
        "--skip-tags", multiple=True, metavar="TAGS", callback=_noted("skip_tags", _words), help="No instances with one of these tags."
    ),
)
"""For verbs that read playbooks."""
yes = click.option("--yes", is_flag=True, help="Do not ask.")
files = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))


def output(*forms: str) -> Decorator[Any]:
    """`-o`, with the first form as what it is without."""
    return click.option("-o", "--output", type=click.Choice(forms), default=forms[0], show_default=True, help="Form of the output.")
