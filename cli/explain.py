"""``explain``: why an event, a balance, an allocation or a status is what it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.failures import REFUSED, complain
from etsledger.cli.options import NAME, YEAR, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, nothing_on_record, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import Explanation


class _Explain(click.Group):
    """A group that takes a position in the place of a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """``explain 17`` is about the event at position 17."""
        number = args[0].removeprefix("@")
        if number.isascii() and number.isdigit():
            return "event", event, [number, *args[1:]]
        return super().resolve_command(ctx, args)


@click.group(cls=_Explain, subcommand_metavar="POSITION | COMMAND [ARGS]…")
def explain() -> None:
    """Show why: the chain of facts and rules behind an event or a number.

    A tree to be read from the top. Below a number stand its parts, with + or -, and its
    reasons; each fact with its times, command, papers, rule and source; and what was recorded
    since.

    \b
    Example:
      etsledger explain 17
      etsledger explain balance huaneng-1 CEA:2024 --as-of 2024-12-31
      etsledger explain compliance huaneng 2024 --known-at @80
    """


@explain.command()
@click.argument("position", type=click.IntRange(min=1, max=2**63 - 1))
@output_option
@pass_settings
def event(settings: Settings, position: int, output: Output) -> None:
    """Show what the event at POSITION rests on, its arithmetic, and what became of it.

    \b
    Example:
      etsledger explain 17
    """
    with settings.open() as ledger:
        told = ledger.explain_event(position)
        if told is None:
            complain(f"the log has no position {position}; it ends at {ledger.head().position}")
            raise click.exceptions.Exit(REFUSED)
    _show(output, told)


@explain.command()
@click.argument("account", type=NAME)
@click.argument("unit", type=NAME)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N",
    help="How many movements to show.",
)  # fmt: skip
@click.option(
    "--after", type=click.IntRange(min=0, max=2**63 - 1), metavar="POSITION",
    help="The movements that follow the one at that position; 0 begins with the first. "
    "Default: the latest.",
)  # fmt: skip
@viewpoint_options
@output_option
@pass_settings
def balance(
    settings: Settings,
    account: str,
    unit: str,
    limit: int,
    after: int | None,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show the movements behind what ACCOUNT holds of UNIT, and what of it is free.

    The latest movements stand below the sum of those before them. Exits 1 for an account that
    the books do not know.

    \b
    Example:
      etsledger explain balance huaneng-1 CEA:2024
      etsledger explain balance huaneng-1 CEA:2024 --after 0 --limit 10
    """
    with settings.open() as ledger:
        try:
            told = ledger.explain_balance(
                account, unit, registry=registry, as_of=as_of, known_at=known_at, limit=limit,
                after=after,
            )  # fmt: skip
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if told is None:
            nothing_on_record(
                ledger,
                f"nothing is on record of account {account}",
                registry=registry,
                account=account,
            )
    _show(output, told)


@explain.command()
@click.argument("entity", type=NAME)
@click.argument("year", type=YEAR)
@viewpoint_options
@output_option
@pass_settings
def compliance(
    settings: Settings,
    entity: str,
    year: int,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show why ENTITY stands with YEAR as it does: what it owes, and what met it.

    Asked with --as-of or --known-at, it also says what is known of that time now. Exits 1 for
    an entity that the books do not know, or a year that is no compliance year.

    \b
    Example:
      etsledger explain compliance huaneng 2023 --as-of 2025-01-01 --known-at 2025-02-28
    """
    with settings.open() as ledger:
        told = ledger.explain_compliance(
            entity, year, registry=registry, as_of=as_of, known_at=known_at
        )
        if told is None:
            nothing_on_record(
                ledger,
                f"nothing is on record of {entity} for {year}",
                registry=registry,
                entity=entity,
            )
    _show(output, told)


@explain.command()
@click.argument("entity", type=NAME)
@click.argument("year", type=YEAR)
@viewpoint_options
@output_option
@pass_settings
def allocation(
    settings: Settings,
    entity: str,
    year: int,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show why ENTITY was given what it was for YEAR, down to the report that it rests on.

    Exits 1 when nothing is on record.

    \b
    Example:
      etsledger explain allocation huaneng 2023
    """
    with settings.open() as ledger:
        told = ledger.explain_allocation(
            entity, year, registry=registry, as_of=as_of, known_at=known_at
        )
        if told is None:
            nothing_on_record(
                ledger,
                f"nothing is on record of an allocation of {entity} for {year}",
                registry=registry,
                entity=entity,
            )
    _show(output, told)


def _show(output: Output, told: "Explanation") -> None:
    def people() -> str:
        from etsledger.cli.explained import in_words

        return in_words(told)

    row: Mapping[str, Any] = told
    output.one(row, people)
