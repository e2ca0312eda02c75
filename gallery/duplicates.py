"""Who is enrolled twice? Every entry of a list searched in the list itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from veridical.gallery.entry import Hit
from veridical.gallery.gallery import Gallery
from veridical.types import Template

__all__ = ["Doubles", "clusters", "doubles"]

_BLOCK = 500


@dataclass(frozen=True, slots=True)
class Doubles:
    """Earlier entries that one may be the same person as.

    Attributes:
        entry: Number of the entry; entries are numbered in the order of their enrolment.
        subject: Its reference.
        hits: The earlier entries, most alike first; empty for an entry that only marks how far the
            walk came.
    """

    entry: int
    subject: str
    hits: tuple[Hit, ...]


def doubles(gallery: Gallery, least: Callable[[int], float], after: int = -1) -> Iterator[Doubles]:
    """Walk a list in the order of its enrolment, and hold each entry against those before it.

    Each pair is told once, with the later entry. Entries enrolled meanwhile come last.

    Args:
        gallery: The list.
        least: Similarity from which two are told, by the number of entries that were searched.
        after: Number of the entry at which a walk before this one ended.

    Raises:
        StoreError: The database cannot be read.
    """
    while True:
        numbers, vectors = gallery.entries_behind(after, _BLOCK)
        if not len(numbers):
            return
        for number, vector in zip(numbers.tolist(), vectors, strict=True):
            found = gallery.scan(Template(vector, gallery.model))
            alike = found.similarities >= least(len(gallery))
            told = np.flatnonzero(alike & (found.ids < number))
            own = np.flatnonzero(found.ids == number)
            if len(told) and len(own):
                mine, *hits = gallery.hits(found, [int(own[0]), *told.tolist()])
                if hits:
                    yield Doubles(number, mine.subject, tuple(hits))
            after = number
        yield Doubles(after, "", ())


def clusters(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Subjects that hang together by pairs, the largest cluster first."""
    parent: dict[str, str] = {}

    def root(subject: str) -> str:
        parent.setdefault(subject, subject)
        while parent[subject] != subject:
            parent[subject] = parent[parent[subject]]
            subject = parent[subject]
        return subject

    for one, other in pairs:
        parent[root(one)] = root(other)
    found: dict[str, list[str]] = {}
    for subject in parent:
        found.setdefault(root(subject), []).append(subject)
    return sorted((tuple(sorted(each)) for each in found.values()), key=lambda c: (-len(c), c))
