"""Which templates does a gallery hold? Its rows, each sealed under its subject's own key."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from veridical.store.keys import KeyProvider, seal, unseal, unwrap
from veridical.store.schema import data_keys, galleries, templates, tombstones
from veridical.store.subjects import data_key, kept_data_keys, next_revision

__all__ = ["GalleryRows"]

_FETCH = 5_000


@dataclass(frozen=True, slots=True)
class GalleryRows:
    """The rows of one gallery; those of other models lie beside them and are never compared.

    Every method works within the caller's database transaction. What it seals and opens are bytes:
    what they mean is the gallery's affair.

    Attributes:
        keys: Master keys.
        tenant: Whose gallery.
        gallery: Its name.
        model: Model of the templates that it compares.
    """

    keys: KeyProvider
    tenant: str
    gallery: str
    model: str

    def make(self, connection: Connection) -> None:
        """Make the gallery where it is not there."""
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(
            dialect.insert(galleries)
            .values(tenant=self.tenant, name=self.gallery, revision=0)
            .on_conflict_do_nothing()
        )

    # --- changes ---------------------------------------------------------------------------------

    def add(self, connection: Connection, entries: Collection[tuple[str, bytes]]) -> None:
        """Add subjects with what is kept of each.

        Raises:
            StoreError: `store.conflict`: one is there already, or is named twice.
        """
        # First of all, so that ids rise in the order of revisions.
        revision = next_revision(connection, self.tenant, self.gallery)
        self._add(connection, entries, revision)

    def replace(self, connection: Connection, subject: str, plain: bytes) -> bool:
        """Replace what is kept of a subject; whether it was there."""
        revision = next_revision(connection, self.tenant, self.gallery)
        return self._replace(connection, subject, plain, revision)

    def put(self, connection: Connection, subject: str, plain: bytes) -> None:
        """Add a subject, or replace what is kept of it."""
        revision = next_revision(connection, self.tenant, self.gallery)
        # Made first and held: else an erasure could come between the look and the change.
        kept_data_keys(connection, self.keys, self.tenant, [subject])
        if not self._replace(connection, subject, plain, revision):
            self._add(connection, [(subject, plain)], revision)

    def renew(self, connection: Connection, entries: Mapping[str, bytes]) -> bool:
        """Put templates of this model in the place of those of others.

        A subject that has one of this model keeps it and loses the others.

        Returns:
            Whether each had one of another model; else the caller takes everything back.
        """
        revision = next_revision(connection, self.tenant, self.gallery)
        stored = connection.execute(
            select(templates.c.id, templates.c.subject, templates.c.model).where(
                *self._here, templates.c.subject.in_(entries)
            )
        ).all()
        others = [row for row in stored if row.model != self.model]
        if {row.subject for row in others} != entries.keys():
            return False
        current = {row.subject for row in stored if row.model == self.model}
        wanted = [entry for entry in entries.items() if entry[0] not in current]
        self._add(connection, wanted, revision)
        old = [int(row.id) for row in others]
        connection.execute(
            insert(tombstones),
            [
                {
                    "template": number,
                    "tenant": self.tenant,
                    "gallery": self.gallery,
                    "revision": revision,
                }
                for number in old
            ],
        )
        connection.execute(delete(templates).where(templates.c.id.in_(old)))
        return True

    # --- questions -------------------------------------------------------------------------------

    def revision(self, connection: Connection) -> int:
        """How many changes were made so far."""
        revision = connection.scalar(
            select(galleries.c.revision).where(
                galleries.c.tenant == self.tenant, galleries.c.name == self.gallery
            )
        )
        return int(revision or 0)

    def find(self, connection: Connection, subject: str) -> bytes | None:
        """What is kept of one subject; None without a template of this model.

        Raises:
            StoreError: The entry does not verify.
        """
        row = connection.execute(
            select(templates.c.version, templates.c.sealed).where(*self._mine(subject))
        ).one_or_none()
        key = data_key(connection, self.keys, self.tenant, subject)
        if row is None or key is None:
            return None
        return unseal(key, row.sealed, *self._context(subject, row.version))

    def subjects(self, connection: Connection) -> set[str]:
        """References of all entries of this model."""
        return set(
            connection.scalars(
                select(templates.c.subject).where(*self._here, templates.c.model == self.model)
            )
        )

    def subjects_of(self, connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
        """References by number of the entry; those deleted meanwhile are left out."""
        rows = connection.execute(
            select(templates.c.id, templates.c.subject).where(templates.c.id.in_(numbers))
        )
        return {int(row.id): str(row.subject) for row in rows}

    def counts(self, connection: Connection) -> dict[str, int]:
        """Number of entries by model."""
        rows = connection.execute(
            select(templates.c.model, func.count()).where(*self._here).group_by(templates.c.model)
        )
        return {str(model): int(count) for model, count in rows}

    def count_others(self, connection: Connection) -> int:
        """Number of entries of other models."""
        return int(connection.scalar(select(func.count()).where(*self._others)) or 0)

    def others(self, connection: Connection) -> Iterator[tuple[str, str, bytes]]:
        """Subject, model and what is kept, of entries of other models in the order they came.

        Raises:
            StoreError: One does not verify.
        """
        rows = connection.execute(self._with_keys().where(*self._others).order_by(templates.c.id))
        for row in rows:
            yield row.subject, row.model, self._opened(row)

    def changed(self, connection: Connection, since: int) -> Iterator[list[tuple[int, bytes]]]:
        """Number and what is kept of entries that came or changed after a revision, in parts.

        Raises:
            StoreError: One does not verify.
        """
        query = (
            self._with_keys()
            .where(*self._here, templates.c.model == self.model)
            .where(templates.c.revision > since)
            .order_by(templates.c.id)
        )
        with connection.execution_options(yield_per=_FETCH).execute(query) as rows:
            for part in rows.partitions():
                yield [(int(row.id), self._opened(row)) for row in part]

    def gone(self, connection: Connection, since: int) -> list[int]:
        """Numbers of the entries that were deleted after a revision, the least first."""
        return sorted(
            connection.scalars(
                select(tombstones.c.template).where(
                    tombstones.c.tenant == self.tenant,
                    tombstones.c.gallery == self.gallery,
                    tombstones.c.revision > since,
                )
            )
        )

    # --- rows ------------------------------------------------------------------------------------

    def _add(
        self, connection: Connection, entries: Collection[tuple[str, bytes]], revision: int
    ) -> None:
        if not entries:
            return
        subjects = [subject for subject, _ in entries]
        keys = kept_data_keys(connection, self.keys, self.tenant, subjects)
        connection.execute(
            insert(templates),
            [
                {
                    "tenant": self.tenant,
                    "gallery": self.gallery,
                    "subject": subject,
                    "model": self.model,
                    "version": 1,
                    "revision": revision,
                    "sealed": seal(keys[subject], plain, *self._context(subject, 1)),
                }
                for subject, plain in entries
            ],
        )

    def _replace(self, connection: Connection, subject: str, plain: bytes, revision: int) -> bool:
        version = connection.scalar(select(templates.c.version).where(*self._mine(subject)))
        key = data_key(connection, self.keys, self.tenant, subject)
        if version is None or key is None:
            return False
        connection.execute(
            update(templates)
            .where(*self._mine(subject))
            .values(
                version=version + 1,
                revision=revision,
                sealed=seal(key, plain, *self._context(subject, version + 1)),
            )
        )
        return True

    def _with_keys(self) -> Select[Any]:
        return select(templates, data_keys.c.master_key, data_keys.c.wrapped).join(
            data_keys,
            (data_keys.c.tenant == templates.c.tenant)
            & (data_keys.c.subject == templates.c.subject),
        )

    def _opened(self, row: Any) -> bytes:  # noqa: ANN401  a row of `_with_keys`
        key = unwrap(self.keys, row.master_key, row.wrapped)
        return unseal(key, row.sealed, *self._context(row.subject, row.version, row.model))

    @property
    def _here(self) -> tuple[ColumnElement[bool], ...]:
        return (templates.c.tenant == self.tenant, templates.c.gallery == self.gallery)

    def _mine(self, subject: str) -> tuple[ColumnElement[bool], ...]:
        return (*self._here, templates.c.subject == subject, templates.c.model == self.model)

    @property
    def _others(self) -> tuple[ColumnElement[bool], ...]:
        # Two ranges of the index, where "not equal" would read every entry of the gallery.
        other = (templates.c.model < self.model) | (templates.c.model > self.model)
        return (*self._here, other)

    def _context(self, subject: str, version: int, model: str = "") -> tuple[str | int, ...]:
        """What a sealed template is bound to: moved elsewhere, it does not open."""
        return ("template", self.tenant, self.gallery, subject, model or self.model, version)
