"""Two manners of writing the same words are the same; two wordings are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical.errors import InputError
from veridical.voiceprint.wording import MOST_UNITS, Unit, align, units


def words(text: str) -> str:
    return " ".join(unit.text for unit in units(text))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("I owe $5,000.", "i owe five thousand dollars"),
        ("25% of 1984", "twenty-five per cent of nineteen eighty four"),
        ("Mr. Hale doesn’t", "mister hale doesn't"),
        ("one hundred and five people and six", "105 people and 6"),
        ("3,200,567", "three million two hundred thousand five hundred and sixty seven"),
        ("407", "four oh seven"),
        ("我同意將53000元轉入", "我同意将五万三千元转入"),
        ("二零二六年，百分之五", "2026年 5%"),
        ("三点一四", "3.14"),
        ("她说：十分、一亿零五", "他說 10分 100000005"),
    ],
)
def test_manners_of_writing_agree(written: str, spoken: str) -> None:
    assert words(written) == words(spoken)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I do agree", "I do not agree"),
        ("我同意", "我不同意"),
        ("fifteen", "fifty"),
        ("五万", "五千"),
        ("您", "你"),
    ],
)
def test_other_words_differ(one: str, other: str) -> None:
    assert words(one) != words(other)


def test_a_unit_knows_its_place() -> None:
    text = "Pay ５００元, now"
    assert [text[unit.start : unit.end] for unit in units(text)] == [
        *("Pay", "５００", "５００", "５００", "元", "now")
    ]


def test_differences_are_named_and_placed() -> None:
    expected = units("the quick brown fox jumps over the lazy dog")
    heard = units("the quick red fox over the very lazy dog")
    pairs, differences = align(expected, heard)
    assert len(pairs) == 7
    assert [(d.kind, d.expected, d.heard) for d in differences] == [
        ("altered", (2, 3), (2, 3)),
        ("missing", (4, 5), (4, 4)),
        ("inserted", (7, 7), (6, 7)),
    ]


def test_texts_without_end_are_refused() -> None:
    with pytest.raises(InputError) as error:
        units("a " * (MOST_UNITS + 1))
    assert error.value.code == "voice.statement_long"


texts = st.lists(st.sampled_from("abcd"), max_size=12).map(
    lambda letters: [Unit(letter, i, i + 1) for i, letter in enumerate(letters)]
)


@given(texts, texts)
def test_alignment_is_of_least_cost(one: list[Unit], other: list[Unit]) -> None:
    pairs, differences = align(one, other)
    cost = {(i, 0): i for i in range(len(one) + 1)} | {(0, k): k for k in range(len(other) + 1)}
    for i in range(len(one)):
        for k in range(len(other)):
            same = one[i].text == other[k].text
            cost[i + 1, k + 1] = min(
                cost[i, k] + (not same), cost[i, k + 1] + 1, cost[i + 1, k] + 1
            )
    assert sum(d.size for d in differences) == cost[len(one), len(other)]
    assert all(one[i].text == other[k].text for i, k in pairs)


@given(st.text(max_size=40))
def test_any_text_is_cut_into_units(text: str) -> None:
    for unit in units(text):
        assert unit.text
        assert 0 <= unit.start < unit.end <= len(text)
