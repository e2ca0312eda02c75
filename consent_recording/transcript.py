"""Which words of a statement were said, which were not, and what stood in their place?"""

from dataclasses import dataclass
from typing import Any

from veridical.voiceprint.statement import Deviation, StatementReading
from veridical.voiceprint.wording import units

__all__ = ["Said", "transcript_of"]


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of a statement's text, or words that were added to it.

    Attributes:
        text: As written; for added words as heard.
        status: `said`, `missing`, `altered` or `inserted`; `doubtful` where the recogniser wrote
            something else that explains the sound not clearly better.
        heard: What was recognised instead; empty where it was said.
        at_s: When, in the recording; None when nobody knows.
    """

    text: str
    status: str
    heard: str = ""
    at_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        at_s = None if self.at_s is None else round(self.at_s, 2)
        return {"text": self.text, "status": self.status, "heard": self.heard, "at_s": at_s}


def transcript_of(
    text: str, reading: StatementReading, from_s: float, clear_nats: float
) -> tuple[Said, ...]:
    """Cut a statement's text where its reading deviates.

    Args:
        text: The statement.
        reading: What became of it.
        from_s: Where the sound that was read begins in the recording.
        clear_nats: From which margin on a deviation counts.

    Returns:
        Pieces in order, one for every word or character, which together give the text, with added
        words between them.
    """
    expected = units(text)
    by_place: dict[int, Deviation] = {}
    added: dict[int, list[Deviation]] = {}
    for deviation in reading.deviations:
        if deviation.kind == "inserted":
            added.setdefault(deviation.place, []).append(deviation)
        else:
            length = len(units(deviation.expected)) or 1
            for place in range(deviation.place, deviation.place + length):
                by_place.setdefault(place, deviation)
    pieces: list[Said] = []
    written = 0
    for place, unit in enumerate(expected):
        pieces += [_added(deviation, from_s, clear_nats) for deviation in added.get(place, ())]
        if unit.end <= written:  # the digits of one number share their place
            continue
        # Punctuation and blanks after a word belong to it.
        end = next((u.start for u in expected[place:] if u.start >= unit.end), len(text))
        piece, written = text[written:end], end
        pieces.append(_piece(piece, place, by_place.get(place), reading, from_s, clear_nats))
    pieces += [_added(deviation, from_s, clear_nats) for deviation in added.get(len(expected), ())]
    return tuple(pieces)


def _piece(
    text: str,
    place: int,
    deviation: Deviation | None,
    reading: StatementReading,
    from_s: float,
    clear_nats: float,
) -> Said:
    if deviation is not None:
        clear = deviation.margin >= clear_nats
        status = deviation.kind if clear else "doubtful"
        return Said(text, status, deviation.heard.strip(), from_s + deviation.start_s)
    when = reading.times_s[place] if place < len(reading.times_s) else None
    return Said(text, "said", "", None if when is None else from_s + when[0])


def _added(deviation: Deviation, from_s: float, clear_nats: float) -> Said:
    status = "inserted" if deviation.margin >= clear_nats else "doubtful"
    return Said(deviation.heard.strip(), status, "", from_s + deviation.start_s)
