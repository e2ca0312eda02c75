"""What is told of galleries?"""

from veridical.wire.base import Answer

__all__ = [
    "Enrolled",
    "GalleryStatistics",
    "Hit",
    "SearchResult",
    "SubjectErased",
    "SubjectGalleries",
]


class Enrolled(Answer):
    """A subject that is in a gallery now."""

    gallery: str
    subject: str


class Hit(Answer):
    """One entry that a search found.

    Attributes:
        subject: Who.
        similarity: Cosine, -1..1.
    """

    subject: str
    similarity: float


class SearchResult(Answer):
    """What a search found.

    Attributes:
        hits: Most alike first.
        entries: How many were searched.
    """

    hits: tuple[Hit, ...]
    entries: int


class GalleryStatistics(Answer):
    """What a gallery holds.

    Attributes:
        entries: Subjects that a search sees.
        other_models: Entries of other models, which it does not see.
        revision: Counts changes.
        index_bytes: Memory of the index.
    """

    entries: int
    other_models: int
    revision: int
    index_bytes: int


class SubjectErased(Answer):
    """From how many galleries a subject was erased."""

    erased: int


class SubjectGalleries(Answer):
    """Names of the galleries that hold a subject."""

    galleries: tuple[str, ...]
