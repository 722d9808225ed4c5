"""The tables as they were first."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None

_BIG = sql.BigInteger().with_variant(sql.Integer, "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "state",
        sql.Column("name", sql.String(32), primary_key=True),
        sql.Column("value", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "submitters",
        sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
        sql.Column("key_hash", sql.LargeBinary, nullable=False, unique=True),
        sql.Column("key", sql.LargeBinary, nullable=False),
        sql.Column("name", sql.String(255)),
        sql.Column("state", sql.String(16)),
        sql.Column("quota", sql.BigInteger),
    )
    op.create_table(
        "batches",
        sql.Column("id", _BIG, primary_key=True, autoincrement=False),
        sql.Column("rows", sql.Integer, nullable=False),
        sql.Column("submitter", sql.Integer, sql.ForeignKey("submitters.id"), nullable=False),
        sql.Column("seen", sql.BigInteger, nullable=False),
        sql.Column("heads", sql.LargeBinary, nullable=False),
        sql.Column("signature", sql.LargeBinary, nullable=False),
    )
    op.create_index("batches_submitter", "batches", ["submitter", "id"])
    op.create_table(
        "entries",
        sql.Column("entry", _BIG, primary_key=True, autoincrement=False),
        sql.Column("leaf", sql.LargeBinary, nullable=False),
        sql.Column("tag", sql.BigInteger, nullable=False),
        sql.Column("batch", _BIG, sql.ForeignKey("batches.id"), nullable=False),
        sql.Column("position", sql.Integer, nullable=False),
    )
    op.create_index("ix_entries_tag", "entries", ["tag"])
    op.create_table(
        "openings",
        sql.Column("entry", _BIG, sql.ForeignKey("entries.entry"), primary_key=True, autoincrement=False),
        sql.Column("record", sql.LargeBinary, nullable=False),
        sql.Column("salt", sql.LargeBinary, nullable=False),
        sql.Column("digest", sql.LargeBinary, nullable=False),
    )
    op.create_index("openings_digest", "openings", ["digest", "entry"])
    op.create_table(
        "fingerprints",
        sql.Column("algorithm", sql.String(128), primary_key=True),
        sql.Column("entry", _BIG, sql.ForeignKey("entries.entry"), primary_key=True, autoincrement=False),
        sql.Column("value", sql.LargeBinary, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstones",
        sql.Column("entry", _BIG, sql.ForeignKey("entries.entry"), primary_key=True, autoincrement=False),
        sql.Column("tombstone", _BIG, sql.ForeignKey("entries.entry"), nullable=False),
    )
    op.create_table("condemned", sql.Column("manifest", sql.LargeBinary, primary_key=True))
    op.create_table(
        "times",
        sql.Column("slot", _BIG, primary_key=True, autoincrement=False),
        sql.Column("first", sql.BigInteger, nullable=False),
        sql.Column("last", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "usage",
        sql.Column("key_hash", sql.LargeBinary, primary_key=True),
        sql.Column("day", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("entries", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "locks",
        sql.Column("origin", sql.String(255), primary_key=True),
        sql.Column("note", sql.LargeBinary),
    )
    op.create_table(
        "commits",
        sql.Column("origin", sql.String(255), primary_key=True),
        sql.Column("size", _BIG, primary_key=True, autoincrement=False),
        sql.Column("note", sql.LargeBinary, nullable=False),
        sql.Column("staged", sql.String(255), nullable=False),
    )
    state = sql.table("state", sql.column("name", sql.String), sql.column("value", sql.BigInteger))
    op.bulk_insert(state, [{"name": n, "value": v} for n, v in (("cursor", 0), ("unclean", 0), ("listed", 0))])
