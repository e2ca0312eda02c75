"""Consent is never guessed: words and sound must both agree, and a refusal always counts."""

import pytest

from veridical.consent_recording import load_script
from veridical.consent_recording.answers import Reply, classify, read_answer
from veridical.consent_recording.script import Question

QUESTIONS = {
    name[-2:]: next(s for s in load_script(name).segments if isinstance(s, Question))
    for name in ("consent-en", "consent-zh")
}


@pytest.mark.parametrize(
    ("language", "heard", "reply"),
    [
        ("en", " Yes, I agree.", Reply.AGREE),
        ("en", " I agree.", Reply.AGREE),
        ("en", " Um, yes I do.", Reply.AGREE),
        ("en", " No, I do not agree.", Reply.REFUSE),
        ("en", " I don't agree.", Reply.REFUSE),
        ("en", " I agree, no wait, I do not agree.", Reply.REFUSE),
        ("en", " I never said I agree.", Reply.UNCLEAR),
        ("en", " What was the question?", Reply.UNCLEAR),
        ("en", "", Reply.UNCLEAR),
        ("zh", "我同意。", Reply.AGREE),
        ("zh", "是的,我同意", Reply.AGREE),
        ("zh", "我不同意。", Reply.REFUSE),
        ("zh", "我沒有說我同意", Reply.UNCLEAR),
        ("zh", "什么", Reply.UNCLEAR),
    ],
)
def test_what_the_words_come_to(language: str, heard: str, reply: Reply) -> None:
    assert read_answer(heard, QUESTIONS[language], language) is reply


@pytest.mark.parametrize(
    ("heard", "scores", "reply"),
    [
        ("I agree", (-5.0, -5.0, -30.0), Reply.AGREE),
        ("I agree", (-5.0, -5.0, -6.0), Reply.UNCLEAR),  # the sound could be a refusal as well
        ("I do not agree", (-5.0, -30.0, -5.0), Reply.REFUSE),
        ("I do not agree", (-5.0, -5.0, -30.0), Reply.UNCLEAR),  # words against sound
        ("Eye a green", (-5.0, -9.0, -30.0), Reply.AGREE),  # a slip that `I agree` explains
        ("Nah", (-5.0, -30.0, -9.0), Reply.REFUSE),
        ("Eye a green", (-5.0, -20.0, -40.0), Reply.UNCLEAR),  # nothing explains it
        ("I will not a green", (-5.0, -9.0, -30.0), Reply.UNCLEAR),  # a negation was heard
    ],
)
def test_the_sound_must_bear_the_words_out(
    heard: str, scores: tuple[float, float, float], reply: Reply
) -> None:
    answer = classify(heard, QUESTIONS["en"], "en", scores, 3.0, 8.0)
    assert answer.reply is reply
    assert answer.margin == scores[1] - scores[2]
