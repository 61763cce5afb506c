"""What becomes of a guest that is off though it is to run: by libvirt's reason, its restart policy, and how often it was restarted before.

The conditions are Docker's and systemd's, the bounds Ganeti's (its watcher: 5 restarts, forgotten after 8 h), the delays Kubernetes' (none before the
first restart, then doubled up to 5 minutes).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from orchestrator.model.desired import RestartPolicy

CEILING = 300
"""Seconds: the longest delay before a restart, unless the policy's own is longer."""

BY_ITSELF, BY_HAND = "shutdown", "destroyed"
ELSEWHERE = {"saved": "its memory was saved", "migrated": "it was migrated away", "from snapshot": "it was reverted to a snapshot"}
ENDED = {
    "crashed": "it crashed",
    "panicked": "it panicked",
    "failed": "it failed to start",
    "daemon": "libvirt ended it",
    "unknown": "libvirt does not know how it ended",  # as after a reboot of the host
}
"""Reasons as `virsh domstate --reason` has them (libvirt tools/virsh-domain-monitor.c)."""


class Do(enum.Enum):
    """What is to be done with it."""

    RESTART = "restart"
    WAIT = "wait"
    GIVE_UP = "give up"  # ERROR, with the reason
    STOPPED = "stopped"  # recorded so, and left so


class Verdict(Struct, frozen=True):
    """`why` in words; `at`: until when to wait (ISO 8601, UTC), "" for anything but WAIT."""

    do: Do
    why: str
    at: str = ""


def decide(policy: RestartPolicy, reason: str, attempts: Sequence[str], now: str) -> Verdict:
    """What becomes of a guest that is recorded as ACTIVE and was found off for `reason`.

    `attempts`: when it was restarted by the policy before, `now`: the controller's time; ISO 8601, UTC.
    """
    why = _ended(reason)
    if stays(policy, reason):
        return Verdict(Do.STOPPED, why)
    known = sorted(_within(policy, attempts, now))
    if len(known) >= policy.max_attempts:
        return Verdict(
            Do.GIVE_UP, f"{why}, and was restarted {_times(len(known))} within {span(policy.window)}: restart_policy allows no more"
        )
    if known and (due := known[-1] + timedelta(seconds=_delay(policy, len(known)))) > _time(now):
        return Verdict(Do.WAIT, f"{why}: restart {len(known) + 1} of {policy.max_attempts} comes at {_text(due)}", _text(due))
    return Verdict(Do.RESTART, f"{why}: restart {len(known) + 1} of {policy.max_attempts}")


def stays(policy: RestartPolicy, reason: str) -> bool:
    """Whether a guest that ended so is left off, however often it was restarted."""
    if policy.condition == "never" or reason in ELSEWHERE:
        return True
    return policy.condition == "on-crash" and reason in (BY_ITSELF, BY_HAND)


def remembered(policy: RestartPolicy, attempts: Sequence[str], now: str) -> tuple[str, ...]:
    """The attempts with one more, now; those that are over the policy's window are forgotten."""
    return (*(_text(each) for each in sorted(_within(policy, attempts, now))), now)


def span(seconds: int) -> str:
    """Seconds in the largest unit that they are whole in: `8h`."""
    size, unit = next((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _ended(reason: str) -> str:
    known = {BY_ITSELF: "it shut itself down", BY_HAND: "its process was ended by hand", **ELSEWHERE, **ENDED}
    return known.get(reason, f"it is off ({reason})")


def _within(policy: RestartPolicy, attempts: Sequence[str], now: str) -> list[datetime]:
    """Attempts within the window; none is later than now, whatever the clock was then."""
    present = _time(now)
    found = (min(_time(each), present) for each in attempts)
    return [each for each in found if (present - each).total_seconds() < policy.window]


def _delay(policy: RestartPolicy, attempts: int) -> int:
    """Seconds from the last of so many attempts to the next."""
    doubled = policy.back_off << min(attempts - 1, 30)
    return min(doubled, max(CEILING, policy.back_off))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
