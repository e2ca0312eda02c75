"""What an evaluation of spoken digits counts."""

from collections import Counter

import numpy as np
import pytest

from veridical.evaluation.protocols.digits import PROMPTS, Spoken, digit_figures, wrong_prompts

SPOKEN = [Spoken(2, "12", "en", 0, (), (), "none", (), 0)]


def row(**values: str) -> dict[str, str]:
    common = {
        "unit": "0",
        "language": "en",
        "speaker": "0",
        "said": "12",
        "reason": "",
        "cpu_ms": "",
    }
    return {**common, "heard": "12", "score": "0", **values}


def test_a_dozen_random_prompts_are_held_against_a_string_and_none_is_its_own() -> None:
    for seed in range(20):
        made = wrong_prompts("11", np.random.default_rng(seed))
        assert Counter(label for label, _ in made) == PROMPTS
        assert all(prompt != "11" for _, prompt in made)


def test_wrong_prompts_are_counted_by_language_too() -> None:
    rows = [
        row(label="genuine"),
        row(label="one_digit_off", score="1"),
        row(label="one_digit_off", score="-1"),
        row(label="one_digit_off", score="-1", language="zh"),
    ]
    figures = digit_figures(rows, SPOKEN, None).figures
    overall, by_language = figures.values["wrong_prompt_accept"], figures.values["by_language"]
    assert overall == {
        "random": None,
        "one_digit_off": pytest.approx(1 / 3),
        "two_digits_off": None,
    }
    assert isinstance(by_language, dict)
    for language, share in (("en", 0.5), ("zh", 0.0)):
        own = by_language[language]
        assert isinstance(own, dict)
        assert own["wrong_prompt_accept"] == {"one_digit_off": share}


def test_the_cost_is_cpu_time_over_the_length_of_all_sound() -> None:
    rows = [
        row(label="genuine", cpu_ms="30", sound_s="4", second_opinion="0"),
        row(label="genuine", cpu_ms="330", sound_s="2", second_opinion="1"),
        row(label="random", second_opinion="1", score="-9"),
    ]
    values = digit_figures(rows, SPOKEN, None).figures.values
    assert values["cpu_ms_per_s"] == pytest.approx(60.0)
    assert values["second_opinion"] == 0.5
