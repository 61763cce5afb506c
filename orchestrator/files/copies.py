"""Copies of images on their way from one host to another: a file each, sparse, removed when it has been sent."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from orchestrator.model import errors


class Folder:
    """Copies in a folder of the user's cache (ports/copies.py); None: where the system keeps what is passing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def there(self, source: str, size: int) -> bool:
        """As the port says."""
        try:
            return Path(source).is_file() and Path(source).stat().st_size == size
        except (OSError, ValueError):
            return False

    def keep(self, digest: str, pieces: Iterable[bytes]) -> str | None:
        """As the port says. Zeros become holes."""
        found, path = hashlib.sha256(), ""
        try:
            if self._folder:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(prefix="image-", dir=self._folder)
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    found.update(piece)
                    if piece.count(0) == len(piece):
                        file.seek(len(piece), os.SEEK_CUR)
                    else:
                        file.write(piece)
                file.truncate()
        except OSError as error:
            self.drop(path)
            raise errors.OrchestratorError(
                "no room for the copy of an image", str(self._folder or path), error.strerror or str(error)
            ) from None
        except BaseException:
            self.drop(path)
            raise
        if found.hexdigest() == digest:
            return path
        self.drop(path)
        return None

    def drop(self, path: str) -> None:
        """As the port says."""
        if path:
            Path(path).unlink(missing_ok=True)
