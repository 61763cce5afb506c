"""Volumes, each of one instance at most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The table, and the number of the next volume."""
    with op.batch_alter_table("meta") as table:
        table.add_column(sa.Column("next_volume", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "volumes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("instance", sa.String()),
        sa.Column("device", sa.String()),
        sa.Column("boot", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.Text()),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["instance"], ["instances.uuid"], name="fk_volumes_instance"),
        sa.PrimaryKeyConstraint("id", name="pk_volumes"),
        sa.UniqueConstraint("instance", "device", name="uq_volumes_instance_device"),
        sa.UniqueConstraint("name", name="uq_volumes_name"),
    )
