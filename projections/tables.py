"""The projections' own tables; dropping them loses nothing."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData()

accounts = Table(
    "projection_accounts",
    metadata,
    Column("registry", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entity", Text),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("registry", "account"),
)
"""Every account, as opened; ``position`` is where it became known."""

party_facts = Table(
    "projection_party_facts",
    metadata,
    Column("registry", Text, nullable=False),
    Column("account", Text),
    Column("entity", Text),
    Column("position", BigInteger, nullable=False),
    Index("projection_party_facts_account", "account"),
    Index("projection_party_facts_entity", "entity"),
)
"""Events that name an account or an entity without a posting of that account."""

years = Table(
    "projection_years",
    metadata,
    Column("registry", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("year", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("registry", "entity", "year"),
)
"""The year book of every entity and year, with both clocks of each fact in it."""

entities = Table(
    "projection_entities",
    metadata,
    Column("registry", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("registry", "entity"),
)
"""Every entity with the timeline of its status."""

registries = Table(
    "projection_registries",
    metadata,
    Column("registry", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("registry"),
)
"""What holds for a whole registry: rulebooks adopted, balance values published."""
