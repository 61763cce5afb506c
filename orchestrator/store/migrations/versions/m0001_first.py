"""The first schema: runs and what they own, instances with their addresses and undo, jobs, events, hosts, resources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """All tables."""
    runs()
    instances()
    nouns()


def runs() -> None:
    """What was begun, by whom, and what became of it."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("finished_at", sa.String()),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("recap", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("epoch", name="uq_runs_epoch"),
    )
    op.create_index("ix_runs_status", "runs", ["status"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_events_run"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_name_id", "events", ["name", "id"])
    op.create_table(
        "jobs",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("uuids", sa.Text(), nullable=False),
        sa.Column("lanes", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String()),
        sa.Column("outcome", sa.String()),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_jobs_run"),
        sa.PrimaryKeyConstraint("job", name="pk_jobs"),
    )
    op.create_index("ix_jobs_ended_at", "jobs", ["ended_at"])
    op.create_table(
        "ownership",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_ownership_run"),
        sa.PrimaryKeyConstraint("name", name="pk_ownership"),
    )
    op.create_index("ix_ownership_run", "ownership", ["run"])


def instances() -> None:
    """What is known of instances, and how to take back what was begun."""
    op.create_table(
        "instances",
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("vm_state", sa.String(), nullable=False),
        sa.Column("task_state", sa.String()),
        sa.Column("power_state", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("fault", sa.Text()),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uuid", name="pk_instances"),
        sa.UniqueConstraint("domain", name="uq_instances_domain"),
        sa.UniqueConstraint("name", name="uq_instances_name"),
    )
    op.create_table(
        "ports",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("mac", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["uuid"], ["instances.uuid"], name="fk_ports_uuid", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_ports"),
        sa.UniqueConstraint("mac", name="uq_ports_mac"),
    )
    op.create_index("ix_ports_uuid", "ports", ["uuid"])
    op.create_table(
        "undo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["uuid"], ["instances.uuid"], name="fk_undo_uuid", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_undo"),
        sa.UniqueConstraint("uuid", "step", name="uq_undo_uuid_step"),
    )
    op.create_table(
        "addresses",
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("port", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["port"], ["ports.id"], name="fk_addresses_port", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("network", "ip", name="pk_addresses"),
    )
    op.create_index("ix_addresses_port", "addresses", ["port"])


def nouns() -> None:
    """The store itself, hosts, and the nouns of playbooks."""
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_hosts"),
    )
    op.create_table(
        "meta",
        sa.Column("lineage", sa.String(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lineage", name="pk_meta"),
    )
    op.create_table(
        "resources",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_resources"),
    )
