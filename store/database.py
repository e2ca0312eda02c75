"""Where is everything kept, and how is it opened safely?"""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select, text

from veridical.errors import StoreError
from veridical.store.errors import translated
from veridical.store.schema import HEAD, compatibility

__all__ = ["Connection", "Database"]

CONNECTIONS = 15
Meter = Callable[[str, float], None]
"""Told of each database transaction: `reading` or `writing`, and its seconds."""
_KEPT_OPEN = 5
_BUSY_MS = 30_000
RESERVE_BYTES = 8 * 2**20
# Any number, the same in every replica: the lock that lets one of them migrate at a time.
_MIGRATION_LOCK = 7_205_759


class Database:
    """An SQLite file (the default) or a PostgreSQL server.

    SQLite runs with a write-ahead log and full synchronisation: what was acknowledged survives
    the death of the process and, as far as the disk keeps its word, of the machine. Freed pages
    are overwritten. Safe in many threads.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or
            `postgresql://user@host/name`; a path alone means an SQLite file.
        connections: Most connections to a PostgreSQL server at once; who needs one more waits.

    Raises:
        StoreError: `store.url`: another kind of database, or its driver is not installed.
    """

    def __init__(self, url: str | Path, connections: int = CONNECTIONS) -> None:
        made = make_url(f"sqlite:///{url}" if isinstance(url, Path) else url)
        if made.drivername in ("postgresql", "postgres"):
            made = made.set(drivername="postgresql+psycopg")
        if made.drivername not in ("sqlite", "postgresql+psycopg"):
            raise StoreError(
                f"an SQLite or PostgreSQL URL is wanted, got {made.drivername}", "store.url"
            )
        try:
            self._engine = (
                _sqlite(made) if made.drivername == "sqlite" else _postgres(made, connections)
            )
        except ModuleNotFoundError as error:
            raise StoreError(
                "PostgreSQL needs its driver: install veridical[postgres]", "store.url"
            ) from error
        self.meter: Meter | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is an SQLite file."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the data; nothing is written.

        Raises:
            StoreError: The database cannot be read.
        """
        with translated(), self._metered("reading"):
            engine = self._engine
            if not self.is_sqlite:  # an SQLite transaction is consistent as it is
                engine = engine.execution_options(isolation_level="REPEATABLE READ")
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is kept when the block ends, nothing when it raises.

        Raises:
            StoreError: The database cannot be written: `store.busy`, `store.full`, ...
        """
        writing = self._engine.execution_options(writes=True)
        with translated(), self._metered("writing"), writing.begin() as connection:
            yield connection

    @contextmanager
    def _metered(self, kind: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            if self.meter is not None:
                self.meter(kind, time.perf_counter() - began)

    def upgrade(self) -> None:
        """Make the tables, or bring them to this version; safe when several processes start.

        Nothing is done where a newer release brought them further and says that this one still
        works on them: so a release is rolled out and back, one replica after the other.

        Raises:
            StoreError: The database cannot be written. `store.schema`: it is of a version on which
                this release does not work.
        """
        version = self.version
        if version == HEAD or (version > HEAD and self._takes_this_release()):
            return
        # Alembic takes long to import and is needed once in a database's life.
        from veridical.store.migrate import upgrade

        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK}
                )
            upgrade(connection)

    @property
    def version(self) -> str:
        """Newest migration that was applied; empty for a new database."""
        with self.reading() as connection:
            if not self._engine.dialect.has_table(connection, "alembic_version"):
                return ""
            return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")

    def _takes_this_release(self) -> bool:
        with self.reading() as connection:
            oldest = connection.scalar(select(compatibility.c.oldest))
        return oldest is not None and oldest <= HEAD

    @property
    def is_current(self) -> bool:
        """Whether its tables are those of this release, or of a later one."""
        return self.version >= HEAD

    @property
    def exists(self) -> bool:
        """Whether there is one yet: an SQLite database is made by whoever opens it first."""
        return not self.is_sqlite or Path(str(self._engine.url.database)).exists()

    @property
    def free_bytes(self) -> int | None:
        """Room on the disk of an SQLite database; None where the disk is a server's."""
        if not self.is_sqlite:
            return None
        return shutil.disk_usage(Path(str(self._engine.url.database)).parent).free

    def keep_reserve(self) -> None:
        """Hold some room on the disk of an SQLite database, for erasing when it is full."""
        free = self.free_bytes
        if free is None or free < 2 * RESERVE_BYTES or self._reserve.exists():
            return
        with contextlib.suppress(OSError):  # somebody else made it, or took the room
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)

    def free_reserve(self) -> None:
        """Give the room back; it is held again once there is plenty."""
        if self.is_sqlite:
            self._reserve.unlink(missing_ok=True)

    @property
    def _reserve(self) -> Path:
        file = Path(str(self._engine.url.database))
        return file.with_name(f"{file.name}.reserve")

    def backup(self, target: Path) -> None:
        """Copy an SQLite database to a new file while it is in use.

        Raises:
            StoreError: `store.backup`: it is no SQLite database, or the file is there already.
        """
        if not self.is_sqlite or target.exists():
            raise StoreError(
                "a backup goes to a new file, and PostgreSQL is backed up with pg_dump",
                "store.backup",
            )
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        name = str(self._engine.url.database)
        with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def restore(self, source: Path, prove: Callable[["Database"], object]) -> None:
        """Put a backup, once it proved whole and opens, where this SQLite database is to be.

        Args:
            source: The backup.
            prove: Raises unless a copy of it can be used; nothing is put in place then.

        Raises:
            StoreError: `store.backup`: it is no SQLite database, there is one already, or the
                backup is none or is damaged.
        """
        target = Path(str(self._engine.url.database))
        if not self.is_sqlite or target.exists():
            raise StoreError(
                "a backup goes where no database is yet: move the other away; PostgreSQL is "
                "restored with pg_restore",
                "store.backup",
            )
        copied = target.with_name(f"{target.name}.restoring")
        try:
            with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as backup:
                sound = backup.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                sound = sound and not backup.execute("PRAGMA foreign_key_check").fetchall()
                if sound:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    copied.unlink(missing_ok=True)
                    os.close(os.open(copied, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                    with closing(sqlite3.connect(copied)) as copy:
                        backup.backup(copy)
        except sqlite3.Error as error:
            raise StoreError(f"{source} is no SQLite database", "store.backup") from error
        if not sound:
            raise StoreError(f"{source} is damaged; take an older backup", "store.backup")
        opened = Database(copied)
        try:
            opened.upgrade()
            prove(opened)
            opened.close()
            # What is in the log beside it is in the file once the last connection is closed.
            copied.replace(target)
        finally:
            opened.close()
            for rest in ("", "-wal", "-shm"):
                copied.with_name(f"{copied.name}{rest}").unlink(missing_ok=True)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _keep_private(file: Path) -> None:
    """Let nobody but its owner read a database; its log and index get the mode of the file."""
    with contextlib.suppress(FileExistsError, FileNotFoundError, PermissionError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.suppress(FileNotFoundError, PermissionError):  # of an older release
        for rest in ("", "-wal", "-shm"):
            file.with_name(f"{file.name}{rest}").chmod(0o600)


def _postgres(url: URL, connections: int) -> Engine:
    kept = min(connections, _KEPT_OPEN)
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=kept,
        max_overflow=connections - kept,
        hide_parameters=True,
    )


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StoreError("an SQLite URL must name a file", "store.url")
    file = Path(url.database)
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def private(*_: object) -> None:
        _keep_private(file)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late
        for pragma in (
            f"busy_timeout = {_BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that begins as a reader can lose the race for the lock half-way.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
