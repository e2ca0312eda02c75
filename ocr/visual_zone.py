"""Does the print above a machine-readable zone say the same as the zone?"""

from collections.abc import Mapping, Sequence

import numpy as np

from veridical.ocr.mrz import TO_DIGIT
from veridical.ocr.page import Line, Page

__all__ = ["AGREES", "DIFFERS", "NOT_SEEN", "compare_visual"]

AGREES, DIFFERS, NOT_SEEN = "agrees", "differs", "not_seen"
LINES_READ = 4
"""Each line read costs about 10 ms."""
NUMBER_ASPECT = 4.2
"""Length over height of a number's box; lines most like it are read first."""
SHORTEST, LONGEST = 2.2, 14.0
"""Length over height of a line that may hold a number or a name."""
MOST_DIFFERENT = 2
"""Characters in which a number differs from the zone's and is still taken for the same one."""


def compare_visual(
    page: Page, zone: Sequence[Line], fields: Mapping[str, str]
) -> Mapping[str, str]:
    """Look for the zone's number and surname in the print above it.

    Args:
        page: The page.
        zone: The lines of the zone.
        fields: What the zone says.

    Returns:
        `agrees`, `differs` or `not_seen` for `visual_number` and `visual_surname`. A number
        differs when a print of the same length is one or two characters away; a name is too free a
        text to say that it differs.
    """
    top = min(line.y for line in zone) - 1.2 * zone[0].height
    lines = [
        line
        for line in page.lines
        if line.y < top and SHORTEST < line.width / max(line.height, 1) < LONGEST
    ]
    lines.sort(key=lambda line: abs(np.log(line.width / line.height / NUMBER_ASPECT)))
    number, surname = _plain(fields["document_number"]), _plain(fields["surname"])
    texts: list[str] = []
    number_found = NOT_SEEN
    for line in lines[:LINES_READ]:
        text = _plain(page.read(line).text)
        texts.append(text)
        if number in text:
            number_found = AGREES
            break
        apart = sum(a != b for a, b in zip(text, number, strict=False))
        if len(text) == len(number) >= 6 and apart <= MOST_DIFFERENT:
            number_found = DIFFERS
    named = bool(surname) and any(surname in text for text in texts)
    return {"visual_number": number_found, "visual_surname": AGREES if named else NOT_SEEN}


def _plain(text: str) -> str:
    """Letters and digits only, with look-alikes made the same: readers swap them."""
    kept = "".join(character for character in text.upper() if character.isalnum())
    return "".join(TO_DIGIT.get(character, character) for character in kept)
