"""How does a database come to the newest version of the tables?"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from veridical.errors import StoreError

__all__ = ["upgrade"]


def upgrade(connection: Connection) -> None:
    """Apply the missing migrations within the caller's transaction.

    Raises:
        StoreError: `store.schema`: the database is of a version this release does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            "the database is of a version that this release does not know; upgrade the software",
            "store.schema",
        ) from error
