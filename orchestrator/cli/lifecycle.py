"""`orchestrator start`, `stop`, `hard-reboot`, `reboot --hard`."""

from __future__ import annotations

import click

from orchestrator.cli import chosen, options, progress
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors

_options = options.together(
    chosen.options, options.changing, options.limited, options.output("table", "json"), options.everywhere, click.pass_obj
)


def _act(wiring: Wiring, verb: str, names: tuple[str, ...], host: str | None, everything: bool, output: str) -> None:
    picked = chosen.instances(wiring, names, host, everything)
    chosen.reach(wiring, picked)
    from orchestrator.services import lifecycle  # late: hosts answer meanwhile

    with progress.shown(wiring) as report:
        done = lifecycle.act(wiring.app(report), verb, picked)
    progress.end(wiring, done, output)


@click.command()
@_options
def start(wiring: Wiring, names: tuple[str, ...], host: str | None, everything: bool, output: str) -> None:
    """Start instances; those that run are left alone."""
    _act(wiring, "start", names, host, everything, output)


@click.command()
@_options
def stop(wiring: Wiring, names: tuple[str, ...], host: str | None, everything: bool, output: str) -> None:
    """Shut instances down, by their power button first; those that are off are left alone."""
    _act(wiring, "stop", names, host, everything, output)


@click.command("hard-reboot")
@_options
def hard_reboot(wiring: Wiring, names: tuple[str, ...], host: str | None, everything: bool, output: str) -> None:
    """Bring instances back, whatever state they are in: domain, networking and files are made anew, disks are kept."""
    _act(wiring, "hard-reboot", names, host, everything, output)


@click.command()
@click.option("--hard", is_flag=True, help="As hard-reboot; the only kind there is.")
@_options
def reboot(wiring: Wiring, hard: bool, names: tuple[str, ...], host: str | None, everything: bool, output: str) -> None:
    """With --hard: as hard-reboot."""
    if not hard:
        raise errors.UsageError("only hard reboots are known", hint="`orchestrator reboot --hard`, or stop and start")
    _act(wiring, "hard-reboot", names, host, everything, output)
