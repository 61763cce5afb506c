"""`orchestrator watch`: hosts looked at for as long as it runs, and mended by a policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, playbooks
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.commands import quoting

if TYPE_CHECKING:
    from orchestrator.services.watch import Note

INTERVAL = 60.0
COLOURS = {"found": "yellow", "failed": "red", "unreachable": "red", "lost": "yellow", "changed": "green"}
POLICIES = {"report": "NOTHING", "live": "LIVE", "all": "ALL"}
"""Policy -> what of services.mend it allows."""


@click.command()
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    default="live",
    show_default=True,
    help="What is done unasked: nothing; what touches no running guest, and restart policies; what needs a start or a reboot as well.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=options.Number(min=1),
    default=INTERVAL,
    show_default=True,
    help="Time between two looks at a host where nothing happens.",
)
@click.option("--once", is_flag=True, help="Look, mend, look again, and end: for cron.")
@options.changing
@options.limited
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def watch(wiring: Wiring, policy: str, interval: float, once: bool, output: str) -> None:
    """Compare what is recorded with what is there, again and again, and mend what differs as far as the policy allows. Ends with SIGTERM or Ctrl-C.

    libvirt's events wake it, over the connections that are open anyway, where libvirt-python is installed (pip install 'orchestrator[libvirt]');
    without it, and beside it, hosts are looked at every --interval seconds: one round trip each. A line for each thing seen or done; with -o json,
    a JSON object.

    With --once it exits with 0 when all is as recorded, 2 when something is not, 3 when a repair failed, 4 when a host was not reached.
    """
    known = wiring.inventory().hosts
    hosts = [known[name] for name in playbooks.hosts(wiring)]
    wiring.reach(host.name for host in hosts)
    from orchestrator.services import mend  # late: hosts answer meanwhile
    from orchestrator.services import watch as service

    chosen = service.Options(getattr(mend, POLICIES[policy]), interval, once)
    app = wiring.app(lambda progress: None)
    code = service.watch(app, hosts, chosen, None if once else wiring.events, _lines(output))
    click.get_current_context().exit(code)


def _lines(form: str) -> Callable[[Note], None]:
    """A line each, on stdout at once: whoever reads them is a program as often as not."""

    def tell(note: Note) -> None:
        if form == "json":
            click.echo(json.dumps(document(note), ensure_ascii=False))
        else:
            text = "  ".join(
                word for word in (note.at, note.host, note.name, f"{note.kind}: {note.text}" if note.text else note.kind) if word
            )
            click.secho(quoting.line(text), fg=COLOURS.get(note.kind))

    return tell


def document(note: Note) -> dict[str, object]:
    """A note for programs."""
    from orchestrator.cli import verify

    found = {"finding": verify.finding(note.finding)} if note.finding else {}
    return forms.versioned(at=note.at, kind=note.kind, host=note.host, name=note.name or None, text=note.text or None, **found)
