"""What alembic runs to reach the store: the caller's connection, in whose transaction everything happens."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
