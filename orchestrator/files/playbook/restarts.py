"""The restart policy of a play, or of an instance, as a Struct."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from orchestrator.files.playbook import reading, strict, words
from orchestrator.model import desired

SPAN = re.compile(r"([0-9]{1,9})\s*(s|m|h|d)?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MONTH = 31 * 86400
SCHEMA = reading.given(anyOf=[{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+ *[smhd]?$"}])


def _span(least: int, most: int) -> Callable[[object], int]:
    """Seconds; a number of them, or one with its unit."""

    def check(value: object) -> int:
        found = SPAN.fullmatch(words.text(value))
        if not found:
            raise words.bad("must be a time: a number of seconds, or one with s, m, h or d", "such as 30, 10s or 8h")
        seconds = int(found[1]) * SECONDS[found[2] or "s"]
        if not least <= seconds <= most:
            raise words.bad(f"must be {least} to {most} seconds")
        return seconds

    return check


class RestartPolicyEntry(strict.Strict, frozen=True):
    """When a guest that ended by itself is started again, how often, and how soon."""

    condition: Literal["on-crash", "always", "never"] = "on-crash"
    max_attempts: Annotated[int, *words.number(1, 1000)] = desired.RestartPolicy().max_attempts
    window: Annotated[int, _span(1, MONTH), SCHEMA] = desired.RestartPolicy().window
    back_off: Annotated[int, _span(0, 86400), SCHEMA] = desired.RestartPolicy().back_off

    @property
    def policy(self) -> desired.RestartPolicy:
        return desired.RestartPolicy(self.condition, self.max_attempts, self.window, self.back_off)


def policy(own: RestartPolicyEntry | None, play: RestartPolicyEntry | None) -> desired.RestartPolicy:
    """An instance's own policy, else its play's, else the default."""
    found = own or play
    return found.policy if found else desired.RestartPolicy()
