"""Two persons at the registry ``trial``, so that a test reads like their mail.

    pair = Pair(ledger)
    pair.propose("cancel", account="crrc-1", unit=UNIT, quantity=40)   # the proposal p1, for p1/1
    pair.approve("p1")                                                 # wang; li had asked for it

``li`` proposes and ``wang`` approves unless told otherwise.
"""

from collections.abc import Mapping
from typing import Any

from etsledger.ledger import Ledger, Outcome, ProposalRow, Refusal
from helpers import DayBook, command, standing

SOURCE = "the rules of the house"


def office(*approvals: Mapping[str, Any], required: bool = True, **more: Any) -> dict[str, Any]:
    """The rulebook ``open`` with authority: two clerks' role may send everything."""
    powers = [
        {"role": "competent_authority", "commands": ["*"], "source": SOURCE},
        {"role": "province", "commands": ["set_entity_status", "register_entity"],
         "scope": "province", "source": SOURCE},
        {"role": "entity", "commands": ["transfer", "cancel", "surrender", "trust", "distrust"],
         "scope": "own", "source": SOURCE},
    ]  # fmt: skip
    rows = [{"by": ["competent_authority"], "source": SOURCE, **one} for one in approvals]
    authority = {
        "required": required, "source": SOURCE, "powers": powers, "approvals": rows, **more,
    }  # fmt: skip
    return {"extends": "open", "name": "open-office", "version": "1", "authority": authority}


class Pair(DayBook):
    """Sends proposals and what becomes of them; ids of proposals are ``p1``, ``p2``, …"""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._proposed = 0

    def _next_id(self) -> str:
        return f"two/{super()._next_id()}"  # beside the ids of another day book

    def staff(self, *approvals: Mapping[str, Any], **roles: Mapping[str, Any]) -> None:
        """An office rulebook is in force; li and wang may send all, others have their roles."""
        self.send("adopt_rulebook", rulebook=office(*approvals), at="2020-01-01")
        for actor in ("li", "wang", *roles):
            self.send("register_actor", subject=actor, at="2020-01-01")
        granted: dict[str, Mapping[str, Any]] = {
            "li": {"role": "competent_authority"}, "wang": {"role": "competent_authority"}, **roles,
        }  # fmt: skip
        for actor, role in granted.items():
            by = None if actor == "li" else "li"
            self.send("grant_role", subject=actor, actor=by, at="2020-01-01", **role)

    def proposal(
        self, name: str, /, *, by: str | None = "li", at: str | None = None,
        when: str | None = None, **fields: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """A ``propose``; ``at`` is the time of the proposed command, ``when`` its own."""
        self._proposed += 1
        id = f"p{self._proposed}"
        proposed = command(name, f"{id}/1", **{"at": at, **fields})
        del proposed["registry"]
        return command("propose", id, actor=by, at=when, proposes=proposed)

    def propose(self, name: str, /, **fields: Any) -> str:
        """Proposes a command; gives the id of the proposal. Raises its Refusal."""
        given = self.proposal(name, **fields)
        self.ledger.execute(given)
        return given["id"]

    def approve(self, proposal: str, by: str | None = "wang", **fields: Any) -> Outcome:
        """Approves a proposal. Raises its Refusal."""
        return self.send("approve", proposal=proposal, actor=by, **fields)

    def reject(self, proposal: str, by: str | None = "wang", **fields: Any) -> Outcome:
        """Rejects a proposal. Raises its Refusal."""
        return self.send("reject", proposal=proposal, actor=by, **fields)

    def perform(self, proposal: str, by: str | None = "li", **fields: Any) -> Outcome:
        """Executes an approved proposal. Raises its Refusal."""
        return self.send("execute", proposal=proposal, actor=by, **fields)

    def refused_proposal(self, code: str, name: str, /, **fields: Any) -> Refusal:
        """A proposal is refused and changes nothing."""
        given = self.proposal(name, **fields)
        before = standing(self.ledger)
        (outcome,) = self.ledger.apply([given])
        refusal = outcome.refusal
        assert refusal is not None, f"{name} was proposed"
        assert refusal.code == code, f"{refusal.code}: {refusal.message}"
        assert standing(self.ledger) == before
        return refusal

    def row(self, proposal: str = "p1", **when: Any) -> ProposalRow:
        """What ``proposals`` says of one."""
        (row,) = (one for one in self.ledger.proposals(**when) if one["proposal"] == proposal)
        return row
