"""The tables of a register, said once for every engine. The migrations in ``versions`` make them."""

import sqlalchemy as sql

# An INTEGER primary key is the row's own number in SQLite; any other type would cost a second tree.
_BIG = sql.BigInteger().with_variant(sql.Integer, "sqlite")

META = sql.MetaData()

STATE = sql.Table(
    "state", META,
    sql.Column("name", sql.String(32), primary_key=True),
    sql.Column("value", sql.BigInteger, nullable=False),
)  # fmt: skip
"""Numbers that there is one of: ``cursor``, ``unclean``, ``listed``, ``quota``."""

SUBMITTERS = sql.Table(
    "submitters", META,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("key_hash", sql.LargeBinary, nullable=False, unique=True),
    sql.Column("key", sql.LargeBinary, nullable=False),
    sql.Column("name", sql.String(255)),
    sql.Column("state", sql.String(16)),
    sql.Column("quota", sql.BigInteger),
)  # fmt: skip
"""Every key that posted or that the operator named. ``state``: ``allowed``, ``blocked`` or, where the operator said
nothing, null."""

BATCHES = sql.Table(
    "batches", META,
    # The index of its first new entry, so that batches and entries are in one order.
    sql.Column("id", _BIG, primary_key=True, autoincrement=False),
    sql.Column("rows", sql.Integer, nullable=False),
    sql.Column("submitter", sql.ForeignKey("submitters.id"), nullable=False),
    sql.Column("seen", sql.BigInteger, nullable=False),
    sql.Column("heads", sql.LargeBinary, nullable=False),
    sql.Column("signature", sql.LargeBinary, nullable=False),
    sql.Index("batches_submitter", "submitter", "id"),
)  # fmt: skip
"""Submissions: the entries ``id`` to ``id + rows`` are what was new in one. ``heads``: 32 bytes a head."""

ENTRIES = sql.Table(
    "entries", META,
    sql.Column("entry", _BIG, primary_key=True, autoincrement=False),
    sql.Column("leaf", sql.LargeBinary, nullable=False),
    # The first eight bytes of the leaf hash: a quarter of the index that the whole hash would want.
    sql.Column("tag", sql.BigInteger, nullable=False, index=True),
    sql.Column("batch", sql.ForeignKey("batches.id"), nullable=False),
    sql.Column("position", sql.Integer, nullable=False),
)  # fmt: skip

OPENINGS = sql.Table(
    "openings", META,
    sql.Column("entry", sql.ForeignKey("entries.entry"), primary_key=True, autoincrement=False),
    sql.Column("record", sql.LargeBinary, nullable=False),
    sql.Column("salt", sql.LargeBinary, nullable=False),
    sql.Column("digest", sql.LargeBinary, nullable=False),
    sql.Index("openings_digest", "digest", "entry"),
)  # fmt: skip
"""What opens public records, until it is forgotten."""

FINGERPRINTS = sql.Table(
    "fingerprints", META,
    sql.Column("algorithm", sql.String(128), primary_key=True),
    sql.Column("entry", sql.ForeignKey("entries.entry"), primary_key=True, autoincrement=False),
    sql.Column("value", sql.LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)  # fmt: skip

TOMBSTONES = sql.Table(
    "tombstones", META,
    sql.Column("entry", sql.ForeignKey("entries.entry"), primary_key=True, autoincrement=False),
    sql.Column("tombstone", sql.ForeignKey("entries.entry"), nullable=False),
)  # fmt: skip

CONDEMNED = sql.Table("condemned", META, sql.Column("manifest", sql.LargeBinary, primary_key=True))
"""SHA-256 of manifests whose entries are forgotten and whose objects are still to be deleted."""

TIMES = sql.Table(
    "times", META,
    sql.Column("slot", _BIG, primary_key=True, autoincrement=False),
    sql.Column("first", sql.BigInteger, nullable=False),
    sql.Column("last", sql.BigInteger, nullable=False),
)  # fmt: skip
"""The first and the last batch of each slot of the operator's clock: where a search by time begins and ends."""

USAGE = sql.Table(
    "usage", META,
    sql.Column("key_hash", sql.LargeBinary, primary_key=True),
    sql.Column("day", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("entries", sql.BigInteger, nullable=False),
)  # fmt: skip

LOCKS = sql.Table(
    "locks", META,
    sql.Column("origin", sql.String(255), primary_key=True),
    sql.Column("note", sql.LargeBinary),
)  # fmt: skip
"""The last committed checkpoint of each log: what is compared and swapped."""

COMMITS = sql.Table(
    "commits", META,
    sql.Column("origin", sql.String(255), primary_key=True),
    sql.Column("size", _BIG, primary_key=True, autoincrement=False),
    sql.Column("note", sql.LargeBinary, nullable=False),
    sql.Column("staged", sql.String(255), nullable=False),
)  # fmt: skip
"""The commits whose staged batch is kept."""

__all__ = [
    "BATCHES", "COMMITS", "CONDEMNED", "ENTRIES", "FINGERPRINTS", "LOCKS", "META", "OPENINGS", "STATE", "SUBMITTERS",
    "TIMES", "TOMBSTONES", "USAGE",
]  # fmt: skip
