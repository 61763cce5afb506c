"""Text made safe for where it goes: a shell word, a file name, a line of a log."""

from __future__ import annotations

import hashlib
import re
import urllib.parse

from orchestrator.model import errors

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LINE_LIMIT = 3000
"""Characters of a journal line's command: with UTF-8's four bytes for some, one line stays one atomic write."""
NAME_LIMIT = 240
"""Characters of a file name; file systems take 255, and a few go to what is added."""


def word(text: str) -> str:
    """`text` as one shell word, whatever it holds; raises HostError for NUL, which no argument can hold."""
    if "\0" in text:
        raise errors.HostError("an argument holds a NUL byte", why=repr(text[:80]), hint="no process can be given one")
    return "'" + text.replace("'", "'\\''") + "'"


def words(texts: tuple[str, ...]) -> str:
    """Several words, separated by spaces."""
    return " ".join(word(text) for text in texts)


def filename(key: str) -> str:
    """`key` as a file name: without slashes, never hidden, `.` or `..`. One to one; a name too long for a file ends in its sha256."""
    name = urllib.parse.quote(key, safe="")
    if len(name) > NAME_LIMIT:
        name = f"{name[: NAME_LIMIT - 65]}%{hashlib.sha256(key.encode()).hexdigest()}"
    return "%2E" + name[1:] if name.startswith(".") else name


def line(text: str) -> str:
    """`text` on one line: control characters escaped, cut after LINE_LIMIT characters."""
    shown = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown if len(shown) <= LINE_LIMIT else shown[:LINE_LIMIT] + " [cut]"
