"""The controller's own key, a file beside the store, and the secrets that are derived from it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from orchestrator.model import errors

LENGTH = 32  # bytes of the key; hex digits of what is derived
DERIVED, FILE = "chap/", "file/"


class Keyring:
    """Secrets port. The key is made when it is first needed: who loses it gives volumes new passwords by exporting them again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reveal(self, name: str) -> str:
        """See ports.secrets."""
        if name.startswith(DERIVED):
            return hmac.new(self._key(), name.encode(), hashlib.sha256).hexdigest()[:LENGTH]
        if name.startswith(FILE):
            return _word(Path(name.removeprefix(FILE)))
        raise errors.OrchestratorError(f"no secret {name!r}")

    def _key(self) -> bytes:
        if not self._path.exists():
            draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(secrets.token_bytes(LENGTH))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker: then it is that one's key
                os.link(draft, self._path)
            draft.unlink()
        key = _read(self._path)
        if len(key) != LENGTH:
            raise errors.OrchestratorError(
                "not a key", str(self._path), f"it has {len(key)} bytes, not {LENGTH}", "put the backup in its place"
            )
        return key


def _word(path: Path) -> str:
    """The key in a file, as `ceph auth print-key` gives it."""
    words = _read(path).split()
    try:
        if len(words) == 1 and base64.b64decode(words[0], validate=True):
            return words[0].decode()
    except ValueError:
        pass
    raise errors.OrchestratorError(
        "not a key", str(path), "it is not exactly one word of base64", "put in it what `ceph auth print-key client.USER` prints"
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise errors.OrchestratorError("a secret that others may read", str(path), "", f"chmod 600 {path}")
            return file.read()
    except OSError as error:
        raise errors.OrchestratorError(
            "a secret cannot be read", str(path), error.strerror or "", "see that the file is there and yours"
        ) from error
