"""Image files on this machine: those that playbooks name, and copies on their way from one host to another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Copies(Protocol):
    """Safe to use from several threads at once for different digests."""

    def there(self, source: str, size: int) -> bool:
        """Whether the file at `source` is there, with so many bytes."""

    def keep(self, digest: str, pieces: Iterable[bytes]) -> str | None:
        """The path of a file with the content of `pieces`, in order; None when its sha256 (hex) is not `digest`. Raises OrchestratorError when it cannot be kept."""

    def drop(self, path: str) -> None:
        """Remove a copy; one that is gone is no error."""
