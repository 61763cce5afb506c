"""`orchestrator explain`: why an instance is where it is, where new ones would go, and whether all would still fit without some hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import chosen, explanation, options, playbooks
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.services.explain import Answer

NO_ROOM = 3
"""Exit code when some instance fits nowhere."""


@click.command()
@click.argument("targets", metavar="[FILE...|NAME...]", nargs=-1, shell_complete=chosen.complete)
@click.option("--without", multiple=True, metavar="HOST", help="As if this host were lost: where would its instances go? Repeatable.")
@options.wired
@options.limited
@options.variables
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def explain(wiring: Wiring, targets: tuple[str, ...], without: tuple[str, ...], output: str) -> None:
    """Say why an instance is on its host: what each filter and each weigher said of each host, and what they say now.

    Of playbooks, where their new instances would go, each seeing those before it; of one that fits nowhere, the smallest change that would let it.
    With --without, where all instances of that host would go if it were lost. Hosts are asked; nothing is changed. Exits with 3 when an instance
    fits nowhere. With -v every host is told of whole; -o json always does.
    """
    answers = _lost(wiring, targets, without) if without else _asked(wiring, targets)
    unfit = sum(not each.fits for each in answers)
    if output == "json":
        made = [explanation.document(each) for each in answers]
        forms.data(output, forms.versioned(without=list(without), fits=not unfit, instances=made))
    else:
        tell = explanation.displaced if without else explanation.lines
        for line in (line for each in answers for line in tell(each, bool(wiring.settings.verbose))):
            click.echo(line)
        if without:
            click.echo(f"Without {', '.join(without)}: {len(answers) - unfit} of {len(answers)} instances that would need a host find one.")
    click.get_current_context().exit(NO_ROOM if unfit else 0)


def _asked(wiring: Wiring, targets: Sequence[str]) -> tuple[Answer, ...]:
    from orchestrator.services import explain as service

    if not targets:
        raise errors.UsageError("say what to explain", hint="give names of instances, or playbooks, or --without HOST")
    names, files = _sorted(wiring, targets)
    if not files:
        chosen.check(names, {record.instance.name: "" for record in wiring.store.records()}, "instance or file")
        return service.named(wiring.app(), tuple(dict.fromkeys(names)), playbooks.hosts(wiring))
    desired = playbooks.desired(wiring, files)
    chosen.check(names, tuple(desired.instances), "instance of these playbooks", "plan")
    return tuple(each for each in service.playbooks(wiring.app(), desired) if not names or each.name in names)


def _lost(wiring: Wiring, targets: Sequence[str], lost: Sequence[str]) -> tuple[Answer, ...]:
    from orchestrator.services import explain as service

    names, files = _sorted(wiring, targets)
    if names:
        raise errors.UsageError(
            f"{names[0]!r} is no file", why="with --without, all instances of the host are looked at", hint="give playbooks, or nothing"
        )
    desired = playbooks.desired(wiring, files) if files else None
    return service.without(wiring.app(), lost, playbooks.hosts(wiring), desired)


def _sorted(wiring: Wiring, targets: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Names, and files."""
    homes = {record.instance.name: record.instance.host for record in wiring.store.records()}
    files = [target for target in targets if chosen.is_file(target, homes)]
    return [target for target in targets if target not in files], [Path(target) for target in files]
