"""A run, opened and closed whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from orchestrator.model import errors
from orchestrator.ports.store import Run
from orchestrator.services.app import App


@contextmanager
def run(app: App, verb: str, names: Sequence[str]) -> Iterator[Run]:
    """The run, owning the instances called `names` until the block ends. Raises LockHeld."""
    opened = app.store.begin(verb, names, app.wait)
    status, recap = "failed", ""
    try:
        yield opened
        status = "interrupted" if app.stopping.is_set() else "ok"
    except errors.OrchestratorError as error:
        recap = str(error)
        raise
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        app.store.finish(opened, status, recap)
