"""The command and its verbs. A verb's module is imported when the verb is called, or listed."""

from __future__ import annotations

import difflib
import importlib
import os

import click

import orchestrator
from orchestrator.cli import options

VERBS = {
    "validate": "validate:validate",
    "plan": "plan:plan",
    "diff": "plan:plan",
    "apply": "apply:apply",
    "destroy": "destroy:destroy",
    "get": "get:get",
    "describe": "describe:describe",
    "explain": "explain:explain",
    "events": "events:events",
    "logs": "logs:logs",
    "start": "lifecycle:start",
    "stop": "lifecycle:stop",
    "hard-reboot": "lifecycle:hard_reboot",
    "reboot": "lifecycle:reboot",
    "verify": "verify:verify",
    "watch": "watch:watch",
    "adopt": "adopt:adopt",
    "attach": "volume:attach",
    "detach": "volume:detach",
    "volume": "volume:volume",
    "image": "image:image",
    "store": "store:store",
    "inventory": "inventory:inventory",
    "doctor": "doctor:doctor",
    "lab": "lab:lab",
    "graph": "graph:graph",
    "schema": "schema:schema",
    "completion": "completion:completion",
    "version": "version:version",
}
"""Verb -> file and function, in the order of the help."""

SELECTING = {"limit": "--limit", "tags": "--tags", "skip_tags": "--skip-tags", "variables": "--var"}
"""Flags that must not be passed over in silence by a verb that has no use for them."""


class Verbs(click.Group):
    """A group whose commands are imported by name."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        file, attribute = VERBS[name].split(":")
        command = getattr(importlib.import_module(f"orchestrator.cli.{file}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101  # what VERBS names
        return command

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS:
            near = difflib.get_close_matches(name, VERBS, 1)
            raise click.UsageError(f"no verb {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""), context)
        return super().resolve_command(context, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 140})
@options.changing
@options.limited
@options.variables
@click.option("-o", "--output", metavar="FORM", help="Form of the output, as the verb knows it.")
@options.yes
@options.everywhere
@click.version_option(orchestrator.__version__, "-V", "--version", message="orchestrator %(version)s")
@click.pass_context
def command(context: click.Context, output: str | None, yes: bool) -> None:
    """Nova without a control plane: virtual machines on KVM hosts, declared in YAML, made so over SSH.

    Flags mean the same before and after the verb.

    Exit codes: 0 done, 1 error, 2 changes pending, 3 an instance or host failed, 4 one was not reached, 64 usage, 65 invalid file,
    75 locked by another run, 130 interrupted, 143 terminated.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    verb = context.invoked_subcommand or ""
    found = command.get_command(context, verb)
    if found is None:
        return
    names = {parameter.name for parameter in found.params}
    for flag in () if isinstance(found, click.Group) else sorted(SELECTING.keys() & context.obj.flags.keys() - names):
        raise click.UsageError(f"{SELECTING[flag]} means nothing to {verb!r}", context)
    passed = {name: value for name, value in (("output", output), ("yes", yes or None)) if value is not None}
    inner = dict.fromkeys(found.commands, passed) if isinstance(found, click.Group) else {}
    context.default_map = {verb: {**passed, **inner}}
