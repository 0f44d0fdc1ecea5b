"""The log: our eventsourcing application, its mapper, and what a write carries with it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from eventsourcing.application import Application, ProcessingEvent
from eventsourcing.persistence import (
    InfrastructureFactory,
    Mapper,
    Recording,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType

from etsledger.ledger import record
from etsledger.ledger.record import Entry, Logged

CommandRow = tuple[str, int, int]
"""(command id, first position, last position)"""
PostingRow = tuple[int, int, str, str, str, str, int, int]
"""(position, leg, registry, account, unit, bucket, effective_at in microseconds, tonnes)"""


NameRow = tuple[str, str, str, int]
"""(what stands in the log for a person's name, salt, name, position)"""


class Written(NamedTuple):
    """All that one write puts into the store in one transaction."""

    entries: list[Entry]
    commands: list[CommandRow]
    postings: list[PostingRow]
    names: Sequence[NameRow] = ()


class RecordMapper(Mapper[str]):
    """Stores sealed entries under plain event names, and reads them back as events.

    The stock transcoder cannot encode freezegun's datetimes and is far slower; this mapper
    is also the one place that knows the storage format.
    """

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """The entry itself: it has the four fields of a stored event, and is sealed."""
        return domain_event

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event with its record, at the present schema version."""
        return LibraryEvent(
            stored_event.originator_id,
            stored_event.originator_version,
            record.read(stored_event.topic, stored_event.state),
        )


class LibraryEvent(NamedTuple):
    """An event as the eventsourcing library hands it out."""

    originator_id: Any
    originator_version: int
    logged: Logged


class _NoTranscoder(Transcoder):
    def encode(self, obj: Any) -> bytes:
        raise NotImplementedError

    def decode(self, data: bytes) -> Any:
        raise NotImplementedError


class RegistryLog(Application[str]):
    """The eventsourcing application: every registry is one aggregate with one stream."""

    name = "etsledger"

    def __init__(self, factory: InfrastructureFactory[Any]) -> None:
        self._given_factory = factory
        super().__init__()

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Nothing of the process environment configures the log."""
        return Environment(name, {})

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """The factory of the store's database."""
        return self._given_factory

    def construct_mapper(self) -> Mapper[str]:
        """Our own mapper."""
        return RecordMapper(transcoder=_NoTranscoder())

    def record_write(self, written: Written) -> None:
        """Saves the events of one write, over any number of registries, in one ``save()``.

        The command ids, postings and names travel to the recorder and are written in the same
        transaction.
        """
        self.save(
            *written.entries,
            commands=written.commands,
            postings=written.postings,
            names=written.names,
        )

    def save(self, *objs: Any, **kwargs: Any) -> list[Recording[str]]:
        """The library's ``save()`` for sealed entries only.

        The stock one asks of every object which protocols it fits, which took a tenth of a
        single write, and notifies followers, of which there are none in this process.
        """
        processing: ProcessingEvent[str] = ProcessingEvent()
        processing.events = list(objs)
        processing.saved_kwargs = kwargs
        return self._record(processing)
