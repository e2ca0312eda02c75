"""Drawings of identity documents that can't be taken for real ones.

Own drawings, simpler than any issued document: no state emblem, no security print, a SPECIMEN mark
that no argument switches off, region codes and a state that were never issued.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from veridical.rehearsal.specimens.fonts import Font, Fonts, Script
from veridical.types import Image

__all__ = [
    "CAPTION",
    "CARD_MM",
    "Drawing",
    "Sheet",
    "draw_card_back",
    "draw_card_front",
    "draw_face",
    "draw_temporary_back",
    "draw_temporary_front",
    "draw_travel_document",
    "wrapped",
]

PIXELS_PER_MM = 12.0
CARD_MM = (85.6, 54.0)  # ISO/IEC 7810 ID-1: resident cards, TD1
SIZE_MM = {
    "td1": CARD_MM,
    "td2": (105.0, 74.0),
    "td3": (125.0, 88.0),
    "mrva": (120.0, 80.0),
    "mrvb": (105.0, 74.0),
}
"""ICAO Doc 9303, parts 4 to 7."""
OCR_PITCH_MM = 2.54
NAME_IN_A_ROW = 9
"""Characters of a name that fit beside the portrait."""
INK = (25, 25, 30)
CAPTION = (60, 110, 165)
MARK = (200, 40, 50)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A flat document.

    Attributes:
        image: Its pixels, without surroundings.
        boxes: Left, top, right, bottom of each value, by field, in pixels of the drawing.
    """

    image: Image
    boxes: Mapping[str, tuple[float, float, float, float]]


class Sheet:
    """A document while it is being drawn; all lengths are in millimetres."""

    def __init__(self, size_mm: tuple[float, float], fonts: Fonts, rng: Generator) -> None:
        self.size_mm = size_mm
        self.fonts = fonts
        self.boxes: dict[str, tuple[float, float, float, float]] = {}
        self._pillow = Pillow.fromarray(_paper(size_mm, rng))
        self._draw = ImageDraw.Draw(self._pillow)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        height_mm: float,
        colour: tuple[int, int, int] = INK,
        font: Font | None = None,
        pitch_mm: float | None = None,
        field: str = "",
    ) -> None:
        """Write a line whose middle is at a height; `pitch_mm` spaces characters evenly."""
        face = (font or self.fonts.text).at(height_mm * PIXELS_PER_MM)
        x, y = at[0] * PIXELS_PER_MM, at[1] * PIXELS_PER_MM
        boxes: list[tuple[float, float, float, float]] = []
        for part in text if pitch_mm else [text]:
            self._draw.text((x, y), part, colour, face, anchor="lm")
            boxes.append(self._draw.textbbox((x, y), part, face, anchor="lm"))
            x += (pitch_mm or 0.0) * PIXELS_PER_MM
        if field and boxes:
            old = [self.boxes[field]] if field in self.boxes else []
            left, top, right, bottom = zip(*boxes, *old, strict=True)
            self.boxes[field] = (min(left), min(top), max(right), max(bottom))

    def photograph(self, box_mm: tuple[float, float, float, float], portrait: Image) -> None:
        """Paste a portrait, cut to the box's proportions."""
        left, top, right, bottom = (round(side * PIXELS_PER_MM) for side in box_mm)
        patch = _cut(portrait, (right - left) / (bottom - top))
        small = cv2.resize(patch, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        self._pillow.paste(Pillow.fromarray(small), (left, top))
        self.boxes["portrait"] = (left, top, right, bottom)

    def symbol(self, box_mm: tuple[float, float, float, float], symbol: Image) -> None:
        """Paste a barcode, stretched to the box: none of it may be cut off."""
        left, top, right, bottom = (round(side * PIXELS_PER_MM) for side in box_mm)
        size = (right - left, bottom - top)
        drawn = cv2.resize(symbol.pixels, size, interpolation=cv2.INTER_AREA)
        self._pillow.paste(Pillow.fromarray(drawn), (left, top))

    def mark(self, at: tuple[float, float], height_mm: float) -> None:
        """The words that make it a specimen."""
        self.text(at, "SPECIMEN 样本", height_mm, MARK)

    def finish(self) -> Drawing:
        """The drawing."""
        return Drawing(Image(np.asarray(self._pillow, np.uint8).copy()), self.boxes)


def draw_card_front(
    fields: Mapping[str, str],
    portrait: Image | None,
    fonts: Fonts,
    rng: Generator,
    second: Script | None = None,
) -> Drawing:
    """The side of a resident identity card with the portrait.

    Args:
        fields: `name sex nation birth address number`; a residence permit has no nation.
        portrait: Picture of the holder; a drawn face when None.
        fonts: What to write with.
        rng: Source of chance, for the paper.
        second: A second script, of which a line stands above each Chinese one.
    """
    sheet = Sheet(CARD_MM, fonts, rng)
    rows = (8.6, 15.6, 22.2, 29.0)
    _person(sheet, fields, rows, 4.5)
    if second is not None:
        for y in rows:
            _write_second(sheet, (15.2, y - 3.2), second, 1.7, rng)
    sheet.text((5.0, 47.6), "公民身份号码", 2.7, CAPTION, pitch_mm=3.3)
    sheet.text(
        (29.6, 47.6), fields["number"], 3.9, font=fonts.machine, pitch_mm=2.88, field="number"
    )
    sheet.photograph((55.5, 6.5, 79.5, 36.5), portrait or draw_face(rng))
    sheet.mark((57.0, 40.2), 3.0)
    return sheet.finish()


def draw_temporary_front(
    fields: Mapping[str, str], portrait: Image | None, fonts: Fonts, rng: Generator
) -> Drawing:
    """The side of a temporary identity card with the portrait: authority and term stand on it too.

    Args:
        fields: As for `draw_card_front`, and `authority valid_from valid_to`.
        portrait: Picture of the holder; a drawn face when None.
        fonts: What to write with.
        rng: Source of chance, for the paper.
    """
    sheet = Sheet(CARD_MM, fonts, rng)
    _person(sheet, fields, (6.4, 12.2, 18.0, 23.6), 4.2)
    sheet.text((5.0, 37.2), "公民身份号码", 2.7, CAPTION, pitch_mm=3.3)
    sheet.text(
        (29.6, 37.2), fields["number"], 3.9, font=fonts.machine, pitch_mm=2.88, field="number"
    )
    sheet.text((5.0, 43.0), "签发机关", 2.7, CAPTION, pitch_mm=3.3)
    sheet.text((20.0, 43.0), fields["authority"], 3.1, field="authority")
    sheet.text((5.0, 48.8), "有效期限", 2.7, CAPTION, pitch_mm=3.3)
    sheet.text((20.0, 48.8), _term(fields), 3.1, field="valid_to")
    sheet.boxes["valid_from"] = sheet.boxes["valid_to"]
    sheet.photograph((58.5, 4.5, 79.5, 30.5), portrait or draw_face(rng))
    sheet.mark((60.0, 33.2), 2.4)
    return sheet.finish()


def _person(
    sheet: Sheet, fields: Mapping[str, str], rows: tuple[float, ...], step_mm: float
) -> None:
    """Name, sex, nation, birth and address with their captions; the address wraps."""
    caption, value, pitch = 2.7, 3.3, 3.55
    for y, words in zip(rows, ("姓名", "性别", "出生", "住址"), strict=True):
        sheet.text((5.0, y), words, caption, CAPTION, pitch_mm=3.6)
    name, sex, birth, address = rows
    for at, part in _name_rows(fields["name"]):
        sheet.text((15.2, name + at), part, value + 0.5, pitch_mm=4.3, field="name")
    sheet.text((15.2, sex), fields["sex"], value, field="sex")
    if "nation" in fields:
        sheet.text((26.4, sex), "民族", caption, CAPTION, pitch_mm=3.4)
        sheet.text((34.6, sex), fields["nation"], value, pitch_mm=pitch, field="nation")
    year, month, day = (str(int(part)) for part in fields["birth"].split("-"))
    for x, words, size, colour in (
        (15.2, year, value, INK),
        (24.2, "年", caption, CAPTION),
        (29.4 if len(month) == 1 else 28.4, month, value, INK),
        (32.8, "月", caption, CAPTION),
        (38.0 if len(day) == 1 else 37.0, day, value, INK),
        (41.6, "日", caption, CAPTION),
    ):
        sheet.text((x, birth), words, size, colour, field="birth" if colour == INK else "")
    for row, words in enumerate(wrapped(fields["address"], sheet.fonts.text, value, 36.5)):
        sheet.text((15.2, address + step_mm * row), words, value, field="address")


def _name_rows(name: str) -> list[tuple[float, str]]:
    """A name in one row, or in two when it does not fit: broken after its dot, as cards do."""
    if len(name) <= NAME_IN_A_ROW:
        return [(0.0, name)]
    dot = name.find("·") + 1
    cut = dot if 0 < dot <= NAME_IN_A_ROW else NAME_IN_A_ROW
    return [(-2.1, name[:cut]), (2.1, name[cut:])]


def _write_second(
    sheet: Sheet, at: tuple[float, float], second: Script, height_mm: float, rng: Generator
) -> None:
    """A few words of a second script."""
    words = " ".join(rng.choice(second.words, size=3))
    sheet.text(at, words, height_mm, font=second.font)


def draw_card_back(
    fields: Mapping[str, str], fonts: Fonts, rng: Generator, second: Script | None = None
) -> Drawing:
    """The side of a resident identity card with the authority.

    Args:
        fields: `authority valid_from valid_to`.
        fonts: What to write with.
        rng: Source of chance, for the paper.
        second: A second script, of which a line stands above each Chinese one.
    """
    sheet = Sheet(CARD_MM, fonts, rng)
    sheet.text((30.0, 11.5), "中华人民共和国", 5.0, pitch_mm=6.3)
    sheet.text((30.0, 21.0), "居民身份证", 7.0, pitch_mm=9.0)
    sheet.mark((5.0, 11.5), 3.0)
    sheet.text((18.0, 39.4), "签发机关", 2.9, pitch_mm=3.3)
    sheet.text((34.0, 39.4), fields["authority"], 3.1, field="authority")
    sheet.text((18.0, 46.4), "有效期限", 2.9, pitch_mm=3.3)
    sheet.text((34.0, 46.4), _term(fields), 3.1, field="valid_to")
    sheet.boxes["valid_from"] = sheet.boxes["valid_to"]
    if second is not None:
        for at in ((30.0, 7.0), (30.0, 15.8), (34.0, 36.3), (34.0, 43.2)):
            _write_second(sheet, at, second, 1.7, rng)
    return sheet.finish()


def draw_temporary_back(fonts: Fonts, rng: Generator) -> Drawing:
    """The side of a temporary identity card with its title, and nothing else.

    Args:
        fonts: What to write with.
        rng: Source of chance, for the paper.
    """
    sheet = Sheet(CARD_MM, fonts, rng)
    sheet.text((20.0, 18.0), "中华人民共和国", 5.0, pitch_mm=6.9)
    sheet.text((12.0, 29.0), "临时居民身份证", 7.0, pitch_mm=9.2)
    sheet.mark((5.0, 48.0), 3.0)
    return sheet.finish()


def _term(fields: Mapping[str, str]) -> str:
    """The term of validity as it is printed."""
    starts, ends = (fields[name].replace("-", ".") for name in ("valid_from", "valid_to"))
    return f"{starts}-{'长期' if fields['valid_to'] == 'long-term' else ends}"


def draw_travel_document(
    kind: str,
    fields: Mapping[str, object],
    portrait: Image | None,
    fonts: Fonts,
    rng: Generator,
) -> Drawing:
    """The page of a travel document with the machine-readable zone.

    Args:
        kind: `td1`, `td2`, `td3`, `mrva` or `mrvb`.
        fields: `lines document_number surname given_names nationality birth sex expiry`.
        portrait: Picture of the holder; a drawn face when None.
        fonts: What to write with.
        rng: Source of chance, for the paper.
    """
    lines = fields["lines"]
    if not isinstance(lines, list):
        raise TypeError("the machine-readable zone is a list of lines")
    width, height = SIZE_MM[kind]
    sheet = Sheet((width, height), fonts, rng)
    sheet.text((4.0, 5.0), "UTOPIA", 3.2)
    sheet.mark((width - 32.0, 5.0), 3.2)
    if kind != "td1":
        sheet.photograph(
            (5.0, 12.0, 5.0 + width * 0.28, 12.0 + width * 0.36), portrait or draw_face(rng)
        )
    left = 5.0 if kind == "td1" else 9.0 + width * 0.28
    step = 3.6 if kind == "td1" else (height - 40.0) / 6
    captions = (
        "surname",
        "given_names",
        "document_number",
        "nationality",
        "birth",
        "sex",
        "expiry",
    )
    for row, name in enumerate(captions):
        column, y = left + (row % 2) * width * 0.33, 12.0 + (row // 2) * 2 * step
        sheet.text((column, y), name.replace("_", " ").capitalize(), 1.5, CAPTION)
        sheet.text((column, y + 2.4), str(fields[name]), 2.5, field=name)
    # The zone is 23.2 mm high; its lines stand 6.35 mm apart (4.23 mm on TD1's three lines).
    gap = 4.3 if kind == "td1" else 6.35
    start = (width - OCR_PITCH_MM * len(lines[0])) / 2
    for row, line in enumerate(lines):
        y = height - 6.0 - gap * (len(lines) - 1 - row)
        sheet.text((start, y), line, 3.6, font=fonts.machine, pitch_mm=OCR_PITCH_MM, field="mrz")
    return sheet.finish()


def draw_face(rng: Generator) -> Image:
    """A face of ovals: nobody's."""
    canvas = np.full((360, 288, 3), 240, np.uint8)
    skin = tuple(int(v) for v in np.array([232, 196, 170]) + rng.integers(-18, 10, 3))
    hair = tuple(int(v) for v in rng.integers(15, 60, 3))
    shirt = tuple(int(v) for v in rng.integers(30, 150, 3))
    cv2.ellipse(canvas, (144, 400), (140, 120), 0, 0, 360, shirt, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, (144, 150), (92, 116), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, (144, 176), (76, 98), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (112, 176):
        cv2.ellipse(canvas, (x, 164), (12, 6), 0, 0, 360, (40, 30, 30), -1, cv2.LINE_AA)
    cv2.line(canvas, (144, 176), (140, 206), (190, 150, 130), 3, cv2.LINE_AA)
    cv2.ellipse(canvas, (144, 232), (24, 7), 0, 0, 360, (180, 90, 90), -1, cv2.LINE_AA)
    return Image(canvas)


def _paper(size_mm: tuple[float, float], rng: Generator) -> NDArray[np.uint8]:
    """Pale paper with soft patches of colour and faint waves."""
    width, height = (round(side * PIXELS_PER_MM) for side in size_mm)
    patches = rng.uniform(212, 250, (4, 6, 3)).astype(np.float32)
    paper = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    phase = rng.uniform(0, 6, 2)
    waves = np.sin(y / 9 + 3 * np.sin(x / 70 + phase[0]) + phase[1])
    sheet: NDArray[np.uint8] = np.clip(paper + 3 * waves[:, :, None], 0, 255).astype(np.uint8)
    return sheet


def _cut(image: Image, aspect: float) -> NDArray[np.uint8]:
    """The middle of a picture, as large as it gets in the proportions given."""
    width = min(image.width, round(image.height * aspect))
    height = min(image.height, round(image.width / aspect))
    left, top = (image.width - width) // 2, (image.height - height) // 3
    return np.ascontiguousarray(image.pixels[top : top + height, left : left + width])


def wrapped(text: str, font: Font, height_mm: float, width_mm: float) -> list[str]:
    """Break a text into lines that fit, wherever it has to be."""
    face: ImageFont.FreeTypeFont = font.at(height_mm * PIXELS_PER_MM)
    lines = [""]
    for character in text:
        if face.getlength(lines[-1] + character) > width_mm * PIXELS_PER_MM:
            lines.append("")
        lines[-1] += character
    return lines
