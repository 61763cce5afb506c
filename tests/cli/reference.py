"""The generated part of docs/reference.md: every verb with its flags, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from orchestrator.cli import root, scheduler_options, settings

BEGIN, END = "<!-- generated: {} -->", "<!-- end -->"


def blocks() -> dict[str, str]:
    """Generated text by the name of its block."""
    return {
        "flags": "\n".join(_flags()),
        "verbs": "\n".join(_verbs()),
        "settings": "\n".join(_settings()),
        "scheduler": "\n".join(_scheduler()),
    }


def filled(document: str) -> str:
    """The document with its blocks written anew."""
    for name, text in blocks().items():
        head, _, rest = document.partition(BEGIN.format(name))
        document = f"{head}{BEGIN.format(name)}\n{text}\n{END}{rest.partition(END)[2]}"
    return document


def _flags() -> Iterator[str]:
    yield "| flag | means |"
    yield "|---|---|"
    yield from (
        "| {} | {} |".format(*(text.replace("|", "\\|") for text in (_names(flag), _cell(flag)))) for flag in _options(root.command)
    )


def _settings() -> Iterator[str]:
    yield "| setting | environment | means |"
    yield "|---|---|---|"
    yield from (f"| `{name}` | `ORCHESTRATOR_{name.upper()}` | {setting.help} |" for name, setting in settings.READ.items())


def _scheduler() -> Iterator[str]:
    yield "| option | default | means |"
    yield "|---|---|---|"
    for name, option in scheduler_options.READ.items():
        default = scheduler_options.default(name)
        yield f"| `{name}` | {f'`{default}`' if default else ''} | {option.help} |"


def _verbs() -> Iterator[str]:
    context = click.Context(root.command, info_name="orchestrator")
    aliases: dict[click.Command, list[str]] = {}
    for name in root.command.list_commands(context):
        command = root.command.get_command(context, name)
        assert command is not None
        aliases.setdefault(command, []).append(name)
    for command, (name, *others) in aliases.items():
        yield from _verb(click.Context(command, context, name), others)


def _verb(context: click.Context, others: list[str]) -> Iterator[str]:
    command = context.command
    if isinstance(command, click.Group):
        yield from (f"### {context.info_name}", "", _text(command), "")
        for name, each in sorted(command.commands.items()):
            yield from _verb(click.Context(each, context, name), [])
        return
    title = context.command_path.removeprefix("orchestrator ")
    yield f"{'####' if ' ' in title else '###'} {title}" + "".join(f", {other}" for other in others)
    yield from ("", f"    {command.get_usage(context).removeprefix('Usage: ')}", "", _text(command), "")
    shared = {flag.opts[-1] for flag in _options(root.command)}
    own = [flag for flag in _options(command) if flag.opts[-1] not in shared or flag.opts[-1] == "--output"]
    if own:
        yield from (*(f"- {_names(flag)}: {_cell(flag)}" for flag in own), "")
    also = [f"`{flag.opts[0]}`" for flag in _options(command) if flag not in own]
    if also:
        yield from (f"Also {', '.join(also)}.", "")


def _text(command: click.Command) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def _names(flag: click.Option) -> str:
    choices = flag.type.choices if isinstance(flag.type, click.Choice) else ()
    value = flag.metavar or ("|".join(str(choice) for choice in choices) if choices else "")
    value = "" if flag.is_flag or flag.count else value or flag.type.name.upper().split(" ")[0]
    return "`" + ", ".join(flag.opts) + (f" {value}" if value else "") + "`"


def _cell(flag: click.Option) -> str:
    text = (flag.help or "").rstrip(".")
    return f"{text} ({flag.default})" if flag.show_default else text
