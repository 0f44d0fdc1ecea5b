"""Roles: the fixed words for whom an actor may act as."""

from typing import Literal, get_args

Role = Literal[
    "competent_authority", "province", "entity", "exchange", "credit_registry", "verifier",
    "auditor",
]  # fmt: skip
ROLES: tuple[str, ...] = get_args(Role)
FOR_SOME: tuple[str, ...] = ("verifier", "auditor")
"""Roles that may be for one province or one entity, and are for all unless it is said."""
