"""When was each segment recorded? Times that the page or SDK kept, beside the recording."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from veridical.consent_recording.script import Script
from veridical.errors import InputError
from veridical.reading import read_json

__all__ = ["SegmentTimes", "Span", "load_times", "parse_times", "widened"]

LARGEST_BYTES = 64 * 1024
LONGEST_S = 7200.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the recording.

    Attributes:
        start_s: Where it begins.
        end_s: Where it ends, later.
    """

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class SegmentTimes:
    """What is known beforehand of one recording of a script.

    Attributes:
        spans: By segment; empty when the segments are to be found by what was said.
        digits: What was to be read in the digits segment; empty when nobody says.
    """

    spans: Mapping[str, Span] = field(default_factory=dict)
    digits: str = ""


def widened(spans: Mapping[str, Span], margin_s: float) -> dict[str, Span]:
    """Spans with a little around them, never more than half way to the next.

    Args:
        spans: In order of time.
        margin_s: How much on either side.
    """
    order = list(spans.values())
    made: dict[str, Span] = {}
    for place, (name, span) in enumerate(spans.items()):
        before = order[place - 1].end_s if place else -margin_s
        after = order[place + 1].start_s if place + 1 < len(order) else span.end_s + 2 * margin_s
        start = span.start_s - min(margin_s, max(0.0, span.start_s - before) / 2)
        end = span.end_s + min(margin_s, max(0.0, after - span.end_s) / 2)
        made[name] = Span(max(0.0, start), end)
    return made


def load_times(path: Path, script: Script) -> SegmentTimes:
    """Read the times from a JSON file; see `parse_times`."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError
        raw = read_json(path.read_bytes())
    except (OSError, ValueError, InputError):
        raise InputError(
            "segments are a JSON file of at most 64 KB: "
            '{"digits": "402913", "segments": [{"id": "…", "start_s": 0.0, "end_s": 9.5}, …]}',
            "script.times",
        ) from None
    return parse_times(raw, script)


def parse_times(raw: object, script: Script) -> SegmentTimes:
    """Check what a page, SDK or file says of a recording.

    Args:
        raw: `{"digits": "402913", "segments": [{"id", "start_s", "end_s"}, …]}`, each optional;
            with segments, every segment of the script.
        script: What was recorded.

    Raises:
        InputError: `script.times`: another shape, other segments than the script's, times that
            overlap or run backwards, or digits that are none.
    """

    def refuse(problem: str) -> InputError:
        return InputError(f"segment times: {problem}", "script.times")

    if not isinstance(raw, dict) or raw.keys() - {"digits", "segments"}:
        raise refuse("an object with `segments` and `digits` is wanted")
    digits, listed = raw.get("digits", ""), raw.get("segments", [])
    if not isinstance(digits, str) or (digits and not (digits.isascii() and digits.isdigit())):
        raise refuse("digits are a text of the characters 0 to 9")
    if not isinstance(listed, list):
        raise refuse("segments are a list")
    spans: dict[str, Span] = {}
    last_s = 0.0
    for entry in listed:
        if not isinstance(entry, dict) or entry.keys() != {"id", "start_s", "end_s"}:
            raise refuse("each segment is an object of id, start_s and end_s")
        start, end = entry["start_s"], entry["end_s"]
        if not all(_is_time(value) for value in (start, end)) or start < last_s or end <= start:
            raise refuse("times rise, in seconds from the beginning, and do not overlap")
        last_s = float(end)
        spans[str(entry["id"])] = Span(float(start), float(end))
    wanted = [segment.id for segment in script.segments]
    if listed and list(spans) != wanted:
        raise refuse(f"the script's segments are {', '.join(wanted)}, in this order")
    return SegmentTimes(spans, digits)


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(float(str(value))) and 0 <= float(str(value)) <= LONGEST_S
