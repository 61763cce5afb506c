"""The controller's own key, a file beside the store, and the secrets that are derived from it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from orchestrator.model import errors
from orchestrator.store import reading, session
from orchestrator.store.session import Backend, Session

LENGTH = 32  # bytes of the key; hex digits of what is derived
DERIVED, FILE = "chap/", "file/"
KIND = "key"
"""Of the resource that says which key it is."""


class Place(Struct, frozen=True):
    """Where the key of a store lies: on this machine at `path`; `here` is this machine, as others reach it."""

    path: Path
    here: str


Where = Callable[[Backend, str], Place]
"""Where the key of a store lies, by its lineage."""


class Keyring:
    """Secrets port. The key is made when it is first needed, once for ever: the store keeps its digest, and where it was made."""

    def __init__(self, open_store: Callable[[], Backend], place: Where) -> None:
        self._open, self._place = open_store, place
        self._known = b""

    def reveal(self, name: str) -> str:
        """See ports.secrets."""
        if name.startswith(DERIVED):
            return hmac.new(self._key(), name.encode(), hashlib.sha256).hexdigest()[:LENGTH]
        if name.startswith(FILE):
            return _word(Path(name.removeprefix(FILE)))
        raise errors.OrchestratorError(f"no secret {name!r}")

    def _key(self) -> bytes:
        if not self._known:
            with contextlib.closing(self._open()) as store:
                with store.reading() as db:
                    place = self._place(store, reading.lineage(db))
                self._known = key(store, place)
        return self._known


def key(store: Backend, place: Place) -> bytes:
    """The store's key, made when it never had one. Raises OrchestratorError when it has one, and that is not here."""
    with store.reading() as db:
        known = recorded(db)
    if known is None:
        with store.writing() as db:  # one at a time: of two that make the first key, on two machines, the second finds it made
            known = recorded(db)
            if known is None:
                _made(place.path)
                return record(db, place)
    return checked(place, *known)


def recorded(db: Session) -> tuple[str, str] | None:
    """The digest of the store's key, and where it was made; None when it never had one."""
    text = session.first(db, "SELECT body FROM resources WHERE kind = ?", KIND)
    if text is None:
        return None
    found = json.loads(text)
    return str(found["digest"]), str(found["where"])


def record(db: Session, place: Place) -> bytes:
    """Say in the store that its key is the one that is there; the key."""
    found = read(place.path)
    session.delete(db, "resources", kind=KIND)
    body = json.dumps({"digest": digest(found), "where": f"{place.here}:{place.path}"})
    session.insert(db, "resources", {"kind": KIND, "name": KIND, "body": body})
    return found


def digest(found: bytes) -> str:
    """What tells keys apart, and says nothing of them."""
    return hashlib.sha256(b"orchestrator key " + found).hexdigest()


def write(path: Path, content: bytes) -> None:
    """Put a key there, whole and readable by its owner alone, unless there is one. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def read(path: Path) -> bytes:
    """The key that is there. Raises OrchestratorError."""
    found = _read(path)
    if len(found) != LENGTH:
        raise errors.OrchestratorError("not a key", str(path), f"it has {len(found)} bytes, not {LENGTH}", "put the backup in its place")
    return found


def _made(path: Path) -> None:
    if not path.exists():
        write(path, secrets.token_bytes(LENGTH))


def checked(place: Place, expected: str, where: str) -> bytes:
    """The key there, if it is the one of this digest, made as `where` says. Raises OrchestratorError."""
    hint = f"copy it from where it was made: `scp {where} {place.path}`, or restore a backup of the store"
    if not place.path.exists():
        raise errors.OrchestratorError("the key of the store's secrets is not here", str(place.path), f"it was made as {where}", hint)
    found = read(place.path)
    if digest(found) != expected:
        raise errors.OrchestratorError("another key than that of the store's secrets", str(place.path), f"that was made as {where}", hint)
    return found


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
