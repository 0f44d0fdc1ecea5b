"""What each command acts on: the one table that authority is judged by.

A row names the fields of a command that say which accounts it takes from, which it gives
to, and whose entity it concerns; or the kind of claim (freeze, pledge, surrender …) that
it ends. ``domain/authority.py`` reads the rows; a command without one may be sent by none
but a role of scope ``all``.
"""

from typing import Final, Literal, NamedTuple

Claims = Literal["freezes", "pledges", "surrenders", "locks"]
"""The tables of open claims in the state of a registry."""


class Acts(NamedTuple):
    """Fields of a command by what they name; see the module."""

    sources: tuple[str, ...] = ()
    """Accounts that it takes from, reserves in, or opens a claim on."""
    targets: tuple[str, ...] = ()
    """Accounts that it gives to: judged where the scope is a province."""
    entities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    """Regions or province accounts."""
    claim: tuple[str, Claims] | None = None
    """The field that names an open claim by its id, and where claims of its kind are."""
    qualifier: str = ""
    """The field whose value may stand behind the command's name: ``transfer.correction``."""
    default_source: Literal["", "entity", "government", "authority", "reserve"] = ""
    """What it takes from where no field says: the entity's account, the government account that
    serves the entity, or a built-in one."""
    reversed_command: str = ""
    """The field that names an earlier command, all of whose accounts it acts on."""
    kind_of_account: str = ""
    """The field that says of what kind the account is that comes to be."""
    subject: str = ""
    """The field that names an actor: its entity, and what its roles are held for, count too."""


_YEAR: Final = Acts(entities=("entity",))

ACTS: Final[dict[str, Acts]] = {
    # registries and who takes part
    "adopt_rulebook": Acts(),
    "register_entity": Acts(provinces=("province",)),
    "set_entity_status": Acts(entities=("entity",), qualifier="status"),
    "leave_registry": _YEAR,
    "amend_entity": Acts(entities=("entity",), provinces=("province",)),
    "succeed_entity": Acts(entities=("entity", "heirs"), qualifier="kind"),
    "open_account": Acts(
        entities=("entity",), provinces=("province",), qualifier="kind", kind_of_account="kind"
    ),
    "close_account": Acts(sources=("account",)),
    "register_actor": Acts(entities=("entity",)),
    "grant_role": Acts(
        entities=("entity",), provinces=("province",), qualifier="role", subject="subject"
    ),
    "revoke_role": Acts(
        entities=("entity",), provinces=("province",), qualifier="role", subject="subject"
    ),
    "trust": Acts(sources=("account",)),
    "distrust": Acts(sources=("account",)),
    # a second person: who may send these follows from what is proposed
    "propose": Acts(),
    "approve": Acts(),
    "reject": Acts(),
    "execute": Acts(),
    # reservations
    "freeze": Acts(sources=("account",)),
    "unfreeze": Acts(claim=("freeze", "freezes")),
    "pledge": Acts(sources=("account",)),
    "release_pledge": Acts(claim=("pledge", "pledges")),
    # units
    "opening_balance": Acts(targets=("account",)),
    "opening_year": _YEAR,
    "opening_banking": _YEAR,
    "issue": Acts(targets=("to",)),
    "distribute": Acts(sources=("source",), targets=("to",)),
    "reserve": Acts(default_source="authority"),
    "auction": Acts(targets=("buyer",), default_source="reserve"),
    "transfer": Acts(sources=("source",), targets=("to",), qualifier="kind"),
    "cancel": Acts(sources=("account",)),
    # the year of an entity
    "record_verified": _YEAR,
    "publish_balance_value": Acts(),
    "pre_allocate": Acts(
        sources=("source",), entities=("entity",), default_source="government"
    ),
    "finalise_allocation": Acts(
        sources=("source",), entities=("entity",), default_source="government"
    ),
    "record_deduction": Acts(entities=("entity",), qualifier="reason"),
    # a later year's units, and older ones
    "borrow": Acts(entities=("entity",), default_source="government"),
    "check_banking_cap": _YEAR,
    "carry_over": Acts(entities=("entity",), default_source="entity"),
    # compliance
    "surrender": Acts(sources=("source",), entities=("entity",), default_source="entity"),
    "confirm_surrender": Acts(claim=("surrender", "surrenders")),
    "reject_surrender": Acts(claim=("surrender", "surrenders")),
    "impose_fine": _YEAR,
    "assess_compliance": _YEAR,
    # credits and green electricity
    "issue_credits": Acts(targets=("to",)),
    "lock_credits": Acts(sources=("account",)),
    "unlock_credits": Acts(claim=("lock", "locks")),
    "use_offsets": _YEAR,
    "record_green_power": _YEAR,
    # the market
    "record_market_day": Acts(),
    "settle_trade": Acts(sources=("seller",), targets=("buyer",), qualifier="method"),
    # corrections and assertions
    "reverse": Acts(reversed_command="reverses"),
    "assert_balance": Acts(sources=("account",)),
    "record_reconciliation": Acts(),
    # periods
    "close_period": Acts(),
    "reopen_period": Acts(),
}  # fmt: skip
"""By command name. ``open_registry`` has no registry to be judged in yet, and of a ``batch``
each command is judged."""


def names_of(command: str, qualifier: str | None) -> tuple[str, ...]:
    """The names that a row of a rulebook may call a command by, the nearest first."""
    return (command, "*") if not qualifier else (f"{command}.{qualifier}", command, "*")
