"""How do a database's complaints become this project's errors?"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from veridical.errors import StoreError

__all__ = ["StoreFullError", "translated"]


class StoreFullError(StoreError):
    """The disk, or the quota of the database, is full."""

    default_code = "store.full"
    http_status = 507


@contextmanager
def translated() -> Iterator[None]:
    """Turn every error of the database layer into a `StoreError` without its parameters."""
    try:
        yield
    except IntegrityError as error:
        if "unique" in str(error.orig).lower():
            raise StoreError(
                "the database has such a row already", "store.conflict"
            ) from error.orig
        raise StoreError(
            "somebody else changed what this change rests on; try again", "store.busy"
        ) from error.orig
    except DBAPIError as error:
        text = str(error.orig).lower()
        if "disk is full" in text or "no space left" in text or "disk full" in text:
            raise StoreFullError("the disk of the database is full; make room") from error.orig
        if any(word in text for word in ("locked", "busy", "lock timeout", "deadlock")):
            raise StoreError(
                "the database is busy with another writer; try again", "store.busy"
            ) from error.orig
        if "no such table" in text or "undefined" in text or "does not exist" in text:
            raise StoreError(
                "the database has no tables of this version; run `veridical db upgrade`",
                "store.schema",
            ) from error.orig
        kind = type(error.orig).__name__
        raise StoreError(f"the database refused a statement ({kind})") from error.orig
    except NoConnectionError as error:
        raise StoreError(
            "every connection to the database is in use; try again, or allow more with "
            "VERIDICAL_DATABASE_CONNECTIONS",
            "store.busy",
        ) from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database cannot be used ({type(error).__name__})") from error
