"""A controller process for tests: `python -m tests.store.worker VERB URL ...`, to be raced with others and killed at any moment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from orchestrator import store
from orchestrator.model import errors
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from tests.store import samples


def main(verb: str, url: str, *words: str) -> None:
    """Says `ready`, waits for a line on stdin, then does what `verb` says."""
    opened = store.open(url, samples.WallClock(), samples.Ids())
    say("ready")
    sys.stdin.readline()
    VERBS[verb](opened, *words)


def say(text: str) -> None:
    print(text, flush=True)


def hold(opened: ports.Store, name: str) -> None:
    """Own an instance until stdin ends."""
    try:
        run = opened.begin("apply", [name])
    except errors.LockHeld as error:
        say(f"refused {error}")
        return
    say(f"owns {run.holder}")
    sys.stdin.read()
    opened.finish(run, "ok", "")


def place(opened: ports.Store, prefix: str, count: str) -> None:
    """Place instances one by one, each on the first free fixed IP."""

    def decide(seen: ports.Snapshot) -> Sequence[ports.Placement]:
        used = {ip for record in seen.records for port in record.instance.ports for ip in port.fixed_ips}
        free = next(ip for ip in (f"10.0.0.{last}" for last in range(1, 255)) if ip not in used)
        return [samples.placement(samples.new(name, samples.port("private", free), number=seen.next_number))]

    names = [f"{prefix}-{number}" for number in range(int(count))]
    run = opened.begin("apply", names)
    for name in names:
        opened.place(run, decide)
        say(name)
    opened.finish(run, "ok", "")


def commit(opened: ports.Store, name: str) -> None:
    """Write batches of five steps for ever; a batch's number is said once it is committed."""
    run = opened.begin("apply", [name])
    uuid = next(record.instance.uuid for record in opened.records() if record.instance.name == name)
    for batch in range(1_000_000):
        opened.commit(run, [writes.Step(uuid, "spawning", f"{batch}.{step}", "h1", "done", detail="x" * 500) for step in range(5)])
        say(str(batch))


VERBS: dict[str, Callable[..., None]] = {"hold": hold, "place": place, "commit": commit}

if __name__ == "__main__":
    main(*sys.argv[1:])
