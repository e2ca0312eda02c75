"""Whose data are these? The keys of subjects: made, opened, turned over, erased."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from veridical.errors import StoreError
from veridical.store.database import Database
from veridical.store.keys import KeyProvider, new_key, unwrap, wrap
from veridical.store.schema import data_keys, galleries, templates, tombstones

__all__ = [
    "check_keys",
    "data_key",
    "erase_subject",
    "erase_template",
    "galleries_of",
    "kept_data_keys",
    "marks_of",
    "next_revision",
    "rewrap",
]

_BATCH = 1_000


def data_key(connection: Connection, keys: KeyProvider, tenant: str, subject: str) -> bytes | None:
    """The key of one subject; None when nothing is stored of it.

    Raises:
        StoreError: The master key is unknown, or the wrapped key was altered.
    """
    row = connection.execute(
        select(data_keys.c.master_key, data_keys.c.wrapped).where(
            data_keys.c.tenant == tenant, data_keys.c.subject == subject
        )
    ).one_or_none()
    return None if row is None else unwrap(keys, row.master_key, row.wrapped)


def kept_data_keys(
    connection: Connection, keys: KeyProvider, tenant: str, subjects: Sequence[str]
) -> dict[str, bytes]:
    """The keys of some subjects, made where there are none.

    Nobody can erase them before the transaction ends.

    Raises:
        StoreError: As `data_key`.
    """
    found: dict[str, bytes] = {}
    for start in range(0, len(subjects), _BATCH):
        part = sorted(set(subjects[start : start + _BATCH]))
        found |= _held(connection, keys, tenant, part)
        missing = sorted(set(part) - found.keys())
        if missing:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(
                dialect.insert(data_keys).on_conflict_do_nothing(),
                [
                    {
                        "tenant": tenant,
                        "subject": subject,
                        "master_key": keys.current,
                        "wrapped": wrap(keys, keys.current, new_key()),
                    }
                    for subject in missing
                ],
            )
            found |= _held(connection, keys, tenant, missing)
    return found


def _held(
    connection: Connection, keys: KeyProvider, tenant: str, subjects: Sequence[str]
) -> dict[str, bytes]:
    rows = connection.execute(
        select(data_keys.c.subject, data_keys.c.master_key, data_keys.c.wrapped)
        .where(data_keys.c.tenant == tenant, data_keys.c.subject.in_(subjects))
        .with_for_update(read=True, key_share=True)  # SQLite has one writer anyway
    )
    return {row.subject: unwrap(keys, row.master_key, row.wrapped) for row in rows}


def erase_subject(database: Database, tenant: str, subject: str) -> int:
    """Delete a subject's key, and with it everything that was stored of it, in every gallery.

    Indexes of all processes drop the entries before their next search.

    Returns:
        How many templates there were.
    """
    key = (data_keys.c.tenant == tenant, data_keys.c.subject == subject)
    with database.writing() as connection:
        # Whoever enrols holds the key: from here on nobody can add what would not be counted.
        if (
            connection.execute(select(data_keys.c.subject).where(*key).with_for_update()).first()
            is None
        ):
            return 0
        mine = (templates.c.tenant == tenant, templates.c.subject == subject)
        names = sorted(set(connection.scalars(select(templates.c.gallery).where(*mine))))
        # Sorted, so that two erasures never wait for each other.
        erased = sum(len(_bury(connection, tenant, name, subject)) for name in names)
        connection.execute(delete(data_keys).where(*key))
    return erased


def erase_template(
    connection: Connection, tenant: str, gallery: str, subject: str
) -> tuple[int, ...]:
    """Delete a subject from one gallery, and its key when nothing else is kept of it.

    Indexes of all processes drop the entry before their next search.

    Args:
        connection: Within the transaction that erases what else there is.
        tenant: Whose gallery.
        gallery: Its name.
        subject: The reference.

    Returns:
        Numbers of the templates that it had there.
    """
    of = (templates.c.tenant == tenant, templates.c.subject == subject)
    if connection.scalar(select(templates.c.id).where(*of, templates.c.gallery == gallery)) is None:
        return ()
    gone = _bury(connection, tenant, gallery, subject)
    if connection.scalar(select(templates.c.id).where(*of).limit(1)) is None:
        connection.execute(
            delete(data_keys).where(data_keys.c.tenant == tenant, data_keys.c.subject == subject)
        )
    return gone


def _bury(connection: Connection, tenant: str, gallery: str, subject: str) -> tuple[int, ...]:
    """Delete the templates of a subject in one gallery, each with a tombstone; their numbers."""
    mine = (
        templates.c.tenant == tenant,
        templates.c.subject == subject,
        templates.c.gallery == gallery,
    )
    revision = literal(next_revision(connection, tenant, gallery))
    gone = select(templates.c.id, templates.c.tenant, templates.c.gallery, revision).where(*mine)
    connection.execute(
        insert(tombstones).from_select(["template", "tenant", "gallery", "revision"], gone)
    )
    return tuple(connection.scalars(delete(templates).where(*mine).returning(templates.c.id)))


def galleries_of(database: Database, tenant: str, subject: str) -> list[str]:
    """Names of the galleries in which a subject is enrolled.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.reading() as connection:
        return sorted(
            connection.scalars(
                select(templates.c.gallery)
                .where(templates.c.tenant == tenant, templates.c.subject == subject)
                .distinct()
            )
        )


def marks_of(
    connection: Connection, tenant: str, subject: str, names: Sequence[str]
) -> frozenset[tuple[int, int]]:
    """Number and version of every template of a subject in some galleries; empty without any.

    Two answers are equal when nothing was enrolled, replaced or deleted between them.
    """
    rows = connection.execute(
        select(templates.c.id, templates.c.version).where(
            templates.c.tenant == tenant,
            templates.c.subject == subject,
            templates.c.gallery.in_(names),
        )
    )
    return frozenset((int(row.id), int(row.version)) for row in rows)


def models_of(database: Database, tenant: str, gallery: str, subject: str) -> list[str]:
    """Models of the templates of a subject in one gallery, the newest template's first.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.reading() as connection:
        return list(
            connection.scalars(
                select(templates.c.model)
                .where(
                    templates.c.tenant == tenant,
                    templates.c.gallery == gallery,
                    templates.c.subject == subject,
                )
                .order_by(templates.c.id.desc())
            )
        )


def check_keys(database: Database, keys: KeyProvider) -> int:
    """Open every data key once, as after a restore: do these keys belong to this database?

    Returns:
        How many there are.

    Raises:
        StoreError: `store.key_unknown`: a master key is not among these; `store.tampered`: one
            of this name is another.
    """
    opened = 0
    with database.reading() as connection:
        for row in connection.execute(select(data_keys.c.master_key, data_keys.c.wrapped)):
            unwrap(keys, row.master_key, row.wrapped)
            opened += 1
    return opened


def rewrap(database: Database, keys: KeyProvider) -> int:
    """Wrap every data key with the current master key; no data are touched.

    Works in small transactions: broken off, it goes on where it stopped.

    Returns:
        How many keys were rewrapped.
    """
    done = 0
    while True:
        with database.writing() as connection:
            rows = connection.execute(
                select(data_keys)
                .where(data_keys.c.master_key != keys.current)
                .limit(_BATCH)
                .with_for_update()
            ).all()
            for row in rows:
                key = unwrap(keys, row.master_key, row.wrapped)
                connection.execute(
                    update(data_keys)
                    .where(data_keys.c.tenant == row.tenant, data_keys.c.subject == row.subject)
                    .values(master_key=keys.current, wrapped=wrap(keys, keys.current, key))
                )
        done += len(rows)
        if len(rows) < _BATCH:
            return done


def next_revision(connection: Connection, tenant: str, gallery: str) -> int:
    """Count one change of a gallery; other writers to it wait until this transaction ends.

    Raises:
        StoreError: There is no such gallery.
    """
    revision = connection.scalar(
        update(galleries)
        .where(galleries.c.tenant == tenant, galleries.c.name == gallery)
        .values(revision=galleries.c.revision + 1)
        .returning(galleries.c.revision)
    )
    if revision is None:
        raise StoreError("no such gallery; open it first", "store.no_gallery")
    return int(revision)
