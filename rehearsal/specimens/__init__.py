"""Pictures of identity documents for tests, training and the demo: invented, drawn, and marked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from veridical.ocr import Quad
from veridical.rehearsal.specimens.cards import (
    Drawing,
    draw_card_back,
    draw_card_front,
    draw_temporary_back,
    draw_temporary_front,
    draw_travel_document,
)
from veridical.rehearsal.specimens.fonts import (
    SCRIPTS,
    Fonts,
    font_sources,
    pulled_fonts,
    second_script,
    system_fonts,
    untrained_fonts,
)
from veridical.rehearsal.specimens.kinds import DRAWERS
from veridical.rehearsal.specimens.people import (
    draw_back,
    draw_front,
    draw_temporary_term,
    draw_traveller,
)
from veridical.rehearsal.specimens.scene import PROFILES, photograph
from veridical.types import Image

__all__ = [
    "DRAWERS",
    "LAYOUTS",
    "PROFILES",
    "Fonts",
    "Truth",
    "font_sources",
    "pulled_fonts",
    "render_mrz",
    "render_prc_back",
    "render_prc_front",
    "render_specimen",
    "system_fonts",
    "untrained_fonts",
]


LAYOUTS = ("resident", "temporary", *SCRIPTS)
"""Layouts of Chinese cards: the common one, the temporary card, and those with a second script."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a specimen shows.

    Attributes:
        kind: As in `Document`.
        profile: How its picture was spoilt.
        fields: As in the evaluation's index of documents.
        quad: The document's corners in the picture, top left of the document first.
        boxes: Each field on the flat drawing: left, top, right, bottom over its width.
    """

    kind: str
    profile: str
    fields: Mapping[str, object]
    quad: Quad
    boxes: Mapping[str, tuple[float, float, float, float]]


def render_prc_front(
    fields: Mapping[str, str] | None,
    portrait: Image | None,
    seed: int,
    profile: str = "clean",
    *,
    fonts: Fonts | None = None,
    altered_digit: int | None = None,
    layout: str = "resident",
) -> tuple[Image, Truth]:
    """A picture of the front of a specimen resident identity card.

    Args:
        fields: Values to print, by name; the others are drawn by the seed, the number so that it
            fits birth and sex.
        portrait: Picture of the holder; a drawn face when None.
        seed: Everything else follows from it.
        profile: One of `PROFILES`.
        fonts: What to write with; the machine's first Chinese font when None.
        altered_digit: Position, 0 to 17, of a character of the number that is printed one higher,
            as on a card somebody tampered with.
        layout: One of `LAYOUTS`.

    Raises:
        InputError: The machine has no Chinese font and none was given, or none for the layout.
    """
    rng = np.random.default_rng(seed)
    values = draw_front(rng, fields)
    if altered_digit is not None:
        number = values["number"]
        digit = "0" if number[altered_digit] == "X" else str((int(number[altered_digit]) + 1) % 10)
        values["number"] = number[:altered_digit] + digit + number[altered_digit + 1 :]
    written = fonts or system_fonts()[0]
    if layout == "temporary":
        values |= draw_temporary_term(rng)
        drawing = draw_temporary_front(values, portrait, written, rng)
    else:
        second = None if layout == "resident" else second_script(layout)
        drawing = draw_card_front(values, portrait, written, rng, second)
    return _taken("prc_id_front", profile, values, drawing, rng)


def render_prc_back(
    fields: Mapping[str, str] | None,
    seed: int,
    profile: str = "clean",
    *,
    fonts: Fonts | None = None,
    layout: str = "resident",
) -> tuple[Image, Truth]:
    """A picture of the back of a specimen resident identity card; as `render_prc_front`.

    A temporary card has its title there and no fields.
    """
    rng = np.random.default_rng(seed)
    values = draw_back(rng) | dict(fields or {})
    written = fonts or system_fonts()[0]
    if layout == "temporary":
        values, drawing = {}, draw_temporary_back(written, rng)
    else:
        second = None if layout == "resident" else second_script(layout)
        drawing = draw_card_back(values, written, rng, second)
    return _taken("prc_id_back", profile, values, drawing, rng)


def render_mrz(
    kind: str,
    portrait: Image | None,
    seed: int,
    profile: str = "clean",
    *,
    fonts: Fonts | None = None,
) -> tuple[Image, Truth]:
    """A picture of a specimen travel document of the state of Utopia; as `render_prc_front`.

    Args:
        kind: `td1`, `td2`, `td3`, `mrva` or `mrvb`.
        portrait: Picture of the holder; a drawn face when None. TD1 shows its back, without one.
        seed: Everything else follows from it.
        profile: One of `PROFILES`.
        fonts: What to write with; the machine's first Chinese font when None.
    """
    rng = np.random.default_rng(seed)
    values = draw_traveller(rng, kind)
    drawing = draw_travel_document(kind, values, portrait, fonts or system_fonts()[0], rng)
    return _taken(kind, profile, values, drawing, rng)


def render_specimen(
    kind: str,
    fields: Mapping[str, str] | None,
    seed: int,
    profile: str = "clean",
    *,
    portrait: Image | None = None,
    fonts: Fonts | None = None,
) -> tuple[Image, Truth]:
    """A picture of a specimen of a kind that has a drawer of its own; as `render_prc_front`.

    Args:
        kind: One of `DRAWERS`.
        fields: Values to print, by name; the others are drawn by the seed.
        seed: Everything else follows from it.
        profile: One of `PROFILES`.
        portrait: Picture of the holder; a drawn face when None.
        fonts: What to write with; the machine's first Chinese font when None.
    """
    rng = np.random.default_rng(seed)
    written = fonts or system_fonts()[0]
    values, drawing = DRAWERS[kind](rng, written, portrait, dict(fields or {}))
    return _taken(kind, profile, values, drawing, rng)


def _taken(
    kind: str,
    profile: str,
    fields: Mapping[str, object],
    drawing: Drawing,
    rng: np.random.Generator,
) -> tuple[Image, Truth]:
    image, quad = photograph(drawing.image, PROFILES[profile], rng)
    width = drawing.image.width
    boxes = {
        name: (left / width, top / width, right / width, bottom / width)
        for name, (left, top, right, bottom) in drawing.boxes.items()
    }
    return image, Truth(kind, profile, fields, quad, boxes)
