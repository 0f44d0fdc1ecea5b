"""The command line: ``etsledger [--store URL] COMMAND …``.

Each command lives in a module of its own that is imported when it is asked for, so that a
one-account question does not pay for the demo, for rich or for PostgreSQL.
"""

import gc

import click
from click.core import ParameterSource

from etsledger.cli.group import LazyGroup
from etsledger.cli.stores import Settings

COMMANDS = {
    "demo": "etsledger.cli.demo:demo",
    "apply": "etsledger.cli.applying:apply",
    "balances": "etsledger.cli.balances:balances",
    "statement": "etsledger.cli.statement:statement",
    "supply": "etsledger.cli.supply:supply",
    "compliance": "etsledger.cli.compliance:compliance",
    "allocation": "etsledger.cli.allocation:allocation",
    "banking": "etsledger.cli.banking:banking",
    "market": "etsledger.cli.market:market",
    "credits": "etsledger.cli.credits:credits_",
    "entities": "etsledger.cli.entities:entities",
    "leaving": "etsledger.cli.leaving:leaving",
    "deadlines": "etsledger.cli.deadlines:deadlines",
    "periods": "etsledger.cli.periods:periods",
    "proposals": "etsledger.cli.proposals:proposals",
    "events": "etsledger.cli.events:events",
    "explain": "etsledger.cli.explain:explain",
    "trace": "etsledger.cli.trace:trace",
    "diff": "etsledger.cli.diff:diff",
    "refusals": "etsledger.cli.refusals:refusals",
    "actors": "etsledger.cli.actors:actors",
    "names": "etsledger.cli.names:names",
    "forget-names": "etsledger.cli.names:forget_names",
    "reconcile": "etsledger.cli.reconcile:reconcile",
    "report": "etsledger.cli.report:report",
    "verify": "etsledger.cli.trust:verify",
    "head": "etsledger.cli.trust:head",
    "prove": "etsledger.cli.proving:prove",
    "extract": "etsledger.cli.proving:extract",
    "check-proof": "etsledger.cli.checking:check_proof",
    "export": "etsledger.cli.portable:export",
    "import": "etsledger.cli.portable:import_",
    "convert": "etsledger.cli.converting:convert",
    "migrate": "etsledger.cli.migrate:migrate",
    "backup": "etsledger.cli.keeping:backup",
    "restore": "etsledger.cli.keeping:restore",
    "rebuild": "etsledger.cli.trust:rebuild",
    "replay": "etsledger.cli.replay:replay",
    "rulebook": "etsledger.cli.rulebook:rulebook",
    "schema": "etsledger.cli.schema:schema",
    "completion": "etsledger.cli.completion:completion",
}
"""Command name to ``module:attribute``, in the order that --help lists them."""


def _version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("etsledger")
    except PackageNotFoundError:
        number = "(not installed: running from its source)"
    click.echo(f"etsledger {number}")
    context.exit()


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 a command was refused or a check found something; 2 wrong "
    "usage; 3 the store cannot be opened or is damaged. 'etsledger completion bash' prints "
    "what a shell needs to complete all this with TAB.",
)
@click.option(
    "--store",
    metavar="URL",
    envvar="ETSLEDGER_STORE",
    default="sqlite:///etsledger.db",
    show_default=True,
    show_envvar=True,
    help="The ledger: sqlite:///FILE, a file path, or postgresql://…",
)
@click.option(
    "--as",
    "actor",
    metavar="ACTOR",
    envvar="ETSLEDGER_ACTOR",
    show_envvar=True,
    help="Show only what this actor may read, by its roles. Nobody's identity is checked.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the version and leave.",
)  # fmt: skip
@click.pass_context
def cli(context: click.Context, store: str, actor: str | None) -> None:
    """An event-sourced ledger of emission allowances.

    Every balance as of any instant, as the books knew it at any other.

    \b
    Example:
      etsledger apply commands.jsonl
      etsledger balances --as-of 2024-12-31 --known-at 2025-03-01
    """
    default = context.get_parameter_source("store") is ParameterSource.DEFAULT
    context.obj = Settings(store, named=not default, actor=actor or None)


def main() -> None:
    """The console script."""
    gc.disable()  # nothing that an import makes is garbage; Settings.open turns it on again
    cli.main(prog_name="etsledger")
