"""URLs of stores, taken apart: `scheme://rest?option=value`. What a rest means is each database's own."""

from __future__ import annotations

import urllib.parse

from msgspec import Struct

from orchestrator.model import errors

HINT = "write sqlite:////absolute/path, sqlite:///relative/path or postgresql://user@host/database"


class Parts(Struct, frozen=True):
    """An URL. `rest` is plain text; `timeout` how many seconds to wait for another writer."""

    scheme: str
    rest: str
    options: dict[str, str]
    timeout: float


def split(url: str, timeout: float) -> Parts:
    """The URL's parts, `timeout` where it says none. Raises UsageError, which names no more of it than its scheme: it may hold a password."""
    scheme, colon, rest = url.partition("://")
    path, _, query = rest.partition("?")
    given = urllib.parse.parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if not colon or len(options) != len(given):
        raise errors.UsageError("not the URL of a store", scheme if colon else url, "an option is given twice" if colon else "", HINT)
    try:
        seconds = float(options.get("timeout", timeout))
    except ValueError:
        raise errors.UsageError("not the URL of a store", f"{scheme}://", "timeout is no number of seconds", HINT) from None
    if not seconds >= 0:
        raise errors.UsageError("not the URL of a store", f"{scheme}://", "the one option is ?timeout=SECONDS, at least 0", HINT)
    return Parts(scheme, unquoted(path), options, seconds)


def unquoted(text: str) -> str:
    """The text that stands in an URL."""
    return urllib.parse.unquote(text)
