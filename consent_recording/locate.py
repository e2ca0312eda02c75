"""Where in the recording was each segment said, when nobody kept the times?

The whole recording is written down once, and its words are laid beside the script's: a segment lies
where its words were recognised. What answers a question is not known beforehand: an answer lies
between the segments before and after it; where several stand side by side, the longest pauses part
them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veridical.consent_recording.script import DigitsSegment, Question, Script, Statement
from veridical.consent_recording.times import Span
from veridical.voiceprint.statement import CONTEXT, LEAST_SPEECH_S, Recogniser
from veridical.voiceprint.windows import Window
from veridical.voiceprint.wording import Unit, align, units

__all__ = ["Word", "locate", "words_of"]

LEAST_ANSWER_S = 0.2
SHORTEST_UNIT_S = 0.06
"""Below so much time a word, times cannot be right: the recogniser heard, and lost its place."""
MOST_STRANGE = 4
"""Words between two of a segment that are not its own, beyond which they are not taken together."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word, character or digit that was recognised.

    Attributes:
        unit: As it is compared.
        start_s: When it begins.
        end_s: When it ends.
    """

    unit: Unit
    start_s: float
    end_s: float


def words_of(windows: Iterable[Window], recogniser: Recogniser, language: str) -> list[Word]:
    """Write down a recording.

    Args:
        windows: See `speech_windows`.
        recogniser: Writes down what was said, never knowing the script.
        language: `en` or `zh`.
    """
    found: list[Word] = []
    for window in windows:
        if window.speech.net_speech_s < LEAST_SPEECH_S:
            continue
        heard = recogniser.hear(window.speech.samples)
        transcript = recogniser.transcribe(heard, language, CONTEXT.get(language, ""))
        starts, ends = transcript.character_times()
        found += [
            Word(unit, window.start_s + starts[unit.start], window.start_s + ends[unit.end - 1])
            for unit in units(transcript.raw)
        ]
    return found


def locate(
    script: Script,
    digits: str,
    words: Sequence[Word],
    speech_s: Sequence[tuple[float, float]],
    found_share: float,
) -> dict[str, Span]:
    """Find the segments.

    Args:
        script: What was to be said.
        digits: What was to be read in its digits segment; without them that is not found.
        words: What was recognised, in order.
        speech_s: Start and end of each stretch of speech.
        found_share: Share of a segment's words that must be recognised for it to be found, 0..1.

    Returns:
        Where each segment lies, those that were not found left out.
    """
    known = [(s.id, _expected(s, digits)) for s in script.segments]
    expected = [unit for _, own in known for unit in own]
    pairs, _ = align(expected, [word.unit for word in words])
    at = dict(pairs)
    spans: dict[str, Span] = {}
    hurried: list[str] = []
    first = 0
    for name, own in known:
        matched = [(i, at[first + i]) for i in range(len(own)) if first + i in at]
        first += len(own)
        matched = _together(matched)
        if own and len(matched) >= found_share * len(own):
            begin, end = _reach(matched, own, words)
            spans[name] = Span(words[begin].start_s, words[end].end_s)
            if spans[name].seconds < len(own) * SHORTEST_UNIT_S:
                hurried.append(name)
    end_s = max([word.end_s for word in words] + [end for _, end in speech_s], default=0.0)
    for name in hurried:  # its words are there, their times are not
        before, after = _neighbours(script, spans, [name], end_s)
        spans[name] = Span(before, max(after, before + SHORTEST_UNIT_S))
    for questions in _runs(script, spans):
        before, after = _neighbours(script, spans, questions, end_s)
        spans.update(_answers(questions, before, after, speech_s))
    return {s.id: spans[s.id] for s in script.segments if s.id in spans}


def _together(matched: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The largest group of matches without a strange stretch in between.

    A lone word that happens to stand in the next segment as well is not where this one ends.
    """
    groups: list[list[tuple[int, int]]] = []
    for place, at in matched:
        if groups:
            last_place, last_at = groups[-1][-1]
            if (at - last_at) - (place - last_place) <= MOST_STRANGE:
                groups[-1].append((place, at))
                continue
        groups.append([(place, at)])
    return max(groups, key=len, default=[])


def _reach(
    matched: list[tuple[int, int]], own: Sequence[Unit], words: Sequence[Word]
) -> tuple[int, int]:
    """First and last word of a segment: as far as its words go on beyond the matched ones."""
    (place, begin), (last, end) = matched[0], matched[-1]
    while place and begin and own[place - 1].text == words[begin - 1].unit.text:
        place, begin = place - 1, begin - 1
    while (
        last + 1 < len(own)
        and end + 1 < len(words)
        and own[last + 1].text == words[end + 1].unit.text
    ):
        last, end = last + 1, end + 1
    return begin, end


def _expected(segment: Statement | Question | DigitsSegment, digits: str) -> tuple[Unit, ...]:
    if isinstance(segment, Statement):
        return units(segment.text)
    return units(digits) if isinstance(segment, DigitsSegment) else ()


def _runs(script: Script, spans: dict[str, Span]) -> list[list[str]]:
    """Questions that no found segment lies between."""
    runs: list[list[str]] = [[]]
    for segment in script.segments:
        if isinstance(segment, Question):
            runs[-1].append(segment.id)
        elif segment.id in spans:
            runs.append([])
    return [run for run in runs if run]


def _neighbours(
    script: Script, spans: dict[str, Span], questions: list[str], end_s: float
) -> tuple[float, float]:
    """Where the segment before a run of questions ends, and where the next begins."""
    order = [segment.id for segment in script.segments]
    first, last = order.index(questions[0]), order.index(questions[-1])
    before = max((spans[name].end_s for name in order[:first] if name in spans), default=0.0)
    after = min((spans[name].start_s for name in order[last + 1 :] if name in spans), default=end_s)
    return before, after


def _answers(
    questions: list[str], before: float, after: float, speech_s: Sequence[tuple[float, float]]
) -> dict[str, Span]:
    """Part what was said between two times among the questions, at its longest pauses."""
    said = [(max(a, before), min(b, after)) for a, b in speech_s]
    said = [(a, b) for a, b in said if b - a >= LEAST_ANSWER_S]
    if len(said) < len(questions):
        return {}
    pauses = [(said[i + 1][0] - said[i][1], i) for i in range(len(said) - 1)]
    cuts = sorted(i for _, i in sorted(pauses, reverse=True)[: len(questions) - 1])
    groups: list[Span] = []
    start = 0
    for cut in [*cuts, len(said) - 1]:
        groups.append(Span(said[start][0], said[cut][1]))
        start = cut + 1
    return dict(zip(questions, groups, strict=True))
