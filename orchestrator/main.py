"""The console entry point, and the one place that names concrete adapters. Each is made when it is first asked for, so that `--help` is quick."""

from __future__ import annotations

import datetime
import gc
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from orchestrator.cli import run, settings
from orchestrator.cli.interruption import Interruption, again
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.connections.choose import ChosenTransport
    from orchestrator.engine.context import Progress
    from orchestrator.model.desired import Desired
    from orchestrator.model.host import Inventory
    from orchestrator.ports.archive import Archive
    from orchestrator.ports.events import Events
    from orchestrator.ports.lab import Lab
    from orchestrator.ports.secrets import Secrets
    from orchestrator.ports.store import Store
    from orchestrator.ports.transport import Transport
    from orchestrator.services.app import App

GARBAGE = 100_000
"""Objects made between two searches for cycles: with Python's own 700, imports alone are searched through for a tenth of a short command's time."""


class SystemClock:
    """This machine's time."""

    def now(self) -> str:
        return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class RandomIds:
    """Ids that nobody else has."""

    def uuid(self) -> str:
        return str(uuid.uuid4())


class Wiring:
    """What the doors get (cli.wiring): adapters by their ports, made on first use and closed together."""

    def __init__(self, interruption: Interruption) -> None:
        self.flags: dict[str, object] = {}
        self.clock, self.ids = SystemClock(), RandomIds()
        self._interruption = interruption

    @cached_property
    def settings(self) -> settings.Settings:
        """Flags, environment and files together. Raises SpecErrors, UsageError."""
        return settings.resolve(self.flags, tuple(_layers()))

    def inventory(self) -> Inventory:
        """The inventory that -i names. Raises SpecErrors; UsageError when none is named."""
        return self._inventory

    @cached_property
    def _inventory(self) -> Inventory:
        from orchestrator.files import inventory

        if not self.settings.inventory:
            hint = "give one with -i (a file, a directory, `host1,host2,`) or ORCHESTRATOR_INVENTORY, or put it at ./inventory"
            raise errors.UsageError("no inventory", hint=hint)
        return inventory.load(self.settings.inventory)

    def desired(self, files: Sequence[Path]) -> Desired:
        """The desired state of playbooks, with the variables and tags of the settings. Raises SpecErrors."""
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to search all packages for some costs 15 ms, and we have none
        from orchestrator.files import digests, given, playbook

        chosen = self.settings
        variables = given.read(chosen.variables)
        with digests.kept(settings.cache_folder(os.environ)) as known:
            return playbook.load(files, self.inventory(), variables, chosen.tags, chosen.skip_tags, digests=known)

    def schema(self) -> Mapping[str, object]:
        """JSON Schema of playbooks."""
        from orchestrator.files import playbook

        return playbook.schema()

    @cached_property
    def store(self) -> Store:
        from orchestrator import store

        return store.open(self._url, self.clock, self.ids)

    @property
    def _url(self) -> str:
        return self.settings.state or _default_store()

    @cached_property
    def archive(self) -> Archive:
        from orchestrator import store

        return store.archive(self._url, settings.state_folder(os.environ), self.clock, self.ids)

    @cached_property
    def transport(self) -> Transport:
        from orchestrator.connections import sealed

        return sealed.SealedTransport(self._ways, lambda: self._secrets)

    @cached_property
    def _ways(self) -> ChosenTransport:
        from orchestrator.connections import choose

        return choose.ChosenTransport(self.settings.timeout)

    @cached_property
    def events(self) -> Events:
        from orchestrator.connections import events

        return events.LibvirtEvents(self._ways.stream, self.settings.timeout)

    def reach(self, hosts: Iterable[str]) -> None:
        """Begin to connect to the hosts; see cli.wiring."""
        known = self.inventory().hosts
        self._ways.open([known[name] for name in dict.fromkeys(hosts) if name in known], self.settings.forks)

    @cached_property
    def _secrets(self) -> Secrets:
        from orchestrator import store

        return store.keyring(self._url, settings.state_folder(os.environ), self.ids)

    @cached_property
    def lab(self) -> Lab:
        from orchestrator import lab

        return lab.open()

    def app(self, report: Callable[[Progress], None] | None = None, resume: str = "") -> App:
        """Everything a use case needs; see cli.wiring."""
        from orchestrator.files.copies import Folder
        from orchestrator.services.app import App

        kept = settings.cache_folder(os.environ)
        copies = Folder(kept / "images" if kept else None)
        chosen = self.settings
        made = App(
            self.inventory(),
            self.transport,
            self.store,
            self.clock,
            chosen.forks,
            chosen.wait,
            scheduler=chosen.scheduler,
            copies=copies,
            allow=frozenset(chosen.allow),
            new_store=chosen.new_store,
        )
        if report is None:
            return made
        self._interruption.patient = True
        self._interruption.resume = resume or self._interruption.resume
        return structs.replace(made, report=report, stopping=self._interruption.stopping)

    def close(self) -> None:
        """Let go of whatever was made."""
        for name in ("events", "transport", "store"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()


def _layers() -> Iterator[settings.Layer]:
    """Settings from around the command, most important first."""
    yield settings.environment(os.environ)
    yield from _read(Path(settings.FILE))
    here = Path("inventory")
    if here.exists() and _trusted(here):
        yield {"inventory": ((str(here),), "./inventory")}
    for path in settings.files(os.environ):
        yield from _read(path)


def _read(path: Path) -> Iterator[settings.Layer]:
    if path.exists() and _trusted(path):
        from orchestrator.files import settings as file

        yield file.read(path)


def _trusted(path: Path) -> bool:
    if settings.trusted(path.absolute()):
        return True
    print(f"{path}: not used: anyone may write into its directory", file=sys.stderr)
    return False


def _default_store() -> str:
    folder = settings.state_folder(os.environ)
    if folder is None:
        raise errors.UsageError("no place for the store", why="HOME is not set", hint="name one with --state PATH")
    return settings.url((str(folder / "state.db"),))


def main() -> None:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(GARBAGE)
    arguments = sys.argv[1:]
    interruption = Interruption(again(arguments))
    interruption.install()
    wiring = Wiring(interruption)
    try:
        code = run.run(arguments, wiring, interruption)
    finally:
        wiring.close()
    gc.freeze()  # everything is closed: to search all that was imported for cycles once more, at the end of the process, takes a tenth of it
    sys.exit(code)
