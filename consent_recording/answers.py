"""Was the question agreed to, refused, or neither?

Free recognition is read first: a refusal that is heard stands, and an agreement that is heard must
also explain the sound clearly better than every refusal. Where neither is heard, the answers of the
script are weighed against what was: a mumbled `I agree` may still be the best account of the sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from veridical.consent_recording.script import Question
from veridical.voiceprint.statement import CONTEXT, Recogniser
from veridical.voiceprint.whisper import EncodedSound
from veridical.voiceprint.wording import units

__all__ = ["Answer", "Reply", "classify", "hear_answer", "read_answer"]

NEGATIONS = {
    "en": frozenset(
        {"not", "no", "never", "don't", "can't", "won't", "disagree", "refuse", "nope"}
    ),
    "zh": frozenset("不没别未否"),
}
"""Units that turn an agreement round."""


class Reply(StrEnum):
    """What an answer comes to."""

    AGREE = "agree"
    REFUSE = "refuse"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        reply: What it comes to.
        heard: What was recognised.
        margin: How much better the best agreement explains the sound than the best refusal, in
            nats; None when nothing was said.
    """

    reply: Reply
    heard: str
    margin: float | None


def read_answer(heard: str, question: Question, language: str) -> Reply:
    """What the bare words come to.

    A refusal counts wherever it stands. An agreement counts when it stands there whole and nothing
    beside it turns it round: `I agree, I do not agree` is none.
    """
    said = _units(heard)
    accepted = [_units(text) for text in question.accept]
    refused = [_units(text) for text in question.refuse]
    if any(_holds(said, phrase) for phrase in sorted(refused, key=len, reverse=True)):
        return Reply.REFUSE
    for phrase in sorted(accepted, key=len, reverse=True):
        if _holds(said, phrase):
            rest = _without(said, phrase)
            return Reply.UNCLEAR if NEGATIONS[language] & set(rest) else Reply.AGREE
    return Reply.UNCLEAR


def classify(
    heard: str,
    question: Question,
    language: str,
    scores: tuple[float, float, float],
    clear_nats: float,
    near_nats: float,
) -> Answer:
    """Join what was heard with how well the answers of the script explain the sound.

    Args:
        heard: The transcript.
        question: What was asked.
        language: `en` or `zh`.
        scores: Log-likelihood of the transcript, of the best agreement and of the best refusal.
        clear_nats: How much better one kind must explain the sound than the other.
        near_nats: How much worse than the transcript an answer may explain the sound.

    Returns:
        Agreement only where words and sound both say so; a refusal where words or sound do.
    """
    free, agree, refuse = scores
    margin = agree - refuse
    reading = read_answer(heard, question, language)
    agreed = margin >= clear_nats and agree >= free - near_nats
    refused = margin <= -clear_nats and refuse >= free - near_nats
    reply = Reply.UNCLEAR
    if reading is Reply.AGREE and margin >= clear_nats:
        reply = Reply.AGREE
    elif reading is Reply.REFUSE and margin < clear_nats:
        reply = Reply.REFUSE
    elif reading is Reply.UNCLEAR and not _turned(heard, language):
        reply = Reply.AGREE if agreed else Reply.REFUSE if refused else Reply.UNCLEAR
    elif reading is Reply.UNCLEAR and refused:
        reply = Reply.REFUSE
    return Answer(reply, heard.strip(), margin)


def hear_answer(
    recogniser: Recogniser,
    sound: EncodedSound,
    question: Question,
    language: str,
    clear_nats: float,
    near_nats: float,
) -> Answer:
    """Recognise and classify one answer.

    Args:
        recogniser: Writes down what was said.
        sound: The answer.
        question: What was asked.
        language: `en` or `zh`.
        clear_nats: See `classify`.
        near_nats: See `classify`.
    """
    context = CONTEXT.get(language, "")
    raw = recogniser.transcribe(sound, language, context).raw
    accept = [_written(text, language) for text in question.accept]
    refuse = [_written(text, language) for text in question.refuse]
    texts = [raw, *accept, *refuse]
    found = recogniser.log_likelihoods(sound, texts, language, context)
    agree, refusal = found[1 : 1 + len(accept)].max(), found[1 + len(accept) :].max()
    scores = float(found[0]), float(agree), float(refusal)
    return classify(raw, question, language, scores, clear_nats, near_nats)


def _written(text: str, language: str) -> str:
    """An answer as the recogniser would write it: a sentence with its full stop."""
    plain = text.strip().rstrip(".。!！")
    if language == "zh":
        return plain + "。"
    return f" {plain[:1].upper()}{plain[1:]}."


def _units(text: str) -> tuple[str, ...]:
    return tuple(unit.text for unit in units(text))


def _turned(heard: str, language: str) -> bool:
    """Whether a word that negates was heard."""
    return bool(NEGATIONS[language] & set(_units(heard)))


def _holds(said: Sequence[str], phrase: Sequence[str]) -> bool:
    return any(
        tuple(said[i : i + len(phrase)]) == tuple(phrase)
        for i in range(len(said) - len(phrase) + 1)
    )


def _without(said: Sequence[str], phrase: Sequence[str]) -> tuple[str, ...]:
    """What was said beside the first place of a phrase."""
    for i in range(len(said) - len(phrase) + 1):
        if tuple(said[i : i + len(phrase)]) == tuple(phrase):
            return (*said[:i], *said[i + len(phrase) :])
    return tuple(said)
