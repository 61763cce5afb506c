"""`orchestrator verify`: recorded against observed, and mended on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli import chosen, diagnosis, options, playbooks, progress
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.commands import quoting
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.model.host import Host
    from orchestrator.planning.diagnosis import Finding
    from orchestrator.services.verify import Verdict


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=chosen.complete)
@click.option("--host", metavar="HOST", help="Only this host, and every instance on it.")
@click.option("--repair", is_flag=True, help="Mend what can be mended, then look again.")
@options.yes
@options.changing
@options.limited
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def verify(wiring: Wiring, names: tuple[str, ...], host: str | None, repair: bool, yes: bool, output: str) -> None:
    """Compare what is recorded of instances and their hosts with what is there: drift, damage, leftovers, what is not ours. One round trip a host.

    NAMES choose instances; what their hosts share (networks, rules, DHCP), and what was left over there, is looked at whole, and mended whole with --repair.

    Without --repair nothing is changed. With it, what a guest has to be rebooted for is asked about first, or takes --yes; what carries this
    store's mark and was destroyed is removed; nothing else is ever removed.

    Exits with 0 when all is as recorded, 2 when something is not, 3 when a repair failed or is not possible, 4 when a host was not reached.
    """
    hosts = _hosts(wiring, names, host)
    wiring.reach(each.name for each in hosts)
    from orchestrator.services import verify as service  # late: hosts answer meanwhile

    if not repair:
        tell(service.verify(wiring.app(), hosts, names or None, deep=True), output)
        return
    from orchestrator.services import mend

    with progress.shown(wiring) as report:
        done = mend.restore(wiring.app(report), hosts, names or None, (lambda findings: True) if yes else diagnosis.ask)
    for each in done.before.findings if output == "table" else ():
        forms.tell(f"was found: {line(each)}")
    for made in done.reports:
        progress.recap(wiring, made)
    tell(done.after, output, done.exit_code)


def _hosts(wiring: Wiring, names: Sequence[str], host: str | None) -> list[Host]:
    """Those of the instances called `names`, or HOST, or all that --limit leaves. Raises UsageError, NotFound."""
    known = wiring.inventory().hosts
    if names and host:
        raise errors.UsageError("names and --host are given", hint="give names, or --host HOST")
    if host and host not in known:
        raise errors.NotFound(f"no host {host!r} in the inventory", hint="see `orchestrator inventory list`")
    if names:
        homes = {record.instance.name: record.instance.host for record in wiring.store.records()}
        chosen.check(names, homes)
        found = {homes[name] for name in names}
        for name in sorted(found - known.keys()):
            raise errors.Conflict(f"host {name!r} is not in the inventory", hint="give the right one with -i")
    else:
        found = {host} if host else set(known)
    return [known[name] for name in playbooks.hosts(wiring) if name in found]


def tell(verdict: Verdict, form: str, code: int = 0) -> None:
    """Show what was found, and leave with `code`, or its own."""
    if form == "json":
        forms.data("json", document(verdict))
    else:
        for each in verdict.findings:
            click.echo(line(each))
        for each in verdict.foreign:
            forms.tell(f"not ours: {each.name} ({each.host}): {each.detail}")
    for name, why in verdict.skipped.items():
        forms.tell(f"{name}: skipped: {why}", fg="yellow")
    for name, why in verdict.unreachable.items():
        forms.tell(f"host {name}: not reached: {why}", fg="red")
    if form != "json":
        forms.tell(recap(verdict))
    click.get_current_context().exit(code or verdict.exit_code)


def line(found: Finding) -> str:
    """A finding on one line, whatever a host put into it."""
    return quoting.line(str(found))


def document(verdict: Verdict) -> dict[str, object]:
    """What was found, for programs. Nothing of `foreign` is drift."""
    return forms.versioned(
        findings=[finding(each) for each in verdict.findings],
        foreign=[finding(each) for each in verdict.foreign],
        skipped=dict(verdict.skipped),
        unreachable=dict(verdict.unreachable),
    )


def finding(found: Finding) -> dict[str, object]:
    """A finding for programs."""
    fields = ("kind", "name", "host", "cause", "detail", "remedy")
    return {**{name: getattr(found, name) for name in fields}, "repair": found.repair.value}


def recap(verdict: Verdict) -> str:
    """`3 instances on 2 hosts: all is as recorded`, or how much is not."""
    hosts = len(verdict.facts)
    seen = f"{len(verdict.records)} instance{'s' * (len(verdict.records) != 1)} on {hosts} host{'s' * (hosts != 1)}"
    found = f"{len(verdict.findings)} finding{'s' * (len(verdict.findings) != 1)}" if verdict.findings else "all is as recorded"
    return f"{seen}: {found}" + (f", {len(verdict.foreign)} not ours" if verdict.foreign else "")
