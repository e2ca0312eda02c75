"""What is the applicant asked to say? A script: statements to read, questions, digits, in order."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from veridical.errors import InputError
from veridical.languages import LANGUAGES
from veridical.policy.shipped import Shipped
from veridical.reading import read_toml
from veridical.voiceprint.wording import units

__all__ = [
    "DigitsSegment",
    "Question",
    "Script",
    "Segment",
    "Statement",
    "load_script",
    "parse_script",
    "shipped_scripts",
]

LARGEST_BYTES = 64 * 1024
MOST_SEGMENTS = 40
MOST_PHRASES = 20
FEWEST_DIGITS, MOST_DIGITS = 4, 8
"""What a challenge may hold; see `types.Challenge`."""
LONGEST_S = 300.0
"""Longest recording."""
UNITS_A_SECOND = {"en": 4.5, "zh": 6.5}
"""Words or characters that a hurried reader says: a script that takes longer fits no recording."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

_SHIPPED = Shipped("script", "veridical.consent_recording", "scripts")
_KEYS = {"id", "version", "language", "title", "segments"}
_SEGMENT_KEYS = {
    "statement": {"id", "kind", "text"},
    "question": {"id", "kind", "text", "accept", "refuse"},
    "digits": {"id", "kind", "text", "length"},
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A text to be read aloud, word for word.

    Attributes:
        id: Names the segment.
        text: The text.
    """

    id: str
    text: str

    kind = "statement"


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is shown, and answered aloud in a few words.

    Attributes:
        id: Names the segment.
        text: The question; it is not read aloud within its segment.
        accept: Answers that agree, such as `yes I agree`.
        refuse: Answers that refuse.
    """

    id: str
    text: str
    accept: tuple[str, ...]
    refuse: tuple[str, ...]

    kind = "question"


@dataclass(frozen=True, slots=True)
class DigitsSegment:
    """Digits drawn by chance for this recording, read aloud.

    Attributes:
        id: Names the segment.
        text: What is shown above them.
        length: How many, 4 to 8.
    """

    id: str
    text: str
    length: int

    kind = "digits"


Segment = Statement | Question | DigitsSegment


@dataclass(frozen=True, slots=True)
class Script:
    """What a recording must hold, in order.

    Attributes:
        id: Name of the script.
        version: Raised by its author at every change.
        language: `en` or `zh`: what is spoken.
        title: For people.
        segments: In order.
        sha256: Hash of the file, quoted in every result.
    """

    id: str
    version: int
    language: str
    title: str
    segments: tuple[Segment, ...]
    sha256: str

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of its segments."""
        return frozenset(segment.kind for segment in self.segments)

    @property
    def digits(self) -> DigitsSegment | None:
        """Its digits; None when it asks for none."""
        return next((s for s in self.segments if isinstance(s, DigitsSegment)), None)


def shipped_scripts() -> tuple[str, ...]:
    """Names of the scripts inside the package: examples to start from."""
    return _SHIPPED.names()


def load_script(name: str) -> Script:
    """Read a script.

    Args:
        name: Name of a shipped script, or path of a TOML file.

    Raises:
        InputError: `script.unknown`: there is none; `script.malformed`, as `parse_script`.
    """
    file, where = _SHIPPED.locate(name)
    if isinstance(file, Path) and file.stat().st_size > LARGEST_BYTES:
        raise InputError(f"a script has at most {LARGEST_BYTES} bytes", "script.malformed")
    return parse_script(file.read_bytes(), where)


def parse_script(content: bytes, where: str) -> Script:
    """Read and check a script's content.

    Args:
        content: UTF-8 TOML.
        where: Named in messages.

    Raises:
        InputError: `script.malformed`, with every fault that was found: not TOML, unknown keys, a
            text without words, an id given twice, an answer that both agrees and refuses, a
            refusal that no answer is given for, digits twice, or a script that takes too long.
    """
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{where}: a script has at most {LARGEST_BYTES} bytes", "script.malformed")
    raw = read_toml(content, where=where, code="script.malformed")
    faults = list(_faults(raw))
    if faults:
        raise InputError(f"{where}: {'; '.join(faults)}", "script.malformed")
    return Script(
        id=raw["id"],
        version=raw["version"],
        language=raw["language"],
        title=raw.get("title", ""),
        segments=tuple(map(_segment, raw["segments"])),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _segment(raw: Mapping[str, object]) -> Segment:
    """One segment that has no faults."""
    name, text = str(raw["id"]), str(raw.get("text", "")).strip()
    if raw["kind"] == "statement":
        return Statement(name, text)
    if raw["kind"] == "question":
        return Question(name, text, _texts(raw["accept"]), _texts(raw["refuse"]))
    return DigitsSegment(name, text, int(str(raw["length"])))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(text).strip() for text in value) if isinstance(value, list) else ()


def _faults(raw: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with a script, in words."""
    if unknown := sorted(raw.keys() - _KEYS):
        yield f"unknown keys {unknown}; known are {sorted(_KEYS)}"
    name, version, language = raw.get("id"), raw.get("version"), raw.get("language")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"id must be 1 to 64 of a-z, 0-9, - and _, got {name!r}"
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        yield f"version must be a whole number from 1, got {version!r}"
    if language not in LANGUAGES:
        yield f"language must be one of {', '.join(LANGUAGES)}, got {language!r}"
    if not isinstance(raw.get("title", ""), str):
        yield "title must be text"
    segments = raw.get("segments")
    if not isinstance(segments, list) or not 1 <= len(segments) <= MOST_SEGMENTS:
        yield f"segments must be 1 to {MOST_SEGMENTS} tables [[segments]]"
        return
    names: list[str] = []
    for number, segment in enumerate(segments, 1):
        where = f"segment {number}"
        if not isinstance(segment, dict):
            yield f"{where} must be a table"
            continue
        if isinstance(segment.get("id"), str):
            where = f"segment {segment['id']!r}"
            names.append(segment["id"])
        yield from (f"{where}: {fault}" for fault in _segment_faults(segment))
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"ids given twice: {repeated}"
    kinds = [segment.get("kind") for segment in segments if isinstance(segment, dict)]
    if kinds.count("digits") > 1:
        yield "digits are asked for once at most"
    if set(kinds) == {"digits"}:
        yield "digits alone are no consent: add a statement or a question"
    if language in UNITS_A_SECOND:
        said = "\n".join(
            str(s.get("text", ""))
            for s in segments
            if isinstance(s, dict) and s.get("kind") == "statement"
        )
        seconds = len(units(said)) / UNITS_A_SECOND[str(language)]
        if seconds > LONGEST_S:
            yield (
                f"its statements take {seconds:.0f} s even of a hurried reader, and a recording "
                f"is at most {LONGEST_S:.0f} s long: make several scripts"
            )


def _segment_faults(segment: Mapping[str, object]) -> Iterator[str]:
    kind = segment.get("kind")
    if not isinstance(kind, str) or kind not in _SEGMENT_KEYS:
        yield f"kind must be one of {', '.join(_SEGMENT_KEYS)}, got {kind!r}"
        return
    if unknown := sorted(segment.keys() - _SEGMENT_KEYS[kind]):
        yield f"unknown keys {unknown}; a {kind} has {sorted(_SEGMENT_KEYS[kind])}"
    if not isinstance(segment.get("id"), str) or not NAME.fullmatch(str(segment["id"])):
        yield "id must be 1 to 64 of a-z, 0-9, - and _"
    text = segment.get("text", "" if kind == "digits" else None)
    if not isinstance(text, str):
        yield "text is missing"
    elif kind != "digits" and not units(text):
        yield "text holds no words"
    if kind == "question":
        yield from _answer_faults(segment)
    if kind == "digits":
        length = segment.get("length")
        whole = isinstance(length, int) and not isinstance(length, bool)
        if not whole or not FEWEST_DIGITS <= int(str(length)) <= MOST_DIGITS:
            yield f"length must be {FEWEST_DIGITS} to {MOST_DIGITS}, got {length!r}"


def _answer_faults(segment: Mapping[str, object]) -> Iterator[str]:
    said: dict[str, list[tuple[str, ...]]] = {}
    for key in ("accept", "refuse"):
        phrases = segment.get(key)
        if not isinstance(phrases, list) or not 1 <= len(phrases) <= MOST_PHRASES:
            yield f"{key} must be a list of 1 to {MOST_PHRASES} answers"
            continue
        if not all(isinstance(phrase, str) and units(phrase) for phrase in phrases):
            yield f"{key} must hold texts with words"
            continue
        said[key] = [tuple(unit.text for unit in units(phrase)) for phrase in phrases]
    if both := sorted(
        " ".join(p) for p in set(said.get("accept", ())) & set(said.get("refuse", ()))
    ):
        yield f"answers that agree and refuse at once: {both}"
