"""What is kept of a subject, and what a search answers."""

import struct
from dataclasses import dataclass

import numpy as np

from veridical.errors import InputError
from veridical.languages import LANGUAGES
from veridical.types import Template

__all__ = ["Attributes", "Enrolment", "Hit", "Outdated", "Statistics", "pack", "unpack"]

SEXES = ("", "F", "M", "X")
"""As a machine-readable travel document writes them (ICAO 9303-3); empty when unknown."""

SPOKEN = ("", *LANGUAGES)
"""Of a voice template; kept in the upper half of the byte of the sex."""

_HEADER = struct.Struct("<BBh")
_FORMAT = 1
_YEARS = range(1850, 2200)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What narrows a search, as an identity document or a watchlist gives it.

    Attributes:
        birth_year: Year of birth; None when unknown.
        sex: `F`, `M`, `X` (unspecified), or empty when unknown.

    Raises:
        InputError: `gallery.attributes`: another sex, or an impossible year.
    """

    birth_year: int | None = None
    sex: str = ""

    def __post_init__(self) -> None:
        if self.sex not in SEXES:
            raise InputError("sex is F, M, X or empty", "gallery.attributes")
        if self.birth_year is not None and self.birth_year not in _YEARS:
            raise InputError(
                f"a year of birth lies from {_YEARS[0]} to {_YEARS[-1]}", "gallery.attributes"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """One subject to be enrolled.

    Attributes:
        subject: The caller's reference of the person: a number or code, never a name.
        template: Of unit length.
        attributes: What is known beside.
    """

    subject: str
    template: Template
    attributes: Attributes = Attributes()


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry that a search found.

    Attributes:
        subject: Reference of the entry.
        similarity: Cosine of the two templates, -1..1.
        attributes: What is known of the entry.
    """

    subject: str
    similarity: float
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Outdated:
    """An entry of another model: kept, never compared, to be made anew from the person's picture.

    Attributes:
        subject: Reference of the entry.
        model: What its template was made by.
        attributes: What is known of the entry.
    """

    subject: str
    model: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a gallery holds.

    Attributes:
        entries: Searchable templates, of the gallery's model.
        other_models: Templates of other models, which no search finds until they are made anew.
        revision: Count of changes so far.
        index_bytes: Memory of the loaded index.
    """

    entries: int
    other_models: int
    revision: int
    index_bytes: int


def pack(template: Template, attributes: Attributes) -> bytes:
    """The bytes that are sealed for one entry."""
    spoken = SPOKEN.index(template.language) << 4
    sex = SEXES.index(attributes.sex)
    header = _HEADER.pack(_FORMAT, spoken | sex, attributes.birth_year or 0)
    return header + template.vector.astype("<f4", copy=False).tobytes()


def unpack(plain: bytes, model: str) -> tuple[Template, Attributes]:
    """Undo `pack`.

    Raises:
        InputError: The bytes are of another format than this release writes.
    """
    version, kinds, birth_year = _HEADER.unpack_from(plain)
    if version != _FORMAT:
        raise InputError("an entry is stored in a newer format; upgrade", "gallery.format")
    vector = np.frombuffer(plain, "<f4", offset=_HEADER.size).astype(np.float32, copy=False)
    template = Template(vector, model, SPOKEN[kinds >> 4])
    return template, Attributes(birth_year or None, SEXES[kinds & 15])
