"""What would differ if the commands of a log were decided in another way."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from etsledger.domain.times import iso
from etsledger.ledger.alterations import (
    Alteration,
    Step,
    check_ids,
    check_places,
    registries_of,
    registry_for,
    rulebook_of,
)
from etsledger.ledger.books import Books
from etsledger.ledger.clock import Clock
from etsledger.ledger.collector import collector_paused
from etsledger.ledger.comparisons import (
    AcceptedNow,
    Added,
    Addition,
    LeftOut,
    Otherwise,
    RefusedNow,
    WhatIf,
)
from etsledger.ledger.journal import Attempt
from etsledger.ledger.questions import When
from etsledger.ledger.replaying import Decided, Redecider, altered, hash_at, scratch_store
from etsledger.ledger.store import Store
from etsledger.ledger.stretches import Sendable
from etsledger.projections.changes import changes
from etsledger.projections.consequences import Consequences, commands_of
from etsledger.projections.instants import viewpoint

Progress = Callable[[int], None]


def what_if(
    store: Store,
    clock: Clock,
    books: Callable[[Store, Clock], Books],
    *,
    rulebook: str | Mapping[str, Any] | None,
    without: Collection[str],
    with_: Iterable[Sendable | Addition],
    registry: str | None,
    as_of: When,
    keep: Path | None,
    progress: Progress | None,
) -> WhatIf:
    """See ``Ledger.what_if``."""
    upto = store.head_position()
    view = viewpoint(store, clock, as_of, upto, upto)
    check_ids(store, without)
    if rulebook is not None:
        extends = None if isinstance(rulebook, str) else rulebook.get("extends")
        there = registries_of(store, upto)
        registry = registry_for(there, rulebook_of(rulebook), extends, registry)
    alteration = Alteration(registry, rulebook, without, with_)
    check_places(alteration, upto)
    with scratch_store(keep, clock) as scratch, collector_paused():
        seen = _Seen(alteration, store)
        writer = Redecider(scratch, clock)
        try:
            given = altered(store, upto, alteration, clock)
            with closing(writer.decide_again(seen.watched(given), progress)) as decided:
                for one in decided:
                    seen.note(one)
        finally:
            writer.close()
        before, after = books(store, clock), books(scratch, clock)
        compliance = list(
            changes(
                before.compliance(as_of=view.as_of, known_at=upto),
                after.compliance(as_of=view.as_of),
                ("registry", "entity", "year"),
            )
        )
        balances = list(
            changes(
                before.balances(as_of=view.as_of, known_at=upto, zero=True),
                after.balances(as_of=view.as_of, zero=True),
                ("registry", "account", "unit"),
            )
        )
        position = scratch.head_position()
        end = hash_at(scratch, position)
        ref = alteration.rulebook.ref if alteration.rulebook is not None else None
        return WhatIf(
            registry=registry if rulebook is not None else None,
            rulebook=None if ref is None else msgspec.structs.asdict(ref),
            as_of=iso(view.as_of),
            upto=upto,
            commands=seen.commands,
            attempts=seen.attempts,
            replaced=alteration.replaced,
            left_out=[_left_out(step, without) for step in alteration.left_out],
            added=seen.added,
            refused=seen.refused,
            accepted=seen.accepted,
            otherwise=seen.otherwise,
            compliance=compliance,
            balances=balances,
            position=position,
            hash=end,
            same_log=(position, end) == (upto, hash_at(store, upto)),
            kept=None if keep is None else str(keep),
        )


def _left_out(step: Step, without: Collection[str]) -> LeftOut:
    named = tuple(one for one in step.ids if one in without)
    return LeftOut(step.id, named, step.position, step.ids[1:])


class _Seen:
    """What is told of the commands as they pass by."""

    def __init__(self, alteration: Alteration, store: Store) -> None:
        self._alteration, self._store = alteration, store
        self._consequences = Consequences()
        self._left_out = 0
        self.commands = self.attempts = 0
        self.added: list[Added] = []
        self.refused: list[RefusedNow] = []
        self.accepted: list[AcceptedNow] = []
        self.otherwise: list[Otherwise] = []

    def watched(self, steps: Iterable[Step]) -> Iterable[Step]:
        """The steps; what is left out on the way is gone for those after it."""
        for step in steps:
            self._notice_left_out()
            yield step
        self._notice_left_out()

    def _notice_left_out(self) -> None:
        for step in self._alteration.left_out[self._left_out :]:
            self._consequences.gone(step)
        self._left_out = len(self._alteration.left_out)

    def note(self, one: Decided) -> None:
        """A command that was decided again."""
        step, outcome = one.step, one.outcome
        if step.attempt is not None:
            self._note_attempt(one, step.attempt)
            return
        refusal = None if outcome.refusal is None else outcome.refusal.as_dict()
        if step.addition is None:
            self.commands += 1
        else:
            addition = step.addition
            self.added.append(
                Added(step.id, addition.place, addition.after, outcome.outcome, refusal)
            )
        if refusal is None:
            if outcome.outcome == "accepted":
                self._consequences.there(step)
            same = one.made == step.made or not self._alteration.untouched(step)
            if step.addition is None and not same:
                self.otherwise.append(
                    Otherwise(step.id, step.position, _types(step.made), _types(one.made))
                )
            return
        if step.addition is None:
            because = self._consequences.of(step)
            name, registry = _named(step)
            self.refused.append(
                RefusedNow(step.id, name, registry, step.position, refusal, because)
            )
            self._consequences.gone(step)

    def _note_attempt(self, one: Decided, attempt: Attempt) -> None:
        self.attempts += 1
        if one.outcome.outcome != "accepted":
            return
        step = one.step
        at, _ = self._store.find_commands([step.id]).get(step.id, (0, 0))
        name, registry = _named(step)
        self.accepted.append(
            AcceptedNow(
                step.id, name, registry, step.position, attempt.refusal, _types(one.made),
                at if at > step.position else None, attempt.position is not None,
            )
        )  # fmt: skip


def _named(step: Step) -> tuple[str, str | None]:
    """What command a step is, and in which registry."""
    first = commands_of(step)[0]
    return "batch" if step.is_batch else str(first["command"]), first.get("registry")


def _types(made: Iterable[tuple[str, Any]]) -> tuple[str, ...]:
    return tuple(type(event).__name__ for _, event in made)
