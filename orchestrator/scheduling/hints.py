"""Scheduler hints of a request, as the playbook has them: lists are words with commas between."""

from __future__ import annotations

from orchestrator.scheduling.host_state import Request


def names(request: Request, hint: str) -> tuple[str, ...]:
    """The instances that the hint names."""
    found = (name.strip() for name in request.instance.scheduler_hints.get(hint, "").split(","))
    return tuple(name for name in found if name)


def there(request: Request, hint: str, host: str) -> tuple[str, ...]:
    """Those of them that are on the host."""
    return tuple(name for name in names(request, hint) if request.homes.get(name) == host)
