"""A plan kept in a file: what it was made from, and the fingerprint that tells whether it would still be the same."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.cli import interruption, output
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Wiring
    from orchestrator.planning.plan import Plan

KIND = "orchestrator plan"
BROUGHT = ("inventory", "limit", "variables", "tags", "skip_tags", "start_at", "allow")
LIMIT = 64 << 20  # bytes


class PlanFile(Struct, frozen=True):
    """What `plan -o PLANFILE` wrote down; paths are absolute."""

    playbooks: tuple[Path, ...]
    inventory: tuple[str, ...]
    variables: tuple[str, ...]
    tags: tuple[str, ...]
    skip_tags: tuple[str, ...]
    limit: str
    fingerprint: str
    start_at: str = ""
    allow: tuple[str, ...] = ()


def write(wiring: Wiring, path: Path, files: Sequence[Path], plan: Plan) -> None:
    """Keep the plan, for its owner's eyes: variables may be secret. Whole or not at all. Raises OrchestratorError."""
    from orchestrator.planning import show

    chosen = wiring.settings
    saved = output.versioned(
        kind=KIND,
        playbooks=[os.path.abspath(file) for file in files],  # noqa: PTH100 - follows no link
        inventory=[_absolute(source) for source in chosen.inventory],
        variables=[f"@{_absolute(given[1:])}" if given.startswith("@") else given for given in chosen.variables],
        tags=list(chosen.tags),
        skip_tags=list(chosen.skip_tags),
        limit=chosen.limit,
        start_at=chosen.start_at,
        allow=list(chosen.allow),
        fingerprint=plan.fingerprint(),
        shown=list(show.lines(plan)),
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
            json.dump(saved, stream, indent=2)
        draft.replace(path)
    except (OSError, ValueError) as error:
        draft.unlink(missing_ok=True)
        raise errors.OrchestratorError("cannot write the plan", str(path), getattr(error, "strerror", None) or str(error)) from None


def found(files: Sequence[Path]) -> PlanFile | None:
    """The plan, when the one file is a plan file: it begins with `{`, as no playbook does. Raises SpecError for one that cannot be read."""
    if len(files) != 1 or not files[0].is_file():
        return None
    try:
        with files[0].open("rb") as stream:
            if stream.read(1) != b"{":
                return None
            text = stream.read(LIMIT)
    except OSError:
        return None  # who reads playbooks says it better
    try:
        return _parsed(json.loads(b"{" + text))
    except (ValueError, TypeError, KeyError, RecursionError):
        hint = "make a new one with `orchestrator plan FILE... -o PLANFILE`"
        raise errors.SpecError("not a playbook, and not a plan file that this program can read", str(files[0]), hint=hint) from None


def restore(wiring: Wiring, saved: PlanFile) -> None:
    """Have the settings that the plan was made with. Raises UsageError when flags say otherwise."""
    for name in BROUGHT:
        if name in wiring.flags:
            flag = {"variables": "-e", "skip_tags": "--skip-tags", "start_at": "--start-at"}.get(name, f"--{name}")
            raise errors.UsageError(f"{flag} cannot be given with a plan file", why="it is part of the plan", hint="make a new plan")
    wiring.flags.update({name: getattr(saved, name) for name in BROUGHT})


def resume(saved: PlanFile) -> str:
    """How to go on when the plan was carried out in part, and is stale by that."""
    flags = {
        "-i": saved.inventory,
        "-e": saved.variables,
        "-t": saved.tags,
        "--skip-tags": saved.skip_tags,
        "-l": (saved.limit,),
        "--start-at": (saved.start_at,),
        "--allow": saved.allow,
    }
    words = [word for flag, values in flags.items() for value in values if value for word in (flag, value)]
    return interruption.again(["apply", *words, *map(str, saved.playbooks)])


def _parsed(saved: dict[str, object]) -> PlanFile:
    if saved["kind"] != KIND or saved["schema_version"] != output.SCHEMA_VERSION:
        raise ValueError(KIND)
    texts = {name: _texts(saved[name]) for name in ("playbooks", "inventory", "variables", "tags", "skip_tags")}
    texts["allow"] = _texts(saved.get("allow", []))
    limit, fingerprint, start_at = _texts([saved["limit"], saved["fingerprint"], saved.get("start_at", "")])
    playbooks = tuple(Path(path) for path in texts.pop("playbooks"))
    return PlanFile(playbooks, **texts, limit=limit, fingerprint=fingerprint, start_at=start_at)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return tuple(value)


def _absolute(source: str) -> str:
    """A path that means the same anywhere; a list of hosts stays one."""
    if "," in source and not os.path.lexists(source):
        return source
    return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111 - follows no link, knows life without a home
