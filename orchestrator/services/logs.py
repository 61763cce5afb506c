"""What a guest wrote on its serial console."""

from __future__ import annotations

from orchestrator.commands.command import Batch, Command
from orchestrator.model import errors
from orchestrator.rendering import domain
from orchestrator.services.app import App
from orchestrator.services.wanted import pick

LIMIT = 1 << 20  # bytes: what a read may answer


def logs(app: App, name: str, lines: int | None = None) -> bytes:
    """The last `lines` of the console log, all by default; 1 MiB at most. Raises NotFound for an instance or a log that is not there, HostError."""
    instance = pick(app, [name])[0].instance
    path = domain.console_log_path(instance)
    wanted = ("-n", str(lines)) if lines else ("-c", str(LIMIT))
    read = Command(("tail", *wanted, "--", path), accepts=(0, 1))
    host = app.inventory.hosts[instance.host]
    record = app.transport.run(host, Batch(f"logs-{instance.uuid}", 0, reads=(read,)), lambda record: None)[0]
    if record.code:
        why = record.error.strip() or f"exit code {record.code}"
        raise errors.NotFound(f"instance {name!r} has no console log", f"{host.name}: {path}", why, "there is one once it was started")
    return record.output
