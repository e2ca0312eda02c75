"""Which entries are most alike to a probe? A cache in memory, made from the database."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.gallery.lsh import BITS, SignEncoder, has_fast_scan, nearest_codes

__all__ = [
    "CANDIDATES",
    "Candidates",
    "Rows",
    "TemplateIndex",
    "agrees",
    "code_bytes_of",
    "positions",
]

CANDIDATES = 4_000
"""Entries compared exactly after a code scan; its recall: docs/measurements/benchmarks.md."""

SCAN_ALL_BELOW = 20_000
"""Lists shorter than this are compared exactly as a whole: it costs no more."""

_MAX_DEAD_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Entries on their way into or out of an index.

    Attributes:
        ids: (n,) int64, rising.
        vectors: (n, d) float32 of unit length.
        births: (n,) int16, year of birth; 0 when unknown.
        sexes: (n,) uint8, index into `SEXES`; 0 when unknown.
        codes: (n, b) uint8 codes; b is 0 where none are kept.
    """

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    births: NDArray[np.int16]
    sexes: NDArray[np.uint8]
    codes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What a scan found, most alike first.

    Attributes:
        ids: (n,) int64.
        similarities: (n,) float32.
        births: (n,) int16.
        sexes: (n,) uint8.
    """

    ids: NDArray[np.int64]
    similarities: NDArray[np.float32]
    births: NDArray[np.int16]
    sexes: NDArray[np.uint8]


class TemplateIndex:
    """Vectors of one model in rising order of their ids. Not safe for concurrent changes.

    A removed row is overwritten with zeros at once and its place closed later.

    Attributes:
        dimensions: Of the vectors.
        code_bytes: Bytes of one code; 0 where none are kept.

    Args:
        dimensions: Of the vectors.
        candidates: How many entries a code scan hands on to exact comparison; 0 compares all.
        capacity: Entries to make room for at once.
    """

    def __init__(self, dimensions: int, candidates: int = CANDIDATES, capacity: int = 0) -> None:
        self.dimensions = dimensions
        self.code_bytes = code_bytes_of(candidates)
        self._candidates = candidates
        self._encoder = SignEncoder(dimensions) if self.code_bytes else None
        self._size = 0
        self._rows = self._empty(capacity)
        self._alive = np.zeros(capacity, bool)
        self._dead = 0

    def __len__(self) -> int:
        """Entries that a search can find."""
        return self._size - self._dead

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take."""
        return sum(array.nbytes for array in _arrays(self._rows)) + self._alive.nbytes

    def rows(self) -> Rows:
        """Everything in the index, removed rows included as zeros; a view, not a copy."""
        return _part(self._rows, slice(0, self._size))

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The codes this index keeps of some vectors."""
        if self._encoder is None:
            return np.empty((len(vectors), 0), np.uint8)
        return self._encoder(vectors)

    def put(self, rows: Rows) -> None:
        """Add new entries, and overwrite those whose id is there.

        Args:
            rows: Ids rise; a new id is above all ids that are or were in the index. A vector of
                zeros stands for a removed entry.

        Raises:
            ValueError: An id is neither new nor there.
        """
        last = self._rows.ids[self._size - 1] if self._size else -1
        first_new = int(np.searchsorted(rows.ids, last, side="right"))
        old, new = _part(rows, slice(0, first_new)), _part(rows, slice(first_new, None))
        where = np.searchsorted(self._rows.ids[: self._size], old.ids)
        if (self._rows.ids[where] != old.ids).any():
            raise ValueError("an index takes in new entries in the order of their ids")
        self._write(where, old)
        start, self._size = self._size, self._size + len(new.ids)
        if self._size > len(self._rows.ids):
            self._resize(max(self._size, len(self._rows.ids) * 3 // 2, 1_024), start)
        self._write(slice(start, self._size), new)
        self._dead = self._size - int(np.count_nonzero(self._alive[: self._size]))

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Overwrite entries with zeros; ids that are not there are passed over."""
        where = positions(self._rows.ids[: self._size], ids)
        blank = self._empty(len(where))
        blank.ids[:] = self._rows.ids[where]
        self._write(where, blank)
        self._dead = self._size - int(np.count_nonzero(self._alive[: self._size]))
        if self._dead > _MAX_DEAD_SHARE * self._size:
            self._close_gaps()

    def search(self, vector: NDArray[np.float32], limit: int) -> Candidates:
        """The entries most alike to a vector.

        Args:
            vector: (d,) float32 of unit length.
            limit: Most entries returned.
        """
        if self._encoder is None or self._size <= max(SCAN_ALL_BELOW, self._candidates):
            return self.search_exactly(vector, limit)
        rows = nearest_codes(
            self._rows.codes[: self._size], self._encoder(vector[None])[0], self._candidates
        )
        return self._best(rows, self._rows.vectors[rows] @ vector, limit)

    def search_exactly(self, vector: NDArray[np.float32], limit: int) -> Candidates:
        """As `search`, with every entry compared exactly: the oracle."""
        similarities = self._rows.vectors[: self._size] @ vector
        return self._best(np.arange(self._size), similarities, limit)

    def count_agreeing(self, birth: int, sex: int, tolerance_years: int) -> int:
        """Entries whose known attributes do not contradict the given ones; 0 means unknown."""
        births, sexes = self._rows.births[: self._size], self._rows.sexes[: self._size]
        agreeing = agrees(births, sexes, birth, sex, tolerance_years) & self._alive[: self._size]
        return int(np.count_nonzero(agreeing))

    def _best(
        self, rows: NDArray[np.int64], similarities: NDArray[np.float32], limit: int
    ) -> Candidates:
        if self._dead:
            alive = self._alive[rows]
            rows, similarities = rows[alive], similarities[alive]
        if len(rows) > limit:
            chosen = np.argpartition(-similarities, limit - 1)[:limit]
            rows, similarities = rows[chosen], similarities[chosen]
        order = np.lexsort((rows, -similarities))
        rows, similarities = rows[order], similarities[order]
        mine = self._rows
        return Candidates(mine.ids[rows], similarities, mine.births[rows], mine.sexes[rows])

    def _write(self, where: slice | NDArray[np.intp], rows: Rows) -> None:
        mine = self._rows
        mine.ids[where], mine.vectors[where] = rows.ids, rows.vectors
        mine.births[where], mine.sexes[where] = rows.births, rows.sexes
        mine.codes[where] = rows.codes
        self._alive[where] = rows.vectors.any(axis=1)

    def _empty(self, capacity: int) -> Rows:
        return Rows(
            np.zeros(capacity, np.int64),
            np.zeros((capacity, self.dimensions), np.float32),
            np.zeros(capacity, np.int16),
            np.zeros(capacity, np.uint8),
            np.zeros((capacity, self.code_bytes), np.uint8),
        )

    def _resize(self, capacity: int, used: int) -> None:
        old, alive = self._rows, self._alive
        self._rows, self._alive = self._empty(capacity), np.zeros(capacity, bool)
        for new, array in zip(_arrays(self._rows), _arrays(old), strict=True):
            new[:used] = array[:used]
        self._alive[:used] = alive[:used]

    def _close_gaps(self) -> None:
        kept = np.flatnonzero(self._alive[: self._size])
        self._rows = _part(self._rows, kept)
        self._alive = np.ones(len(kept), bool)
        self._size, self._dead = len(kept), 0


def positions(rising: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where the wanted ids stand; those that are not there are left out."""
    places = np.searchsorted(rising, wanted)
    inside = places < len(rising)
    places, wanted = places[inside], wanted[inside]
    found: NDArray[np.intp] = places[rising[places] == wanted]
    return found


def code_bytes_of(candidates: int) -> int:
    """Bytes of one code; 0 where none are kept, for all entries are compared exactly."""
    return BITS // 8 if candidates and has_fast_scan() else 0


def agrees(
    births: NDArray[np.int16], sexes: NDArray[np.uint8], birth: int, sex: int, tolerance_years: int
) -> NDArray[np.bool_]:
    """Which entries' attributes do not contradict the given ones; 0 means unknown."""
    agreeing = np.ones(len(births), bool)
    if birth:
        agreeing &= (births == 0) | (np.abs(births.astype(np.int32) - birth) <= tolerance_years)
    if sex:
        agreeing &= (sexes == 0) | (sexes == sex)
    return agreeing


def _arrays(rows: Rows) -> tuple[NDArray[np.generic], ...]:
    return rows.ids, rows.vectors, rows.births, rows.sexes, rows.codes


def _part(rows: Rows, where: slice | NDArray[np.intp]) -> Rows:
    return Rows(
        rows.ids[where],
        rows.vectors[where],
        rows.births[where],
        rows.sexes[where],
        rows.codes[where],
    )
