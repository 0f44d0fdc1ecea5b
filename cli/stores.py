"""Where the ledger is, and opening it for a command."""

import gc
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from etsledger.cli.failures import REFUSED, complain
from etsledger.cli.publishing import UNPUBLISHED, Publishing

if TYPE_CHECKING:
    from etsledger.ledger import Ledger


class Settings(NamedTuple):
    """What stands before the command's name."""

    store: str
    named: bool = False
    """Whether --store or ETSLEDGER_STORE named it; else it is the default."""
    actor: str | None = None
    """Who asks, by --as or ETSLEDGER_ACTOR."""

    def open(
        self,
        *,
        create: bool = False,
        sending: bool = False,
        publishing: Publishing = UNPUBLISHED,
    ) -> "Ledger":
        """The ledger, or what of it the actor may read; ``create`` makes it if it is absent.

        What is ``sending`` commands has it whole: each names its actor itself. Raises
        StoreError, KeyRefused.
        """
        from etsledger.ledger import Ledger

        gc.freeze()
        gc.enable()
        ledger = Ledger.open(
            self.store, create=create, publish=publishing.publish, publish_key=publishing.key
        )
        if ledger.store.warning is not None and not create:  # what writes is refused with it
            complain(f"warning: {ledger.store.warning}")
        if self.actor is None or create or sending:
            return ledger
        from etsledger.ledger.reading import Reading

        return Reading(ledger, self.actor, owns=True)


pass_settings = click.make_pass_decorator(Settings)


def note_unknown(
    ledger: "Ledger",
    *,
    registry: str | None = None,
    account: str | None = None,
    entity: str | None = None,
) -> None:
    """After an empty answer: says which name of the question the books never heard of."""
    from etsledger.domain.events import BUILT_IN_ACCOUNTS

    if account in BUILT_IN_ACCOUNTS:
        account = None

    def unknown(**named: str | None) -> bool:
        return next(ledger.events(**named, limit=1), None) is None  # pyright: ignore[reportArgumentType]

    if registry and unknown(registry=registry):
        complain(f"note: these books know no registry {registry!r}")
        return
    where = f" in registry {registry!r}" if registry else ""
    if account and unknown(account=account, registry=registry):
        complain(f"note: these books know no account {account!r}{where}")
    elif entity and unknown(entity=entity, registry=registry):
        complain(f"note: these books know no entity {entity!r}{where}")


def nothing_on_record(ledger: "Ledger", message: str, **asked: str | None) -> NoReturn:
    """Says that there is no answer, and which name the books never heard of; exits 1.

    ``asked`` are the names of the question, as ``note_unknown`` takes them.
    """
    complain(message)
    note_unknown(ledger, **asked)
    raise click.exceptions.Exit(REFUSED)
