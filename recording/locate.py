"""Where in the recording was each segment said, when nobody kept the times?

The whole recording is written down once, and its words are laid beside the script's: a segment lies
where its words were recognised. What answers a question is not known beforehand: an answer lies
between the segments before and after it; where several stand side by side, the longest pauses part
them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veridical.recording.script import DigitsSegment, Question, Script, Statement
from veridical.recording.times import Span
from veridical.voiceprint.statement import CONTEXT, LEAST_SPEECH_S, Recogniser
from veridical.voiceprint.windows import Window
from veridical.voiceprint.wording import Unit, align, units

__all__ = ["Word", "locate", "words_of"]

LEAST_ANSWER_S = 0.2


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
    first = 0
    for name, own in known:
        matched = [at[i] for i in range(first, first + len(own)) if i in at]
        first += len(own)
        if own and len(matched) >= found_share * len(own):
            # The words before the first and after the last recognised one belong to it as well.
            spans[name] = Span(words[matched[0]].start_s, words[matched[-1]].end_s)
    end_s = max([word.end_s for word in words] + [end for _, end in speech_s], default=0.0)
    for questions in _runs(script, spans):
        before, after = _neighbours(script, spans, questions, end_s)
        spans.update(_answers(questions, before, after, speech_s))
    return {s.id: spans[s.id] for s in script.segments if s.id in spans}


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
