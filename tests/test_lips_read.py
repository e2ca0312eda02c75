"""Reading lips: the likelihood of a prompt, by the sum over all its alignments."""

from collections.abc import Mapping
from itertools import groupby, product
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.liveness.lips.read import LipReader, competitors, log_likelihoods
from veridical.liveness.lips.visemes import VISEMES, pronounce
from veridical.result import ModelRef


def by_hand(log_probabilities: NDArray[np.float32], label: tuple[int, ...]) -> float:
    """The sum over every path that collapses to the label."""
    steps, classes = log_probabilities.shape
    total = -np.inf
    for path in product(range(classes), repeat=steps):
        collapsed = tuple(k for k, _ in groupby(path) if k)
        if collapsed == label:
            score = sum(float(log_probabilities[t, k]) for t, k in enumerate(path))
            total = np.logaddexp(total, score)
    return float(total)


def test_the_forward_sum_is_the_sum_over_all_paths() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    labels = [(1,), (1, 2), (2, 2), (3, 1, 3), (1, 1, 1), (1, 2, 3, 1)]
    found = log_likelihoods(logs, labels)
    assert found == pytest.approx([by_hand(logs, label) for label in labels], abs=1e-4)


def test_a_label_that_does_not_fit_is_impossible() -> None:
    logs = np.full((4, 3), np.log(1 / 3), np.float32)
    assert log_likelihoods(logs, [(1, 1, 1), (1, 2)])[0] == -np.inf


def test_competitors_differ_everywhere_and_are_always_the_same() -> None:
    digits = tuple("839217")
    found = competitors(digits, 60)
    assert found == competitors(digits, 60)
    assert all(a != b for other in found for a, b in zip(other, digits, strict=True))
    sentence = ("lay", "blue", "at", "f", "two", "now")
    assert all(
        a != b for other in competitors(sentence, 60) for a, b in zip(other, sentence, strict=True)
    )
    loose = competitors(("two", "now", "lay", "in"), 20)
    assert all(sorted(words) == ["in", "lay", "now", "two"] for words in loose)


class Spelling:
    """A session whose visemes spell one prompt, a viseme every 160 ms."""

    ref = ModelRef("made-up", "0" * 64)
    metadata: Mapping[str, str] = MappingProxyType({})
    inputs: Mapping[str, tuple[int | str | None, ...]] = MappingProxyType({})

    def __init__(self, words: tuple[str, ...], language: str) -> None:
        classes = [VISEMES.index(v) + 1 for word in words for v in pronounce(word, language)]
        probabilities = np.full((4 * len(classes), len(VISEMES) + 1), 0.02)
        for place, one in enumerate(classes):
            probabilities[4 * place + 1 : 4 * place + 3, one] = 1.0
            probabilities[[4 * place, 4 * place + 3], 0] = 1.0
        self.answer = np.log(probabilities / probabilities.sum(1, keepdims=True))

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        assert feeds["lips"].shape[0] == 1
        return [self.answer[None].astype(np.float32)]


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (tuple("839217"), "en"),
        (tuple("580263"), "zh"),
        (("lay", "blue", "at", "f", "two", "now"), "en"),
    ],
)
def test_the_spelt_prompt_stands_out_from_others(words: tuple[str, ...], language: str) -> None:
    reader = LipReader(Spelling(words, language))
    lips = np.zeros((100, 12), np.float32)
    right = reader(lips, words, language)
    wrong = reader(lips, words[::-1], language)
    assert right is not None
    assert wrong is not None
    assert right > 2.5
    assert right > wrong + 2


def test_a_clip_too_short_for_the_prompt_gives_no_score() -> None:
    session = Spelling(tuple("839217"), "en")
    session.answer = session.answer[:8]
    assert LipReader(session)(np.zeros((8, 12), np.float32), tuple("839217"), "en") is None
