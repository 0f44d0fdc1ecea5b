"""Copies of a store to tamper with, behind the database's back, on SQLite and PostgreSQL."""

import shutil
import sqlite3
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psycopg

from causes.common import is_sqlite, path_of, remove
from etsledger.ledger import postgres_recorder, sqlite_recorder
from etsledger.ledger.tables import metadata


class Copy(ABC):
    """A copy of one store; ``fresh`` makes it equal to the original again."""

    url: str
    position: str
    """The column that holds the position of a row of the log."""

    @abstractmethod
    def execute(self, sql: str, *values: Any) -> list[Any]:
        """Runs one statement and commits; ``?`` are the values, ``:pos`` the position column."""

    @abstractmethod
    def fresh(self) -> None:
        """Undoes everything."""

    @abstractmethod
    def drop_guards(self) -> None:
        """What an attacker does first."""

    @abstractmethod
    def make_guards(self) -> None:
        """What a careful attacker does last."""

    @abstractmethod
    def close(self) -> None:
        """The copy is not needed any more."""

    def state(self, position: int) -> bytes:
        """The stored bytes of an event."""
        return bytes(
            self.execute("SELECT state FROM stored_events WHERE :pos = ?", position)[0][0]
        )  # fmt: skip


class SqliteCopy(Copy):
    """A copied file."""

    position = "rowid"

    def __init__(self, original: Path) -> None:
        self._original = original
        self._path = original.with_name(f"copy-of-{original.name}")
        self.url = f"sqlite:///{self._path}"

    def execute(self, sql: str, *values: Any) -> list[Any]:
        connection = sqlite3.connect(self._path)
        try:
            with connection:
                return connection.execute(sql.replace(":pos", "rowid"), values).fetchall()
        finally:
            connection.close()

    def fresh(self) -> None:
        remove(self._path)
        shutil.copyfile(self._original, self._path)

    def drop_guards(self) -> None:
        for name in sqlite_recorder.GUARDS:
            self.execute(f"DROP TRIGGER {name}")

    def make_guards(self) -> None:
        for statement in sqlite_recorder.GUARDS.values():
            self.execute(statement)

    def close(self) -> None:
        remove(self._path)


class PostgresCopy(Copy):
    """The tables of one database, kept once more in a schema of their own."""

    position = "notification_id"

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._tables = ["stored_events", *(table.name for table in metadata.sorted_tables)]
        self._connection.execute("CREATE SCHEMA kept")
        for table in self._tables:
            self.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")

    def execute(self, sql: str, *values: Any) -> list[Any]:
        statement = sql.replace("%", "%%").replace(":pos", self.position).replace("?", "%s")
        cursor = self._connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def fresh(self) -> None:
        self.drop_guards()
        self.execute("ALTER TABLE IF EXISTS gone RENAME TO ledger_postings")
        for table in self._tables:
            self.execute(f"TRUNCATE {table}")
            self.execute(f"INSERT INTO {table} SELECT * FROM kept.{table}")
        self.make_guards()

    def drop_guards(self) -> None:
        for name in postgres_recorder.GUARDS:
            self.execute(f"DROP TRIGGER IF EXISTS {name} ON stored_events")

    def make_guards(self) -> None:
        for name, when in postgres_recorder.GUARDS.items():
            self.execute(f"DROP TRIGGER IF EXISTS {name} ON stored_events")
            self.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION etsledger_append_only()")

    def close(self) -> None:
        self.execute("DROP SCHEMA kept CASCADE")
        self._connection.close()


def copy_of(url: str) -> Copy:
    """A copy of a store; on PostgreSQL the database itself, which ``fresh`` restores."""
    return SqliteCopy(path_of(url)) if is_sqlite(url) else PostgresCopy(url)
