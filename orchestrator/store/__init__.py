"""What is known and what was begun, kept through crashes: the Store port over a database, in plain SQL.

Imports ports, commands and model; sqlalchemy and alembic live nowhere else, and here only where tables are made: `schema.py` holds them,
`migrating.py` and `migrations/` lead there from older ones. `session.py` is what the rest asks of a database; `sqlite.py` and `liveness.py` are all
that is SQLite's or this machine's. A new table: schema.py, a migration, the file of its subject. Another database: a file beside
`sqlite.py`, and its URL in `opening.py`. Never here: what a state means, what to do next, a host.
"""

from __future__ import annotations

from orchestrator.ports import clock as clocks
from orchestrator.ports import secrets
from orchestrator.ports import store as ports


def open(url: str, clock: clocks.Clock, ids: clocks.Ids) -> ports.Store:  # noqa: A001 - read as store.open(), like os.open()
    """The store at an SQLAlchemy URL (`sqlite:////path`); made when there is none, brought up to date when it is older.

    `?timeout=SECONDS` in the URL bounds the wait for another writer (30 s). Raises UsageError for a URL that cannot be
    a store's, OrchestratorError for a file that is none, is damaged, cannot be written, or was made by a newer program.
    """
    from orchestrator.store import opening  # late: `--help` needs none of it

    return opening.store(url, clock, ids)


def keyring(url: str) -> secrets.Secrets:
    """The controller's secrets: what they are derived from is the file `<store>.key`. Raises UsageError for a URL that cannot be a store's."""
    from orchestrator.store import key, sqlite

    place = sqlite.location(url)
    return key.Keyring(place.path.with_name(f"{place.path.name}.key"))
