"""`orchestrator logs`: what a guest wrote on its serial console."""

from __future__ import annotations

import re
import sys

import click

from orchestrator.cli import chosen, options
from orchestrator.cli.wiring import Wiring

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@click.command()
@click.argument("name", shell_complete=chosen.complete)
@click.option("-n", "--lines", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
@options.wired
@options.everywhere
@click.pass_obj
def logs(wiring: Wiring, name: str, lines: int | None) -> None:
    """Print the console log of an instance, as its host has it; the last MiB of it at most."""
    from orchestrator.services import logs as service

    content = service.logs(wiring.app(), name, lines)
    if sys.stdout.isatty():
        content = harmless(content).encode()
    stream = sys.stdout.buffer  # console logs are bytes, whatever the guest wrote
    stream.write(content)
    stream.flush()


def harmless(content: bytes) -> str:
    """For a terminal: a guest may write what it likes, but not steer it. Control characters are shown; lines end as lines do."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
