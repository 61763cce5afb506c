"""Secrets of the controller: commands name them, and only what is sent to a host holds them."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """Values by names. Neither plans nor the store nor a host's journal ever hold one."""

    def reveal(self, name: str) -> str:
        """The secret's value: of `chap/<volume id>` derived from the controller's own key, of `file/<path>` what stands in that file.

        Raises OrchestratorError when there is none, or others may read it.
        """
