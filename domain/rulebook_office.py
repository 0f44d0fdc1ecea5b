"""The tables of a rulebook that speak of the office: who may send and read what, and what
needs a second person. Checked when a rulebook is read; see ``rulebook_schema``.

Nothing of it holds unless ``[authority]`` says ``required = true``. Of the rows of a role the
first that names a command rules, so that a rulebook which extends another may widen or
narrow it by rows in front.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from etsledger.domain.acts import ACTS
from etsledger.domain.roles import Role
from etsledger.domain.rulebook_years import Source, Table

Scope = Literal["all", "province", "own", "none"]
"""``province``: of the province that the role was granted for; ``own``: of its entity."""
ANY: Final = "*"


def _known(name: str) -> bool:
    command, _, qualifier = name.partition(".")
    acts = ACTS.get(command)
    return name == ANY or (acts is not None and (not qualifier or bool(acts.qualifier)))


class _NamesCommands(Table):
    commands: tuple[str, ...] = Field(
        min_length=1, description="names, with a kind after a point: transfer.correction; * for all"
    )

    @model_validator(mode="after")
    def _commands_are_known(self) -> "_NamesCommands":
        for name in self.commands:
            if not _known(name):
                raise ValueError(f"no command {name!r}")
        return self


class Power(_NamesCommands):
    """A role may send some commands, within a scope, from accounts of some kinds."""

    role: Role
    accounts: tuple[str, ...] | None = Field(
        default=None, description="kinds or groups that units may leave; absent: any"
    )
    scope: Scope = "all"
    source: Source


class Reads(Table):
    """What a role may read; the first row of a role rules."""

    role: Role
    scope: Scope
    source: Source


class Approval(_NamesCommands):
    """Commands that need a second person, of one of the roles ``by``.

    ``proposal``: proposed, approved, then executed; ``named``: sent with ``approved_by``.
    After its approval a proposal waits ``delay_working_days``; with ``trusted`` commands
    between trusted counterparties need no second person.
    """

    by: tuple[Role, ...] = Field(min_length=1)
    form: Literal["proposal", "named"] = "proposal"
    delay_working_days: Annotated[int, Field(ge=0, le=250)] = 0
    trusted: bool = False
    source: Source


class Authority(Table):
    """Who may send which command, and read what; somebody may grant roles to everybody."""

    required: bool = False
    source: Source
    powers: tuple[Power, ...] = ()
    reads: tuple[Reads, ...] = ()
    approvals: tuple[Approval, ...] = ()

    @property
    def lets_roles_be_granted(self) -> bool:
        """Whether some role may send ``grant_role`` for the whole registry."""
        return any(
            power.scope == "all" and not {"grant_role", ANY}.isdisjoint(power.commands)
            for power in self.powers
        )
