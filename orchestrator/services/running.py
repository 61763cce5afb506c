"""A run, opened and closed whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.model import errors
from orchestrator.ports.store import Ended, Run
from orchestrator.services.app import App
from orchestrator.services.catch_up import catch_up
from orchestrator.services.report import Report


def run(app: App, verb: str, names: Sequence[str], work: Callable[[Run], Report]) -> Report:
    """What `work` reports; the run owns the instances called `names` while it lasts, and what dead runs left open of them is known first.

    Raises LockHeld, and what `work` raises.
    """
    opened = app.store.begin(verb, names, app.wait)
    status, recap = "failed", ""
    outcomes: Sequence[Ended] | None = None
    try:
        catch_up(app, opened, names)
        report = work(opened)
        status, recap = ("failed" if report.exit_code else "ok"), report.recap
        outcomes = [
            Ended(each.name, each.host, each.state, each.status, each.fault)
            for each in (*report.outcomes, *report.hosts)
            if each.status != "unchanged"
        ]
        return report
    except errors.OrchestratorError as error:
        recap = str(error)
        raise
    finally:
        cut = app.stopping.is_set() and status != "ok"  # it may come when everything is done
        app.store.finish(opened, "interrupted" if cut else status, recap, outcomes)
