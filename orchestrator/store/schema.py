"""The tables. Columns are what is searched, compared or unique; the rest of a noun is JSON in `body`, and its new fields
need no migration.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from orchestrator.store import reading

HEAD = reading.HEAD
WORD = String().with_variant(String(collation="C"), "postgresql")
"""Compared and ordered by its bytes, in whatever language the database was made."""

metadata = MetaData(
    naming_convention={  # constraints need names to be altered later
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

meta = Table(
    "meta",
    metadata,
    Column("lineage", WORD, primary_key=True),
    Column("next_number", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),  # of the newest run
    Column("next_volume", Integer, nullable=False, server_default="1"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", WORD, primary_key=True),
    Column("epoch", Integer, nullable=False, unique=True),
    Column("verb", WORD, nullable=False),
    Column("holder", Text, nullable=False),
    Column("started_at", WORD, nullable=False),
    Column("finished_at", WORD),
    Column("status", WORD, nullable=False, index=True),
    Column("recap", Text, nullable=False),
    Column("outcomes", Text),  # JSON; NULL: it did not come to its end
)

ownership = Table(
    "ownership",
    metadata,
    Column("name", WORD, primary_key=True),  # of an instance, recorded or not yet
    Column("run", ForeignKey("runs.id"), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    Column("uuid", WORD, primary_key=True),
    Column("name", WORD, nullable=False, unique=True),
    Column("domain", WORD, nullable=False, unique=True),
    Column("host", WORD, nullable=False),
    Column("state", WORD, nullable=False),
    Column("vm_state", WORD, nullable=False),
    Column("task_state", WORD),
    Column("power_state", Integer, nullable=False),
    Column("wanted", WORD, nullable=False),
    Column("fault", Text),
    Column("decision", Text, nullable=False),
    Column("created_at", WORD, nullable=False),
    Column("updated_at", WORD, nullable=False),
    Column("body", Text, nullable=False),
)

ports = Table(
    "ports",
    metadata,
    Column("id", WORD, primary_key=True),
    Column("uuid", ForeignKey("instances.uuid", ondelete="CASCADE"), nullable=False, index=True),
    Column("mac", WORD, nullable=False, unique=True),
)

addresses = Table(
    "addresses",
    metadata,
    Column("network", WORD, nullable=False),
    Column("ip", WORD, nullable=False),
    Column("port", ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("network", "ip"),
)

volumes = Table(
    "volumes",
    metadata,
    Column("id", WORD, primary_key=True),
    Column("name", WORD, nullable=False, unique=True),
    Column("status", WORD, nullable=False),
    Column("instance", ForeignKey("instances.uuid")),  # nothing is forgotten of an instance that still has one
    Column("device", WORD),
    Column("boot", Boolean, nullable=False),
    Column("fault", Text),
    Column("created_at", WORD, nullable=False),
    Column("updated_at", WORD, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("instance", "device"),
)

undo = Table(
    "undo",
    metadata,
    Column("id", Integer, primary_key=True),  # grows: the order in which steps were begun
    Column("uuid", ForeignKey("instances.uuid", ondelete="CASCADE"), nullable=False),
    Column("step", WORD, nullable=False),
    Column("actions", Text, nullable=False),
    UniqueConstraint("uuid", "step"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job", WORD, primary_key=True),
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("host", WORD, nullable=False),
    Column("uuids", Text, nullable=False),
    Column("lanes", Text, nullable=False),
    Column("begun_at", WORD, nullable=False),
    Column("ended_at", WORD, index=True),
    Column("outcome", WORD),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", WORD, nullable=False),
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("name", WORD, nullable=False),  # outlives the instance
    Column("kind", WORD, nullable=False),
    Column("state", WORD, nullable=False),
    Column("step", WORD, nullable=False),
    Column("host", WORD, nullable=False),
    Column("result", WORD, nullable=False),
    Column("command", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("duration", Integer, nullable=False),
    Index(None, "name", "id"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("name", WORD, primary_key=True),
    Column("seen_at", WORD, nullable=False),
    Column("body", Text, nullable=False),
)

resources = Table(
    "resources",
    metadata,
    Column("kind", WORD, nullable=False),
    Column("name", WORD, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)
