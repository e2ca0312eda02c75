"""By what is one attempt known again, and what was seen like it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["IDENTITIES", "SeenFace", "SeenFaces", "Sighting"]

IDENTITIES = ("document", "subject")
"""Keys that say who somebody is, the stronger first."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Everything by which an attempt may be known again.

    Attributes:
        tenant: Whose transaction.
        transaction: Its id.
        attempt: Number of the attempt within it.
        keys: Keyed hashes by kind.
        place: Latitude and longitude in degrees; None where nobody told.
    """

    tenant: str
    transaction: str
    attempt: int
    keys: Mapping[str, bytes] = field(repr=False)
    place: tuple[float, float] | None = field(default=None, repr=False)

    @property
    def identity(self) -> bytes | None:
        """Who this is: the document's number, or the caller's reference; None without either."""
        return _identity(self.keys)


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face of another transaction.

    Attributes:
        transaction: Its id.
        similarity: Cosine with the face that is judged, -1..1.
        keys: Keyed hashes of the identity it was shown under, by kind.
    """

    transaction: str
    similarity: float
    keys: Mapping[str, bytes] = field(repr=False)

    @property
    def identity(self) -> bytes | None:
        """Who that was said to be; None when nothing says it."""
        return _identity(self.keys)

    def is_another(self, sighting: Sighting) -> bool:
        """Whether it was shown under another identity, as far as both say who they are.

        Two numbers of documents are compared; where one has none, the caller's references.
        """
        for kind in IDENTITIES:
            if kind in self.keys and kind in sighting.keys:
                return self.keys[kind] != sighting.keys[kind]
        return False


@dataclass(frozen=True, slots=True)
class SeenFaces:
    """Faces of other transactions most alike to one.

    Attributes:
        entries: Transactions whose faces were searched.
        faces: The most alike of them, most alike first.
    """

    entries: int
    faces: tuple[SeenFace, ...]


def _identity(keys: Mapping[str, bytes]) -> bytes | None:
    return next((keys[kind] for kind in IDENTITIES if kind in keys), None)
