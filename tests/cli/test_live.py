"""The live view: a line for each instance under its host, with what it does and for how long."""

from __future__ import annotations

import io
import re

import click
import pytest
from rich.console import Console

from orchestrator.cli import live, progress
from orchestrator.engine.context import Progress


def test_the_view_has_the_latest_of_each_instance() -> None:
    now = [10.0]
    view = live.View(lambda: now[0])
    view.report(Progress("web-1", "n1", "networking"))
    view.report(Progress("web-20", "n1", "networking"))
    view.report(Progress("web-3", "n2", "networking"))
    now[0] = 12.5
    view.report(Progress("web-1", "n1", "spawning", "spawning.start_domain", "done"))
    view.report(Progress("web-20", "n1", "ACTIVE", "", "changed"))
    view.report(Progress("web-3", "n2", "block_device_mapping", "block_device_mapping.create_disks", "failed"))
    now[0] = 20.0
    assert shown(view).splitlines() == [
        "n1",
        "├── web-1    10.0 s  spawning start_domain",
        "└── web-20    2.5 s  ACTIVE changed",
        "n2",
        "└── web-3   10.0 s  block_device_mapping create_disks failed",
    ]


def test_a_line_is_a_line_on_a_narrow_terminal() -> None:
    view = live.View(lambda: 0.0)
    for name in ("web-1", "web-2"):
        view.report(Progress(name, "compute1.example.com", "block_device_mapping", "block_device_mapping.create_disks", "done"))
    assert len(shown(view, width=30).splitlines()) == 3


def test_markup_in_names_is_text() -> None:
    view = live.View(lambda: 0.0)
    view.report(Progress("web-1", "[red]n1[/red]", "networking"))
    assert "[red]n1[/red]" in shown(view)


def shown(view: live.View, height: int = 50, width: int = 120) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, height=height).print(view)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def fleet(count: int, hosts: int) -> tuple[live.View, list[float]]:
    """A view of so many instances: on each host some ended, some under way, one failed on the first host."""
    now = [0.0]
    view = live.View(lambda: now[0])
    view.report(Progress("", "", "", total=count))
    for number in range(count):
        now[0] = number / 1000
        name, host = f"web-{number}", f"n{number % hosts}"
        view.report(Progress(name, host, "networking"))
        if number % 10:
            view.report(Progress(name, host, "ACTIVE", "", "changed"))
    view.report(Progress("web-7", "n7", "spawning", "spawning.start_domain", "failed"))
    view.report(Progress("web-7", "n7", "ERROR", "", "failed"))
    now[0] = 60.0
    return view, now


@pytest.mark.parametrize("height", [24, 40, 80])
@pytest.mark.parametrize("hosts", [8, 32, 100])
def test_a_thousand_instances_fit_the_terminal(height: int, hosts: int) -> None:
    view, _ = fleet(1000, hosts)
    lines = shown(view, height).splitlines()
    assert len(lines) <= height - 1
    assert all(len(line) <= 120 for line in lines)
    assert any("n7" in line and "web-7" in line and "failed" in line for line in lines)  # failures always
    assert lines[-1] == f"{'━' * 30} 900 of 1000 done, 1 failed, 100 under way, 60 s"
    assert lines[0].startswith("n7 ")  # the host with the failure is the first
    told = sum(
        int(number) for line in lines[:-1] for number in re.findall(r"([0-9]+) (?:changed|networking|failed)", line) if "web-" not in line
    )
    assert told == 1000


def test_what_is_under_way_longest_is_shown_first() -> None:
    view, _ = fleet(1000, 8)
    names = re.findall(r"  n[0-9]+  (web-[0-9]+) ", shown(view, 24))
    assert names[:3] == ["web-7", "web-0", "web-10"]


def test_one_that_went_on_elsewhere_is_counted_once() -> None:
    now = [0.0]
    view = live.View(lambda: now[0])
    view.report(Progress("", "", "", total=1))
    view.report(Progress("web-1", "n1", "ERROR", "", "failed"))
    now[0] = 1.0
    view.report(Progress("web-1", "n2", "networking"))
    assert shown(view).splitlines()[-1].endswith("0 of 1 done, 0 failed, 1 under way, 1 s")


def test_lines_of_many_tell_of_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("apply")):
        report = progress.lines(0)
        report(Progress("", "", "", total=1000))
        for state in ("networking", "spawning"):
            for number in range(1000):
                report(Progress(f"web-{number}", f"n{number % 10}", state))
        report(Progress("web-7", "n7", "spawning", "spawning.start_domain", "failed"))
        for number in range(1000):
            report(Progress(f"web-{number}", f"n{number % 10}", "ACTIVE", "", "failed" if number == 7 else "changed"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 * 10 + 1
    assert "n7  web-7  spawning: start_domain: failed" in lines
    assert lines[-1] == "n9  100 changed"
    assert "n7  99 changed, 1 failed" in lines


def test_lines_of_many_when_verbose_tell_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("apply")):
        report = progress.lines(1)
        report(Progress("", "", "", total=1000))
        for number in range(60):
            report(Progress(f"web-{number}", "n1", "networking"))
    assert len(capsys.readouterr().err.splitlines()) == 60
