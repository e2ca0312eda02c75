"""Who is enrolled, and who of them is this? The database is the truth, the index its cache."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from veridical.gallery.index import CANDIDATES, Candidates, Rows, TemplateIndex, code_bytes_of
from veridical.gallery.lock import SharedLock
from veridical.gallery.snapshot import Snapshot
from veridical.store import NAME_LENGTH, Connection, Database, KeyProvider
from veridical.store.galleries import GalleryRows
from veridical.store.subjects import erase_template
from veridical.types import Template

__all__ = ["Gallery"]

_UNIT = 1e-3


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
        self._rows = GalleryRows(keys, tenant, name, model)
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
            self._rows.make(connection)

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
                self._rows.add(connection, [(each.subject, _packed(each)) for each in enrolments])
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
        plain = _packed(Enrolment(subject, template, attributes))
        with self._database.writing() as connection:
            if not self._rows.replace(connection, subject, plain):
                raise _unknown_subject()

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
        self._rows.put(connection, enrolment.subject, _packed(enrolment))

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
        with self._database.writing() as connection:
            if not self._rows.renew(connection, {e.subject: _packed(e) for e in enrolments}):
                raise _unknown_subject()

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
            gone = erase_template(connection, self.tenant, self.name, subject)
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

    def scan(self, probe: Template) -> Candidates:
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

    def __len__(self) -> int:
        """Entries that the last search could find."""
        with self._lock.reading():
            return 0 if self._index is None else len(self._index)

    def entries_behind(
        self, number: int, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers and templates of entries behind one, in the order of their enrolment.

        Args:
            number: Of the entry before; -1 begins.
            limit: Most entries.

        Returns:
            (n,) numbers and (n, d) templates: copies.

        Raises:
            StoreError: As `search`.
        """
        self.refresh()
        with self._lock.reading():
            if self._index is None:
                return np.empty(0, np.int64), np.empty((0, 0), np.float32)
            rows = self._index.rows()
            start = int(np.searchsorted(rows.ids, number, side="right"))
            alive = start + np.flatnonzero(rows.vectors[start:].any(axis=1))[:limit]
            return rows.ids[alive], rows.vectors[alive]

    def hits(self, found: Candidates, which: Iterable[int]) -> list[Hit]:
        """Look up who some of the found entries are; one deleted meanwhile is left out.

        Raises:
            StoreError: The database cannot be read.
        """
        chosen = [(int(found.ids[i]), i) for i in which]
        with self._database.reading() as connection:
            subjects = self._rows.subjects_of(connection, [number for number, _ in chosen])
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
            for subject, model, plain in self._rows.others(connection):
                _, attributes = unpack(plain, model)
                # Of several old templates the newest one's attributes count.
                found[subject] = Outdated(subject, model, attributes)
        return list(found.values())

    def statistics(self) -> Statistics:
        """How much is kept.

        Raises:
            StoreError: The database cannot be read.
        """
        with self._database.reading() as connection:
            by_model = self._rows.counts(connection)
            revision = self._rows.revision(connection)
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
            return self._rows.subjects(connection)

    # --- the index -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in every change that the index missed; loads it the first time.

        Raises:
            StoreError: The database cannot be read, or an entry does not verify: a watchlist that
                cannot be searched whole is not searched at all.
        """
        with self._database.reading() as connection:
            if self._rows.revision(connection) == self._revision:
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
            revision = self._rows.revision(connection)
            for part in self._rows.changed(connection, self._revision):
                self._put(part)
            ids = np.asarray(self._rows.gone(connection, self._revision), np.int64)
            others = self._rows.count_others(connection)
        if len(ids):
            if self._index is not None:
                self._index.remove(ids)
            if self._snapshot is not None and self._revision >= 0:
                self._snapshot.scrub(ids)
        self._other_models = others
        self._revision = revision

    def _put(self, part: Sequence[tuple[int, bytes]]) -> None:
        """Take some rows into the index."""
        entries = [unpack(plain, self.model) for _, plain in part]
        if self._index is None:
            self._index = TemplateIndex(entries[0][0].vector.shape[0], self._candidates)
        if any(len(template.vector) != self._index.dimensions for template, _ in entries):
            raise StoreError("the gallery holds templates of two lengths", "gallery.dimensions")
        vectors = np.stack([template.vector for template, _ in entries])
        self._index.put(
            Rows(
                np.asarray([number for number, _ in part], np.int64),
                vectors,
                np.asarray([known.birth_year or 0 for _, known in entries], np.int16),
                np.asarray([SEXES.index(known.sex) for _, known in entries], np.uint8),
                self._index.encode(vectors),
            )
        )

    def _entry(self, subject: str) -> tuple[Template, Attributes]:
        with self._database.reading() as connection:
            plain = self._rows.find(connection, subject)
        if plain is None:
            raise _unknown_subject()
        return unpack(plain, self.model)

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


def _packed(enrolment: Enrolment) -> bytes:
    return pack(enrolment.template, enrolment.attributes)


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InputError(
            f"tenants, galleries and subjects have names of 1 to {NAME_LENGTH} printable "
            f"characters, got {len(name)} characters",
            "gallery.name",
        )


def _unknown_subject() -> InputError:
    return InputError("no such subject in this gallery; enrol it first", "gallery.unknown_subject")


def _nothing_found() -> Candidates:
    return Candidates(
        np.empty(0, np.int64),
        np.empty(0, np.float32),
        np.empty(0, np.int16),
        np.empty(0, np.uint8),
    )
