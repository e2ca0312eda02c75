"""Can this database be used? Its keys open it, it takes a write, and there is room on its disk."""

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from veridical.errors import StoreError
from veridical.store.database import Database
from veridical.store.errors import StoreFullError
from veridical.store.keys import KeyProvider, unwrap
from veridical.store.schema import data_keys, heartbeats

__all__ = ["FREE_BYTES", "is_in_use", "prove_database", "prove_keys", "wrapped_with"]

FREE_BYTES = 64 * 2**20
"""Least room on the disk of an SQLite database for a service to be ready."""


def prove_keys(connection: Connection, keys: KeyProvider) -> int:
    """Open one data key of every master key that is in use; how many master keys those are.

    Raises:
        StoreError: `store.key_unknown`, `store.tampered`: these are not the keys of this database.
    """
    proven, name = 0, ""
    while True:
        # One step in the index a master key, however many data keys there are.
        following = connection.scalar(
            select(func.min(data_keys.c.master_key)).where(data_keys.c.master_key > name)
        )
        if following is None:
            return proven
        name = str(following)
        wrapped = select(data_keys.c.wrapped).where(data_keys.c.master_key == name).limit(1)
        unwrap(keys, name, connection.scalar(wrapped) or b"")
        proven += 1


def wrapped_with(database: Database, name: str) -> int:
    """How many data keys are wrapped with a master key."""
    with database.reading() as connection:
        count = select(func.count()).select_from(data_keys).where(data_keys.c.master_key == name)
        return connection.scalar(count) or 0


def prove_database(database: Database, keys: KeyProvider, now: int) -> None:
    """Open, write, and look for room.

    Raises:
        StoreError: The keys are not this database's, or it cannot be written.
        StoreFullError: There is too little room on its disk.
    """
    with database.writing() as connection:
        prove_keys(connection, keys)
        dialect = sqlite if database.is_sqlite else postgresql
        statement = dialect.insert(heartbeats).values(name="probe", beat_at=now)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"beat_at": now})
        )
    free = database.free_bytes
    if free is not None and free < FREE_BYTES:
        raise StoreFullError(
            f"{free} bytes are free on the disk of the database, {FREE_BYTES} are wanted; make room"
        )


def is_in_use(database: Database) -> bool:
    """Whether anything is sealed in a database that may not be there, or be of an older version."""
    if not database.exists:
        return False
    try:
        with database.reading() as connection:
            return connection.scalar(select(data_keys.c.subject).limit(1)) is not None
    except StoreError:
        return False
