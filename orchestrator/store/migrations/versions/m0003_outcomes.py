"""What became of each instance in a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """The column; of runs before it, nobody knows."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("outcomes", sa.Text()))
