"""What a reader types is understood: verbs, flags and their values by click's own parsers, targets by the Makefile."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from orchestrator.cli import root
from tests.docs import pages

PROGRAMS = ("orchestrator", "make")
OPERATORS = "&|;()<>"


def typed(text: str) -> Iterator[list[str]]:
    """Commands of ours in lines of shell, as words, wherever in the line they stand; VERB stands for any of them."""
    for line in text.splitlines():
        if not re.search(rf"\b({'|'.join(PROGRAMS)}) ", line):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=OPERATORS)
        lexer.whitespace_split = True
        for operator, words in itertools.groupby(lexer, lambda word: set(word) <= set(OPERATORS)):
            command = list(itertools.dropwhile(lambda word: word == "sudo", words))
            if not operator and command[:1] and command[0] in PROGRAMS and "VERB" not in command:
                yield command


def check(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Raises click.UsageError for a verb, a flag or a value that is not there."""
    context = click.Context(command, parent, command.name, **command.context_settings)
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    for parameter in command.params:
        value = values.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            parameter.type.convert(value, parameter, context)
    if not isinstance(command, click.Group):
        assert rest == [], f"{words}: {rest}"
    elif rest:
        verb = command.get_command(context, rest[0])
        assert verb, f"no verb {rest[0]!r}"
        check(verb, rest[1:], context)


CASES = [
    pytest.param(words, id=f"{pages.name(page)}: {' '.join(words)[:60]}")
    for page in pages.PAGES
    for text in (*(block.text for block in pages.blocks(page, "")), *re.findall(r"`([^`\n]+)`", pages.prose(page)))
    for words in typed(text)
]


@pytest.mark.parametrize("words", CASES)
def test_what_is_typed_is_understood(words: list[str]) -> None:
    program, *arguments = words
    if program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (pages.ROOT / "Makefile").read_text(), re.MULTILINE))
        assert set(arguments) <= targets
    else:
        check(root.command, arguments)


@pytest.mark.parametrize("playbook", sorted((pages.ROOT / "playbooks").glob("*.yaml")), ids=lambda path: path.name)
def test_what_a_playbook_says_of_itself_can_be_typed_as_it_stands(playbook: Path) -> None:
    """After `lab up` there is no inventory but the lab's: it has to be named."""
    commands = list(typed("\n".join(line[1:] for line in playbook.read_text().splitlines() if line.startswith("#"))))
    for command in commands:
        test_what_is_typed_is_understood(command)
    inventory = re.search(r"ORCHESTRATOR_INVENTORY=(\S+)", (pages.ROOT / "docs/tutorial.md").read_text())
    assert inventory
    applied = [command for command in commands if "apply" in command]
    assert all(command[command.index("-i") + 1] == inventory[1] for command in applied), applied


def test_the_check_finds_what_is_wrong() -> None:
    """A flag, a value and a verb that are not there; and two commands in one line."""
    for wrong in (["plan", "--dif", "x.yaml"], ["get", "instances", "-o", "jsn"], ["lab", "upp"], ["hard-reboots", "web-1"]):
        with pytest.raises((click.UsageError, AssertionError)):
            check(root.command, wrong)
    assert list(typed("sudo orchestrator lab up && x=$(orchestrator lab status | cat)  # up")) == [
        ["orchestrator", "lab", "up"],
        ["orchestrator", "lab", "status"],
    ]


def test_pages_have_commands() -> None:
    found = {page for page in pages.PAGES for block in pages.blocks(page, "") if list(typed(block.text))}
    assert {Path(pages.name(page)).name for page in found} >= {"README.md", "tutorial.md", "inventory.md", "practice-hosts.md"}
