"""A ledger as an actor may read it: its questions, restricted to what his roles reach.

What restricts each question lives above, with the answers (``etsledger.projections.reading``);
here stand the doors of a ledger that are no questions. The ledger vouches for no identity:
whoever opens the file reads all of it, and what embeds the ledger says who is asking.
"""

from collections.abc import Iterable, Iterator
from pkgutil import resolve_name
from typing import Any, NoReturn, Protocol

from etsledger.domain.errors import NotAuthorised
from etsledger.ledger.application import Ledger
from etsledger.ledger.backups import Backup
from etsledger.ledger.books import Books
from etsledger.ledger.comparisons import Replay, WhatIf
from etsledger.ledger.extracts import Extract
from etsledger.ledger.heads import Head
from etsledger.ledger.names import NameRow
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.proofs import Proof
from etsledger.ledger.verify import Report


class RestrictedBooks(Books, Protocol):
    """The questions of an actor, and whether some things are for him."""

    def whole(self, what: str) -> None:
        """Raises NotAuthorised unless the actor reads everything of every registry."""
        ...

    def event_of_his(self, position: int) -> None:
        """Raises NotAuthorised unless the actor may read the event at a position."""
        ...

    def entity_of_his(self, entity: str, registry: str | None) -> None:
        """Raises NotAuthorised unless the actor may read an entity's facts."""
        ...


def as_actor(ledger: Ledger, actor: str) -> Ledger:
    """The ledger as an actor may read it; it shares the store, and does not close it."""
    return Reading(ledger, actor)


class Reading(Ledger):
    """The questions of an actor; whatever writes is NotAuthorised."""

    def __init__(self, ledger: Ledger, actor: str, *, owns: bool = False) -> None:
        super().__init__(ledger.store, ledger.clock)
        self.actor = actor
        self._whole, self._owns = ledger, owns
        self._restricted: RestrictedBooks | None = None

    def close(self) -> None:
        """Closes nothing: the ledger it was made of does."""
        if self._owns:
            self._whole.close()

    def reading_as(self, actor: str) -> Ledger:
        """The same ledger as another actor may read it: no way to read more than this one."""
        if actor != self.actor:
            self._refuse("reading as somebody else")
        return self

    @property
    def _books(self) -> RestrictedBooks:
        if self._restricted is None:
            restricted: Any = resolve_name("etsledger.projections.reading:BooksOfActor")
            self._restricted = restricted(self.store, self.clock, self.actor)
        return self._restricted  # pyright: ignore[reportReturnType] - it was made just now

    # -- what is for those who read everything ------------------------------------------------

    def refusals(self, code: str | None = None) -> list[dict[str, Any]]:
        self._books.whole("the journal of refused commands")
        return super().refusals(code)

    def names(self) -> list[NameRow]:
        self._books.whole("the names of individuals")
        return super().names()

    def prove(self, position: int, head: Head | None = None) -> Proof:
        self._books.event_of_his(position)
        return super().prove(position, head)

    def extract(
        self, entity: str, *, registry: str | None = None, head: Head | None = None
    ) -> Extract:
        self._books.entity_of_his(entity, registry)
        return super().extract(entity, registry=registry, head=head)

    def verify(self, **asked: Any) -> Report:
        self._books.whole("what verification finds")
        return super().verify(**asked)

    def replay(self, **asked: Any) -> Replay:
        self._books.whole("a replay")
        return super().replay(**asked)

    def what_if(self, **asked: Any) -> WhatIf:
        self._books.whole("what would have been")
        return super().what_if(**asked)

    def export(self) -> Iterator[bytes]:
        self._books.whole("the log")
        return super().export()

    def backup(self, *given: Any, **asked: Any) -> Backup:
        self._books.whole("a backup")
        return super().backup(*given, **asked)

    # -- what is for nobody who only reads ----------------------------------------------------

    def execute(self, command: Any) -> Outcome:
        self._refuse("writing a command")

    def apply(self, commands: Iterable[Any], **asked: Any) -> Iterator[Outcome]:
        self._refuse("writing commands")

    def forget_names(self, *given: Any, **asked: Any) -> int:
        self._refuse("forgetting names")

    def import_log(self, *given: Any, **asked: Any) -> int:
        self._refuse("importing a log")

    def rebuild(self, progress: Any = None) -> int:
        self._refuse("rebuilding the tables")

    def _refuse(self, what: str) -> NoReturn:
        raise NotAuthorised(
            f"{what} is no reading: ask the ledger itself, with actor {self.actor!r} in the "
            "command",
            actor=self.actor, asked=what,
        )  # fmt: skip
