"""known_hosts files: which keys a host may show (the file format is OpenSSH's, sshd(8) SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct


class Entry(Struct, frozen=True):
    """One key that a file holds for a host. `place`: file:line."""

    key_type: str
    blob: bytes
    place: str
    revoked: bool = False


def entries(files: Sequence[str], address: str, port: int) -> tuple[Entry, ...]:
    """All keys the files hold for the host, revoked ones included. Files that are not there hold none; certificate authorities are left out."""
    name = address.lower() if port == 22 else f"[{address.lower()}]:{port}"
    return tuple(entry for file in files for entry in _read(file, name))


def fingerprint(blob: bytes) -> str:
    """A key's fingerprint, as ssh-keygen -l shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _read(file: str, name: str) -> Iterator[Entry]:
    try:
        text = Path(file).read_text(errors="replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked") or not _matches(fields[0], name):
            continue
        try:
            blob = base64.b64decode(fields[2], validate=True)
        except binascii.Error:
            continue
        yield Entry(fields[1], blob, f"{file}:{number}", marker == "@revoked")


def _matches(patterns: str, name: str) -> bool:
    """Whether a line's host field names the host: hashed, or patterns with * and ?, where one with ! excludes whatever else matches."""
    if patterns.startswith("|1|"):
        return _hashed(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        negated = pattern.startswith("!")
        literal = pattern.removeprefix("!").replace("[", "[[]")  # [host]:port is no character class
        if fnmatch.fnmatchcase(name, literal):
            if negated:
                return False
            found = True
    return found


def _hashed(field: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in field.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)


def default_files() -> tuple[str, ...]:
    """Where OpenSSH looks when nothing else is said."""
    return (os.path.expanduser("~/.ssh/known_hosts"), "/etc/ssh/ssh_known_hosts")  # noqa: PTH111 (a str is what is wanted)
