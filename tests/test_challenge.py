"""Challenges: what is drawn, how chance enters, and that each is spent once."""

import math
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest

from veridical.errors import ChallengeError, InputError
from veridical.liveness.challenge import (
    PACES,
    TELLING,
    ChallengeBook,
    Pace,
    draw_challenge,
    draw_phrase,
)
from veridical.liveness.lips.visemes import VISEMES, pronounce, viseme_distance
from veridical.policy import parse_policy
from veridical.types import Challenge

DIGITS = "0123456789"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("length", range(4, 9))
def test_every_drawn_prompt_keeps_the_rules(language: str, length: int) -> None:
    chance = random.Random(length)
    for _ in range(100):
        digits = draw_challenge(language, length, source=chance).digits
        values = [int(digit) for digit in digits]
        steps = [b - a for a, b in pairwise(values)]
        assert len(set(digits)) == length
        assert all(a != b for a, b in pairwise(steps))
        assert 2 * sum(digit in TELLING[language] for digit in digits) >= length


def test_neighbours_never_look_alike() -> None:
    chance = random.Random(1)
    drawn = [draw_challenge("zh", source=chance).digits for _ in range(500)]
    neighbours = {pair for digits in drawn for pair in pairwise(digits)}
    assert ("6", "9") not in neighbours  # liu and jiu
    assert ("9", "6") not in neighbours
    assert len(neighbours) > 40


def test_digits_that_look_alike_are_near_and_others_far() -> None:
    assert viseme_distance("6", "9", "zh") < 0.1
    assert viseme_distance("5", "9", "en") < viseme_distance("1", "5", "en")
    assert viseme_distance("3", "3", "en") == 0
    assert viseme_distance("2", "8", "en") == pytest.approx(viseme_distance("8", "2", "en"))


def test_all_digits_and_phrases_have_visemes() -> None:
    for language in ("en", "zh"):
        for digit in DIGITS:
            assert set(pronounce(digit, language)) <= set(VISEMES)
    with pytest.raises(InputError) as error:
        pronounce("hello")
    assert error.value.code == "challenge.unknown_word"


def test_prompts_are_spread_over_what_the_rules_allow() -> None:
    chance = random.Random(7)
    drawn = Counter(draw_challenge("en", 4, source=chance).digits for _ in range(6000))
    # 1,144 strings fit; with 6,000 draws each comes 5.2 times, and 99 % of them at least once.
    assert len(drawn) > 1100
    assert max(drawn.values()) < 25


def test_each_place_shows_many_digits() -> None:
    chance = random.Random(3)
    drawn = [draw_challenge("en", source=chance).digits for _ in range(2000)]
    for place in range(6):
        counts = Counter(digits[place] for digits in drawn)
        assert len(counts) == 10
        assert max(counts.values()) < 0.2 * len(drawn)


def test_schedule_keeps_the_pace_and_is_not_even() -> None:
    chance = random.Random(5)
    gaps = []
    for _ in range(200):
        times = draw_challenge("en", source=chance).schedule_ms
        assert 600 <= times[0] <= 1400
        gaps += [b - a for a, b in pairwise(times)]
    assert min(gaps) >= 699
    assert max(gaps) <= 1101
    # Uniform over 400 ms: a standard deviation of 115 ms.
    mean = sum(gaps) / len(gaps)
    assert math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) == pytest.approx(
        115, abs=12
    )


def test_chance_comes_from_the_secure_source_unless_handed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random.seed(0)
    first = draw_challenge()
    random.seed(0)
    second = draw_challenge()
    assert first != second
    assert draw_challenge(source=random.Random(2)) == draw_challenge(source=random.Random(2))

    class Watched(random.SystemRandom):
        asked = 0

        def random(self) -> float:
            Watched.asked += 1
            return super().random()

    monkeypatch.setattr("veridical.liveness.challenge.secrets.SystemRandom", Watched)
    draw_challenge()
    assert Watched.asked >= 6


@pytest.mark.parametrize(("language", "length"), [("en", 3), ("en", 9), ("fr", 6)])
def test_impossible_wishes_are_refused(language: str, length: int) -> None:
    with pytest.raises(InputError) as error:
        draw_challenge(language, length)
    assert error.value.code == "challenge.malformed"


@pytest.mark.parametrize("times", [(0.0, 5.0), (900.0, 700.0), (700.0, math.inf), (1.0, math.nan)])
def test_a_pace_must_make_sense(times: tuple[float, float]) -> None:
    with pytest.raises(InputError):
        Pace(shown_ms=times)


def test_phrase_has_a_time_for_each_word() -> None:
    phrase = draw_phrase(source=random.Random(0))
    assert phrase.digits == ""
    assert len(phrase.words) == len(phrase.schedule_ms) == 6
    assert all(pronounce(word) for word in phrase.words)


def test_a_challenge_is_digits_or_words_and_not_both() -> None:
    with pytest.raises(InputError):
        Challenge("1234", phrase="lay blue at")
    with pytest.raises(InputError):
        Challenge("", phrase="two words")
    with pytest.raises(InputError):
        Challenge("", phrase="lay blue at", schedule_ms=(1.0, 2.0))
    assert Challenge("8392").words == ("8", "3", "9", "2")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_challenge_is_spent_once() -> None:
    book = ChallengeBook()
    challenge = draw_challenge()
    issued = book.issue(challenge)
    assert book.spend(issued.id) is challenge
    with pytest.raises(ChallengeError) as error:
        book.spend(issued.id)
    assert error.value.code == "challenge.unknown"
    with pytest.raises(ChallengeError):
        book.spend("never issued")


def test_an_old_challenge_is_refused_and_gone() -> None:
    clock = Clock()
    book = ChallengeBook(lifetime_s=60, clock=clock)
    issued = book.issue(draw_challenge())
    clock.now_s = 59.9
    assert book.spend(issued.id)
    issued = book.issue(draw_challenge())
    clock.now_s += 60
    with pytest.raises(ChallengeError) as error:
        book.spend(issued.id)
    assert error.value.code == "challenge.expired"
    with pytest.raises(ChallengeError) as error:
        book.spend(issued.id)
    assert error.value.code == "challenge.unknown"


def test_the_book_is_bounded_and_forgets_the_old() -> None:
    clock = Clock()
    book = ChallengeBook(lifetime_s=60, most=2, clock=clock)
    book.issue(draw_challenge())
    book.issue(draw_challenge())
    with pytest.raises(ChallengeError) as error:
        book.issue(draw_challenge())
    assert error.value.code == "challenge.too_many"
    clock.now_s = 60
    assert book.issue(draw_challenge())


def test_of_many_threads_one_spends_it() -> None:
    book = ChallengeBook()
    issued = book.issue(draw_challenge())
    won: list[Challenge] = []

    def spend() -> None:
        try:
            won.append(book.spend(issued.id))
        except ChallengeError:
            return

    threads = [Thread(target=spend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_ids_cannot_be_guessed() -> None:
    book = ChallengeBook()
    ids = [book.issue(draw_challenge()).id for _ in range(200)]
    assert len(set(ids)) == 200
    assert min(map(len, ids)) >= 22  # 128 bits


def test_a_strict_pace_spreads_the_gaps_and_a_policy_may_ask_for_it() -> None:
    gaps = {
        name: [
            after - before
            for seed in range(30)
            for before, after in pairwise(
                draw_challenge("en", 8, pace, random.Random(seed)).schedule_ms
            )
        ]
        for name, pace in PACES.items()
    }
    assert max(gaps["usual"]) < 1101 < 1500 < max(gaps["strict"]) < 1901
    assert min(gaps["usual"] + gaps["strict"]) > 699
    text = 'id = "p"\nversion = 1\nrequired = ["liveness.lips"]\n'
    assert parse_policy(text.encode(), "a policy", Path()).pace == "usual"
    asked = parse_policy((text + 'pace = "strict"').encode(), "a policy", Path())
    assert asked.pace == "strict"
    for wrong in ('pace = "fast"', "pace = 2", "pace = []"):
        with pytest.raises(InputError) as caught:
            parse_policy((text + wrong).encode(), "a policy", Path())
        assert caught.value.code == "policy.malformed"
