"""How does a database come to the newest version of the tables?"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, delete, insert

from veridical.errors import StoreError
from veridical.store.schema import compatibility

__all__ = ["upgrade"]


MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Apply the missing migrations within the caller's transaction.

    A migration that only adds what releases before it do without names the oldest of them as its
    `oldest`: these go on working on the tables, and may be rolled back to. One that names none
    keeps all releases before it out.

    Raises:
        StoreError: `store.schema`: the database is of a version this release does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            "the database is of a version that this release does not know; upgrade the software",
            "store.schema",
        ) from error
    modules = [script.module for script in ScriptDirectory.from_config(config).walk_revisions()]
    oldest = max(getattr(module, "oldest", module.revision) for module in modules)
    connection.execute(delete(compatibility))
    connection.execute(insert(compatibility).values(oldest=oldest))
