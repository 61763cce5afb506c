"""The live view: a line for each instance under its host, with what it does and for how long."""

from __future__ import annotations

import io

from rich.console import Console

from orchestrator.cli import live
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


def test_markup_in_names_is_text() -> None:
    view = live.View(lambda: 0.0)
    view.report(Progress("web-1", "[red]n1[/red]", "networking"))
    assert "[red]n1[/red]" in shown(view)


def shown(view: live.View) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(view)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
