"""Settings of one invocation: flags before environment before ./orchestrator.yaml, ./inventory, the user's file, the system's file."""

from __future__ import annotations

import difflib
import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field, structs

from orchestrator.cli import scheduler_options
from orchestrator.model import errors
from orchestrator.model.scheduler import Options

FILE = "orchestrator.yaml"
SYSTEM = Path("/etc/orchestrator") / FILE

CONSENTS = ("reboot", "rebuild", "destroy")
"""Classes of changes that are made with consent only; no file and no environment gives it."""

Layer = Mapping[str, tuple[tuple[str, ...], str]]
"""Settings from one place: name -> (its texts, where they stand); those below `scheduler` are `scheduler.NAME`."""


class Settings(Struct, frozen=True):
    """What holds for this invocation. `state` is the store's URL; times are in seconds."""

    inventory: tuple[str, ...] = ()
    state: str = ""
    forks: int = 10
    wait: float = 0.0
    timeout: float = 12.0
    limit: str = ""
    variables: tuple[str, ...] = ()  # as given, in order: `name=value`, `{...}`, `@file`
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at: str = ""
    allow: tuple[str, ...] = ()  # of CONSENTS
    new_store: bool = False
    verbose: int = 0
    scheduler: Options = field(default_factory=Options)


def resolve(flags: Mapping[str, object], layers: Sequence[Layer]) -> Settings:
    """The settings; earlier layers win, flags win over all. Raises SpecErrors for files, UsageError for the environment."""
    found: dict[str, object] = {}
    chosen: dict[str, object] = {}
    for layer in layers:
        for name, (texts, where) in layer.items():
            if name.startswith(scheduler_options.PREFIX):
                own = name.removeprefix(scheduler_options.PREFIX)
                chosen.setdefault(own, scheduler_options.read(own, texts, where))
            else:
                found.setdefault(name, _value(name, texts, where))
    found["scheduler"] = scheduler_options.options(chosen)
    return structs.replace(Settings(), **{**found, **flags})


def _value(name: str, texts: tuple[str, ...], where: str) -> object:
    if name not in READ:
        near = difflib.get_close_matches(name, (*READ, "scheduler"), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"settings are {', '.join((*READ, 'scheduler'))}"
        raise errors.SpecError(f"unknown setting {name!r}", where, hint=hint)
    try:
        return READ[name].read(texts)
    except ValueError as error:
        kind = errors.UsageError if where.startswith("ORCHESTRATOR_") else errors.SpecError
        raise kind(f"{name} cannot be {' '.join(texts)!r}", where, str(error)) from None


def _one(texts: tuple[str, ...]) -> str:
    if len(texts) != 1 or not texts[0]:
        raise ValueError("it takes one value")
    return texts[0]


def _sources(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts or not all(texts):
        raise ValueError("it takes a path, or a list of them")
    return texts


def url(texts: tuple[str, ...]) -> str:
    """A store's URL; a path stands for an SQLite file."""
    text = _one(texts)
    if "://" in text:
        return text
    try:
        return f"sqlite:///{os.path.abspath(Path(text).expanduser())}"  # noqa: PTH100 - follows no link
    except (RuntimeError, OSError) as error:
        raise ValueError(str(error)) from None


def forks(texts: tuple[str, ...]) -> int:
    """A number of hosts, 1 to 1000."""
    text = _one(texts)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1000):
        raise ValueError("it takes a whole number, 1 to 1000")
    return int(text)


def seconds(texts: tuple[str, ...]) -> float:
    """A time, 0 or more."""
    try:
        found = float(_one(texts))
    except ValueError:
        found = math.nan
    if not 0 <= found < 1e9:
        raise ValueError("it takes a number of seconds")
    return found


def timeout(texts: tuple[str, ...]) -> float:
    """A time that a silent host is given: at least 5, since sessions give a sign of life every 4 s, and at most an hour."""
    found = seconds(texts)
    if not 5 <= found <= 3600:
        raise ValueError("it takes a number of seconds, 5 to 3600")
    return found


class Setting(Struct, frozen=True):
    """One that may also stand in the environment and in files."""

    read: Callable[[tuple[str, ...]], object]
    help: str


READ = {
    "inventory": Setting(_sources, "the inventory; in files also a list; relative to the file that says so"),
    "state": Setting(url, "the store: the path of an SQLite file, or a URL such as `postgresql://user@host/database`"),
    "forks": Setting(forks, "hosts worked on at once (10)"),
    "wait": Setting(seconds, "seconds to wait for instances that another run holds (0)"),
    "timeout": Setting(timeout, "seconds to wait for a host that does not answer, or has fallen silent; at least 5 (12)"),
}


def environment(environ: Mapping[str, str]) -> Layer:
    """What ORCHESTRATOR_<NAME> says; empty ones count as not set."""
    names = {name: f"ORCHESTRATOR_{name.upper()}" for name in READ}
    return {name: ((environ[variable],), variable) for name, variable in names.items() if environ.get(variable)}


def folder(environ: Mapping[str, str], variable: str, below: str) -> Path | None:
    """The XDG folder of this program: $variable, else ~/`below`; None without a home."""
    if chosen := environ.get(variable):
        return Path(chosen).absolute() / "orchestrator"
    try:
        return Path.home() / below / "orchestrator"
    except RuntimeError:
        return None


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """Where the store and other things to keep lie by default."""
    return folder(environ, "XDG_STATE_HOME", ".local/state")


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Where what can be worked out again is kept."""
    return folder(environ, "XDG_CACHE_HOME", ".cache")


def files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the user's and the system's settings would be."""
    own = folder(environ, "XDG_CONFIG_HOME", ".config")
    return (*([own / FILE] if own else []), SYSTEM)


def trusted(path: Path) -> bool:
    """Whether nobody but its owner decides what the file says: not when anyone may put one into its directory."""
    return not path.parent.stat().st_mode & stat.S_IWOTH
