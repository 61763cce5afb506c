"""Errors an operator may meet: what, where, why, what next. Exit codes hang on the class (docs/reference.md lists them)."""

from __future__ import annotations

from collections.abc import Sequence


class OrchestratorError(Exception):
    """An error meant for the operator's eyes; its text never holds a secret or a traceback."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what, where, why, hint)
        self.what, self.where, self.why, self.hint = what, where, why, hint

    def __str__(self) -> str:
        """One line: `where: what: why; hint`, empty parts left out."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        text = f"{text}: {self.why}" if self.why else text
        return f"{text}; {self.hint}" if self.hint else text


class UsageError(OrchestratorError):
    """The command line is wrong."""

    exit_code = 64


class SpecError(OrchestratorError):
    """A file is wrong; `where` is file:line:column."""

    exit_code = 65


class SpecErrors(SpecError):
    """Every error of the files at once, in the order of their places."""

    def __init__(self, errors: Sequence[SpecError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class NotFound(OrchestratorError):
    """No such object."""


class Conflict(OrchestratorError):
    """The wish contradicts what is recorded or observed."""


class StateError(OrchestratorError):
    """The verb is not legal in the instance's present state."""


class NoValidHost(OrchestratorError):
    """No host has room (Nova's name for it)."""

    exit_code = 3


class StaleStore(OrchestratorError):
    """A host has done more for this store than the store knows of: it is an older copy of what it was."""


class StalePlan(OrchestratorError):
    """The world has changed since the plan was made."""


class LockHeld(OrchestratorError):
    """Another run works on the same instances; `why` says who and since when."""

    exit_code = 75


class LostOwnership(OrchestratorError):
    """A newer run took this run's instances over: nothing more may be done by this one."""

    exit_code = 75


class HostError(OrchestratorError):
    """Something on a host went wrong; `where` names host, step and command."""

    exit_code = 3


class Unreachable(HostError):
    """No connection, and nothing was sent: the host's state is as it was."""

    exit_code = 4


class OutcomeUnknown(HostError):
    """The connection was lost after something was sent: a state of knowledge, not a failure. Observe, then go on."""

    exit_code = 4
