"""Who is enrolled, and who of them is this? The database is the truth, the index its cache."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from veridical.errors import InputError, StoreError
from veridical.gallery.entry import (
    SEXES,
    Attributes,
    Enrolment,
    Hit,
    Outdated,
    Statistics,
    pack,
    unpack,
)
from veridical.gallery.index import CANDIDATES, Found, Rows, TemplateIndex, code_bytes_of
from veridical.gallery.lock import SharedLock
from veridical.gallery.snapshot import Snapshot
from veridical.store import Database, KeyProvider
from veridical.store.keys import seal, unseal, unwrap
from veridical.store.schema import NAME_LENGTH, data_keys, galleries, templates, tombstones
from veridical.store.subjects import data_key, kept_data_keys, next_revision
from veridical.types import Template

__all__ = ["Gallery"]

_FETCH = 5_000
_UNIT = 1e-3


class _Stored(NamedTuple):
    """One row of `templates` with its key."""

    id: int
    subject: str
    version: int
    sealed: bytes
    master_key: str
    wrapped: bytes


class Gallery:
    """One list of enrolled templates of one model: customers, or a watchlist.

    Every answer reflects every change that was acknowledged before the question, by this or
    another process: a search first asks the database for the count of changes and takes in those
    it missed. Safe in many threads.

    Args:
        database: Upgraded.
        keys: Master keys.
        name: Of the gallery; made when it is not there.
        model: Model of the templates that are enrolled and searched, `Template.model`. Templates
            of other models stay in the database but are never compared.
        tenant: Whose gallery.
        snapshot: File for a quick restart; none is kept without.
        candidates: Entries compared exactly after a code scan; 0 compares all of them.

    Raises:
        InputError: A name is empty or too long.
        StoreError: The database cannot be used.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyProvider,
        name: str,
        model: str,
        *,
        tenant: str = "default",
        snapshot: Path | None = None,
        candidates: int = CANDIDATES,
    ) -> None:
        for word in (tenant, name, model):
            _check_name(word)
        self._database = database
        self._keys = keys
        self._candidates = candidates
        self._snapshot = Snapshot(snapshot, keys) if snapshot else None
        self._index: TemplateIndex | None = None
        self._revision = -1
        self._other_models = 0
        self._lock = SharedLock()
        self.name = name
        self.tenant = tenant
        self.model = model
        with database.writing() as connection:
            dialect = sqlite if database.is_sqlite else postgresql
            connection.execute(
                dialect.insert(galleries)
                .values(tenant=tenant, name=name, revision=0)
                .on_conflict_do_nothing()
            )

    # --- changes ---------------------------------------------------------------------------------

    def enrol(
        self,
        subject: str,
        template: Template,
        attributes: Attributes = Attributes(),  # noqa: B008
    ) -> None:
        """Add one subject; kept for good when this returns.

        Raises:
            InputError: `gallery.exists`: the subject is enrolled already; `gallery.other_model`,
                `gallery.template`, `gallery.name`.
            StoreError: The database cannot be written.
        """
        self.enrol_many([Enrolment(subject, template, attributes)])

    def enrol_many(self, enrolments: Sequence[Enrolment]) -> None:
        """Add several subjects in one transaction: all of them, or none.

        Raises:
            InputError: As `enrol`.
            StoreError: The database cannot be written.
        """
        for enrolment in enrolments:
            _check_name(enrolment.subject)
            self._check_template(enrolment.template)
        if not enrolments:
            return
        try:
            with self._database.writing() as connection:
                # First of all, so that ids rise in the order of revisions.
                revision = next_revision(connection, self.tenant, self.name)
                keys = kept_data_keys(
                    connection, self._keys, self.tenant, [each.subject for each in enrolments]
                )
                rows = [self._row(keys[each.subject], each, revision) for each in enrolments]
                connection.execute(insert(templates), rows)
        except StoreError as error:
            if error.code == "store.conflict":
                raise InputError(
                    "the subject is enrolled already; update or delete it first", "gallery.exists"
                ) from error
            raise

    def update(
        self,
        subject: str,
        template: Template,
        attributes: Attributes = Attributes(),  # noqa: B008
    ) -> None:
        """Replace a subject's template and attributes.

        Raises:
            InputError: `gallery.unknown_subject`; `gallery.other_model`, `gallery.template`.
            StoreError: The database cannot be written.
        """
        self._check_template(template)
        with self._database.writing() as connection:
            revision = next_revision(connection, self.tenant, self.name)
            version = connection.scalar(select(templates.c.version).where(*self._mine(subject)))
            key = data_key(connection, self._keys, self.tenant, subject)
            if version is None or key is None:
                raise _unknown_subject()
            changed = Enrolment(subject, template, attributes)
            self._change(connection, key, changed, version + 1, revision)

    def put_within(self, connection: Connection, enrolment: Enrolment) -> None:
        """Enrol a subject, or replace its template, together with what else a caller writes.

        Args:
            connection: A writing transaction of the gallery's database.
            enrolment: The subject.

        Raises:
            InputError: `gallery.other_model`, `gallery.template`, `gallery.name`.
            StoreError: The database cannot be written.
        """
        _check_name(enrolment.subject)
        self._check_template(enrolment.template)
        subject = enrolment.subject
        revision = next_revision(connection, self.tenant, self.name)
        key = kept_data_keys(connection, self._keys, self.tenant, [subject])[subject]
        version = connection.scalar(select(templates.c.version).where(*self._mine(subject)))
        if version is None:
            connection.execute(insert(templates), [self._row(key, enrolment, revision)])
        else:
            self._change(connection, key, enrolment, version + 1, revision)

    def _change(
        self,
        connection: Connection,
        key: bytes,
        enrolment: Enrolment,
        version: int,
        revision: int,
    ) -> None:
        plain = pack(enrolment.template, enrolment.attributes)
        connection.execute(
            update(templates)
            .where(*self._mine(enrolment.subject))
            .values(
                version=version,
                revision=revision,
                sealed=seal(key, plain, *self._context(enrolment.subject, version)),
            )
        )

    def renew(self, enrolments: Sequence[Enrolment]) -> None:
        """Put templates of this gallery's model in the place of those of other models.

        All of them, or none. A subject that has a template of this model already keeps it and
        loses the others.

        Raises:
            InputError: `gallery.other_model`, `gallery.template`; `gallery.unknown_subject`: one
                has no template of another model.
            StoreError: The database cannot be written.
        """
        for enrolment in enrolments:
            self._check_template(enrolment.template)
        if not enrolments:
            return
        subjects = [each.subject for each in enrolments]
        with self._database.writing() as connection:
            revision = next_revision(connection, self.tenant, self.name)
            keys = kept_data_keys(connection, self._keys, self.tenant, subjects)
            stored = connection.execute(
                select(templates.c.id, templates.c.subject, templates.c.model).where(
                    templates.c.tenant == self.tenant,
                    templates.c.gallery == self.name,
                    templates.c.subject.in_(subjects),
                )
            ).all()
            old = [int(row.id) for row in stored if row.model != self.model]
            if {row.subject for row in stored if row.model != self.model} != set(subjects):
                raise _unknown_subject()
            current = {row.subject for row in stored if row.model == self.model}
            rows = [
                self._row(keys[each.subject], each, revision)
                for each in enrolments
                if each.subject not in current
            ]
            if rows:
                connection.execute(insert(templates), rows)
            self._bury(connection, old, revision)
            connection.execute(delete(templates).where(templates.c.id.in_(old)))

    def delete(self, subject: str) -> bool:
        """Remove a subject from this gallery, from every index and from the snapshot, at once.

        Its key goes too when nothing else is kept of it. See `store.erase_subject` for all
        galleries together.

        Returns:
            Whether it was there.

        Raises:
            StoreError: The database cannot be written.
        """
        with self._database.writing() as connection:
            revision = next_revision(connection, self.tenant, self.name)
            mine = (
                templates.c.tenant == self.tenant,
                templates.c.gallery == self.name,
                templates.c.subject == subject,
            )
            gone = list(connection.scalars(select(templates.c.id).where(*mine)))
            if gone:
                self._bury(connection, gone, revision)
                connection.execute(delete(templates).where(*mine))
                self._drop_unused_key(connection, subject)
        if gone and self._snapshot:
            self._snapshot.scrub(np.asarray(gone, np.int64))
        if self._index is not None:
            self.refresh()
        return bool(gone)

    # --- questions -------------------------------------------------------------------------------

    def template(self, subject: str) -> Template:
        """The template of one subject.

        Raises:
            InputError: `gallery.unknown_subject`.
            StoreError: The database cannot be read, or the entry does not verify.
        """
        return self._entry(subject)[0]

    def compare(self, subject: str, probe: Template) -> float:
        """Compare a probe with one subject: the cosine of the two templates, -1..1.

        Raises:
            InputError: `gallery.unknown_subject`, `gallery.other_model`, `gallery.template`.
            StoreError: As `template`.
        """
        self._check_template(probe)
        return float(self._entry(subject)[0].vector @ probe.vector)

    def search(self, probe: Template, limit: int = 10, min_similarity: float = -1.0) -> list[Hit]:
        """The entries most alike to a probe, most alike first.

        Raises:
            InputError: `gallery.other_model`, `gallery.template`.
            StoreError: The database cannot be read, or an entry does not verify.
        """
        found = self.scan(probe)
        count = int(np.count_nonzero(found.similarities[:limit] >= min_similarity))
        return self.hits(found, range(count))

    def duplicates(self, subject: str, min_similarity: float, limit: int = 10) -> list[Hit]:
        """Other entries that may be the same person as an enrolled subject.

        Raises:
            InputError: `gallery.unknown_subject`.
            StoreError: As `search`.
        """
        hits = self.search(self.template(subject), limit + 1, min_similarity)
        return [hit for hit in hits if hit.subject != subject][:limit]

    def scan(self, probe: Template) -> Found:
        """As `search`, for all candidates and without looking up who they are.

        Raises:
            InputError: `gallery.other_model`, `gallery.template`.
            StoreError: As `search`.
        """
        self._check_template(probe)
        self.refresh()
        with self._lock.reading():
            if self._index is None:
                return _nothing_found()
            self._check_template(probe)  # now that the index is there
            return self._index.search(probe.vector, max(self._candidates, CANDIDATES))

    def hits(self, found: Found, which: Iterable[int]) -> list[Hit]:
        """Look up who some of the found entries are; one deleted meanwhile is left out.

        Raises:
            StoreError: The database cannot be read.
        """
        chosen = [(int(found.ids[i]), i) for i in which]
        with self._database.reading() as connection:
            rows = connection.execute(
                select(templates.c.id, templates.c.subject).where(
                    templates.c.id.in_([number for number, _ in chosen])
                )
            )
            subjects = {int(row.id): str(row.subject) for row in rows}
        return [
            Hit(
                subjects[number],
                float(found.similarities[i]),
                Attributes(int(found.births[i]) or None, SEXES[found.sexes[i]]),
            )
            for number, i in chosen
            if number in subjects
        ]

    def count_agreeing(self, attributes: Attributes, tolerance_years: int) -> int:
        """Entries whose known attributes do not contradict the given ones."""
        with self._lock.reading():
            if self._index is None:
                return 0
            return self._index.count_agreeing(
                attributes.birth_year or 0, SEXES.index(attributes.sex), tolerance_years
            )

    def count_other_models(self) -> int:
        """Entries of other models, which the last search could not compare."""
        return self._other_models

    def outdated(self) -> list[Outdated]:
        """Entries of other models, in the order of their enrolment.

        Raises:
            StoreError: The database cannot be read, or an entry does not verify.
        """
        found: dict[str, Outdated] = {}
        with self._database.reading() as connection:
            rows = connection.execute(
                select(templates, data_keys.c.master_key, data_keys.c.wrapped)
                .join(
                    data_keys,
                    (data_keys.c.tenant == templates.c.tenant)
                    & (data_keys.c.subject == templates.c.subject),
                )
                .where(*self._others())
                .order_by(templates.c.id)
            )
            for row in rows:
                key = unwrap(self._keys, row.master_key, row.wrapped)
                context = self._context(row.subject, row.version, row.model)
                _, attributes = unpack(unseal(key, row.sealed, *context), row.model)
                # Of several old templates the newest one's attributes count.
                found[row.subject] = Outdated(row.subject, row.model, attributes)
        return list(found.values())

    def statistics(self) -> Statistics:
        """How much is kept.

        Raises:
            StoreError: The database cannot be read.
        """
        with self._database.reading() as connection:
            counts = connection.execute(
                select(templates.c.model, func.count())
                .where(templates.c.tenant == self.tenant, templates.c.gallery == self.name)
                .group_by(templates.c.model)
            )
            by_model = {str(model): int(count) for model, count in counts}
            revision = self._current_revision(connection)
        entries = by_model.pop(self.model, 0)
        with self._lock.reading():
            size = self._index.nbytes if self._index else 0
        return Statistics(entries, sum(by_model.values()), revision, size)

    def subjects(self) -> set[str]:
        """References of all entries of this gallery's model.

        Raises:
            StoreError: The database cannot be read.
        """
        with self._database.reading() as connection:
            return set(
                connection.scalars(
                    select(templates.c.subject).where(
                        templates.c.tenant == self.tenant,
                        templates.c.gallery == self.name,
                        templates.c.model == self.model,
                    )
                )
            )

    # --- the index -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in every change that the index missed; loads it the first time.

        Raises:
            StoreError: The database cannot be read, or an entry does not verify: a watchlist that
                cannot be searched whole is not searched at all.
        """
        with self._database.reading() as connection:
            if self._current_revision(connection) == self._revision:
                return
        with self._lock.writing():
            if self._revision < 0:
                self._load_snapshot()
            self._take_in_changes()

    def save_snapshot(self) -> None:
        """Write the index to its file, for a quick restart; does nothing without one.

        Raises:
            StoreError: The file cannot be written.
        """
        self.refresh()
        if self._snapshot is None:
            return
        with self._lock.reading():
            if self._index is not None:
                self._snapshot.save(
                    self._index.rows(),
                    tenant=self.tenant,
                    gallery=self.name,
                    model=self.model,
                    revision=self._revision,
                )
        # Whoever was deleted meanwhile must not live on in the new file.
        self.refresh()

    def _load_snapshot(self) -> None:
        if self._snapshot is None:
            return
        loaded = self._snapshot.load(
            tenant=self.tenant,
            gallery=self.name,
            model=self.model,
            code_bytes=code_bytes_of(self._candidates),
        )
        if loaded is None:
            return
        head, chunks = loaded
        index = TemplateIndex(head.dimensions, self._candidates, head.rows)
        try:
            for rows in chunks:
                index.put(rows)
        except StoreError:
            return  # a cache that does not verify is no cache
        self._index, self._revision = index, head.revision

    def _take_in_changes(self) -> None:
        with self._database.reading() as connection:
            revision = self._current_revision(connection)
            mine = (templates.c.tenant == self.tenant, templates.c.gallery == self.name)
            with connection.execution_options(yield_per=_FETCH).execute(
                select(
                    templates.c.id,
                    templates.c.subject,
                    templates.c.version,
                    templates.c.sealed,
                    data_keys.c.master_key,
                    data_keys.c.wrapped,
                )
                .join(
                    data_keys,
                    (data_keys.c.tenant == templates.c.tenant)
                    & (data_keys.c.subject == templates.c.subject),
                )
                .where(*mine, templates.c.model == self.model)
                .where(templates.c.revision > self._revision)
                .order_by(templates.c.id)
            ) as rows:
                for part in rows.partitions():
                    self._put([_Stored(*row) for row in part])
            gone = connection.scalars(
                select(tombstones.c.template).where(
                    tombstones.c.tenant == self.tenant,
                    tombstones.c.gallery == self.name,
                    tombstones.c.revision > self._revision,
                )
            )
            ids = np.asarray(sorted(gone), np.int64)
            others = connection.scalar(select(func.count()).where(*self._others()))
        if len(ids):
            if self._index is not None:
                self._index.remove(ids)
            if self._snapshot is not None and self._revision >= 0:
                self._snapshot.scrub(ids)
        self._other_models = int(others or 0)
        self._revision = revision

    def _put(self, part: Sequence[_Stored]) -> None:
        """Decrypt some rows into the index."""
        entries = []
        for row in part:
            key = unwrap(self._keys, row.master_key, row.wrapped)
            plain = unseal(key, row.sealed, *self._context(row.subject, row.version))
            entries.append(unpack(plain, self.model))
        if self._index is None:
            self._index = TemplateIndex(entries[0][0].vector.shape[0], self._candidates)
        if any(len(template.vector) != self._index.dimensions for template, _ in entries):
            raise StoreError("the gallery holds templates of two lengths", "gallery.dimensions")
        vectors = np.stack([template.vector for template, _ in entries])
        self._index.put(
            Rows(
                np.asarray([row.id for row in part], np.int64),
                vectors,
                np.asarray([known.birth_year or 0 for _, known in entries], np.int16),
                np.asarray([SEXES.index(known.sex) for _, known in entries], np.uint8),
                self._index.encode(vectors),
            )
        )

    # --- rows ------------------------------------------------------------------------------------

    def _row(self, key: bytes, enrolment: Enrolment, revision: int) -> dict[str, object]:
        plain = pack(enrolment.template, enrolment.attributes)
        return {
            "tenant": self.tenant,
            "gallery": self.name,
            "subject": enrolment.subject,
            "model": self.model,
            "version": 1,
            "revision": revision,
            "sealed": seal(key, plain, *self._context(enrolment.subject, 1)),
        }

    def _entry(self, subject: str) -> tuple[Template, Attributes]:
        with self._database.reading() as connection:
            row = connection.execute(
                select(templates.c.version, templates.c.sealed).where(*self._mine(subject))
            ).one_or_none()
            key = data_key(connection, self._keys, self.tenant, subject)
        if row is None or key is None:
            raise _unknown_subject()
        return unpack(unseal(key, row.sealed, *self._context(subject, row.version)), self.model)

    def _mine(self, subject: str) -> tuple[ColumnElement[bool], ...]:
        return (
            templates.c.tenant == self.tenant,
            templates.c.gallery == self.name,
            templates.c.subject == subject,
            templates.c.model == self.model,
        )

    def _others(self) -> tuple[ColumnElement[bool], ...]:
        return (
            templates.c.tenant == self.tenant,
            templates.c.gallery == self.name,
            # Two ranges of the index, where "not equal" would read every entry of the gallery.
            (templates.c.model < self.model) | (templates.c.model > self.model),
        )

    def _context(
        self, subject: str, version: int, model: str | None = None
    ) -> tuple[str | int, ...]:
        """What a sealed template is bound to: moved elsewhere, it does not open."""
        return ("template", self.tenant, self.name, subject, model or self.model, version)

    def _bury(self, connection: Connection, ids: Sequence[int], revision: int) -> None:
        """Leave a tombstone for each template about to go, for other processes' indexes."""
        connection.execute(
            insert(tombstones),
            [
                {
                    "template": number,
                    "tenant": self.tenant,
                    "gallery": self.name,
                    "revision": revision,
                }
                for number in ids
            ],
        )

    def _drop_unused_key(self, connection: Connection, subject: str) -> None:
        left = connection.scalar(
            select(func.count()).where(
                templates.c.tenant == self.tenant, templates.c.subject == subject
            )
        )
        if not left:
            connection.execute(
                delete(data_keys).where(
                    data_keys.c.tenant == self.tenant, data_keys.c.subject == subject
                )
            )

    def _current_revision(self, connection: Connection) -> int:
        revision = connection.scalar(
            select(galleries.c.revision).where(
                galleries.c.tenant == self.tenant, galleries.c.name == self.name
            )
        )
        return int(revision or 0)

    def _check_template(self, template: Template) -> None:
        if template.model != self.model:
            raise InputError(
                f"the gallery holds templates of {self.model}, got one of {template.model}; "
                "make it with the gallery's model",
                "gallery.other_model",
            )
        length = float(np.linalg.norm(template.vector))
        if template.vector.ndim != 1 or not abs(length - 1) < _UNIT:
            raise InputError("a template must be a vector of unit length", "gallery.template")
        index = self._index
        if index is not None and len(template.vector) != index.dimensions:
            raise InputError(
                f"the gallery's templates have {index.dimensions} dimensions, "
                f"got {len(template.vector)}",
                "gallery.template",
            )


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InputError(
            f"tenants, galleries and subjects have names of 1 to {NAME_LENGTH} printable "
            f"characters, got {len(name)} characters",
            "gallery.name",
        )


def _unknown_subject() -> InputError:
    return InputError("no such subject in this gallery; enrol it first", "gallery.unknown_subject")


def _nothing_found() -> Found:
    return Found(
        np.empty(0, np.int64),
        np.empty(0, np.float32),
        np.empty(0, np.int16),
        np.empty(0, np.uint8),
    )
