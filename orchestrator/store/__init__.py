"""What is known and what was begun, kept through crashes: the Store port over a database, in plain SQL.

Imports ports, commands and model; sqlalchemy and alembic live nowhere else, and here only where tables are made: `schema.py` holds them,
`migrating.py` and `migrations/` lead there from older ones. `session.py` is what the rest asks of a database; `sqlite.py` and `liveness.py` are all
that is SQLite's or this machine's. A new table: schema.py, a migration, the file of its subject. Another database: a file beside
`sqlite.py`, and its URL in `opening.py`. Never here: what a state means, what to do next, a host.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.ports import archive as archives
from orchestrator.ports import clock as clocks
from orchestrator.ports import secrets
from orchestrator.ports import store as ports


def open(url: str, clock: clocks.Clock, ids: clocks.Ids) -> ports.Store:  # noqa: A001 - read as store.open(), like os.open()
    """The store at a URL (`sqlite:////path`, `postgresql://user@host/database`); made when there is none, brought up to date when it is older.

    `?timeout=SECONDS` in the URL bounds the wait for another writer (30 s). Raises UsageError for a URL that cannot be
    a store's, OrchestratorError for a file that is none, is damaged, cannot be written, or was made by a newer program.
    """
    from orchestrator.store import opening  # late: `--help` needs none of it

    return opening.store(url, clock, ids)


def keyring(url: str, folder: Path | None, ids: clocks.Ids) -> secrets.Secrets:
    """The controller's secrets: what they are derived from is the file `<store>.key`; of a store on a server, `<lineage>.key` in `folder`.

    Raises OrchestratorError, when one is asked for, if the store has such a key, and it is not here.
    """
    from orchestrator.store import key, opening

    return key.Keyring(lambda: opening.backend(url, ids.uuid), lambda store, lineage: opening.key_place(store, lineage, folder))


def archive(url: str, folder: Path | None, clock: clocks.Clock, ids: clocks.Ids) -> archives.Archive:
    """The store as a whole, to be copied away and brought back; `folder` as in `keyring`."""
    from orchestrator.store import backups, opening

    return backups.Archive(url, lambda store, lineage: opening.key_place(store, lineage, folder), clock, ids)
