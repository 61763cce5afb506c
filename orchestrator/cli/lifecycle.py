"""`orchestrator start`, `stop`, `hard-reboot`, `reboot --hard`."""

from __future__ import annotations

import re

import click

from orchestrator.cli import chosen, diagnosis, options, progress
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors

SIZE = re.compile(r"[1-9][0-9]{0,8}|([1-9][0-9]?|100)%")

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


def _sizes(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Sizes of batches, as a play's `serial`."""
    words = tuple(word.strip() for word in value.split(",")) if value is not None else ()
    if not all(SIZE.fullmatch(word) for word in words):
        raise click.BadParameter("it takes numbers of instances, or percentages, such as 2, 25% or 1,5,25%", context, parameter)
    return words


_paced = options.together(
    click.option("--serial", metavar="N", callback=_sizes, help="Instances at a time: a number, a percentage, or several with commas."),
    click.option(
        "--max-fail-percentage",
        "most",
        type=options.Number(0, 100),
        metavar="P",
        help="With --serial: begin no other batch after one of which more failed.",
    ),
)


def _reboot(
    wiring: Wiring, chosen_by: tuple[tuple[str, ...], str | None, bool], pace: tuple[tuple[str, ...], float | None], output: str
) -> None:
    names, host, everything = chosen_by
    picked = chosen.instances(wiring, names, host, everything)
    chosen.reach(wiring, picked)
    from orchestrator.model.desired import Play
    from orchestrator.services import hard_reboot as service  # late: hosts answer meanwhile

    with progress.shown(wiring) as report:
        done = service.act(wiring.app(report), picked, bool(names), Play(serial=pace[0], max_fail_percentage=pace[1]))
    progress.end(wiring, done, output)


@click.command("hard-reboot")
@click.option("--diagnose", is_flag=True, help="Only tell what is wrong with them, and what would mend it.")
@click.option("--repair", is_flag=True, help="Only mend what is wrong, live where it can be; what needs a reboot is asked for.")
@options.yes
@_options
@_paced
def hard_reboot(
    wiring: Wiring,
    names: tuple[str, ...],
    host: str | None,
    everything: bool,
    diagnose: bool,
    repair: bool,
    yes: bool,
    serial: tuple[str, ...],
    most: float | None,
    output: str,
) -> None:
    """Bring instances back, whatever state they are in: domain, networking and files are made anew, disks are kept.

    With --host or --all, those that are to run; what is stopped, or has shut itself down, stays so. On a host that has booted, what runs by now is let run.
    """
    if diagnose + repair + (bool(serial) or most is not None) > 1:
        raise errors.UsageError("--diagnose only tells, --repair mends, --serial reboots", hint="give one of them")
    if not (diagnose or repair):
        _reboot(wiring, (names, host, everything), (serial, most), output)
        return
    picked = chosen.instances(wiring, names, host, everything)
    chosen.reach(wiring, picked)
    if diagnose:
        diagnosis.diagnose(wiring, picked, output)
    else:
        diagnosis.repair(wiring, picked, yes, output)


@click.command()
@click.option("--hard", is_flag=True, help="As hard-reboot; the only kind there is.")
@_options
@_paced
def reboot(
    wiring: Wiring,
    hard: bool,
    names: tuple[str, ...],
    host: str | None,
    everything: bool,
    serial: tuple[str, ...],
    most: float | None,
    output: str,
) -> None:
    """With --hard: as hard-reboot."""
    if not hard:
        raise errors.UsageError("only hard reboots are known", hint="`orchestrator reboot --hard`, or stop and start")
    _reboot(wiring, (names, host, everything), (serial, most), output)
