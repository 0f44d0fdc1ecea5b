"""The tables beside the library's ``stored_events``, all owned by the ledger.

``commands`` and ``postings`` are written in the transaction of the events they belong to.
``postings`` lies in the order of the log; ``postings_by_account`` is its covering index,
merged from it in bulk (writing it row by row made a batch of 1,000 three times slower at
400,000 events than at 10,000). All of them can be rebuilt from the log.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

FORMAT = 1
"""The version of the storage format; a store with a greater one is refused."""

metadata = MetaData()


def _text(name: str) -> Column[str]:
    # C collation: byte order on PostgreSQL as on SQLite, and faster.
    return Column(name, Text().with_variant(Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, autoincrement=False)


ledger_meta = Table(
    "ledger_meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

commands = Table(
    "ledger_commands",
    metadata,
    _text("id"),
    _number("first_position"),
    _number("last_position"),
    PrimaryKeyConstraint("id"),
    sqlite_with_rowid=False,
)

postings = Table(
    "ledger_postings",
    metadata,
    _number("position"),
    _number("leg"),
    _text("registry"),
    _text("account"),
    _text("unit"),
    _text("bucket"),
    _number("effective_at"),
    _number("quantity"),
    PrimaryKeyConstraint("position", "leg"),
    sqlite_with_rowid=False,
)

postings_by_account = Table(
    "ledger_postings_by_account",
    metadata,
    _text("account"),
    _text("registry"),
    _text("unit"),
    _text("bucket"),
    _number("effective_at"),
    _number("position"),
    _number("leg"),
    _number("quantity"),
    PrimaryKeyConstraint(
        "account", "registry", "unit", "bucket", "effective_at", "position", "leg"
    ),
    sqlite_with_rowid=False,
)  # fmt: skip

cursors = Table(
    "ledger_cursors",
    metadata,
    Column("name", String(64), primary_key=True),
    _number("position"),
    Column("body", LargeBinary, nullable=True),
)
"""How far each derived table has followed the log."""

snapshots = Table(
    "ledger_snapshots",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("head", String(64), nullable=False),
    Column("state_hash", String(64), nullable=False),
    Column("code_schema", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

merkle_nodes = Table(
    "ledger_merkle_nodes",
    metadata,
    _number("position"),
    _number("level"),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("position", "level"),
    sqlite_with_rowid=False,
)
"""The roots of complete subtrees of ``2 ** level`` events that end at a position.

So the index of a subtree within its level is ``position / 2 ** level - 1``, and the rows lie in
the order in which they come to be. Stores made before it was there get it when it is filled.
"""

personal_names = Table(
    "ledger_personal_names",
    metadata,
    Column("hash", String(80), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("name", Text, nullable=False),
    _number("position"),
)
"""Names of individuals, for which the event at a position has a salted hash.

The one table that cannot be made again from the log, so that it can be emptied for ever.
"""

refusals = Table(
    "ledger_refusals",
    metadata,
    Column("recorded_at", Text, nullable=False),
    Column("command_id", Text, nullable=False),
    Column("code", String(64), nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("refusal", LargeBinary, nullable=False),
    Column("position", BigInteger, nullable=True),
)
"""The journal of refused attempts: evidence beside the log, outside the chain.

``position`` is that of the last event before the attempt. Stores made before it was there get it
with the next attempt; of those before nobody knows it.
"""
