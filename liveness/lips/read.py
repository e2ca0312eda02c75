"""Could these lips have spoken the prompt, seen without sound?

Weak evidence by its nature: many words look alike. It can speak against an applicant, never carry
a verdict.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.lips.adaptation import Targets
from veridical.liveness.lips.visemes import VISEMES, pronounce
from veridical.models import Session
from veridical.result import ModelRef

__all__ = ["LipReader", "LipScorer", "competitors", "log_likelihoods", "score_prompt", "spell"]

COHORT = 60
_GRID_WORDS = (
    "bin lay place set",
    "blue green red white",
    "at by in with",
    "a b c d e f g h i j k l m n o p q r s t u v x y z",
    "zero one two three four five six seven eight nine",
    "again now please soon",
)


class LipScorer(Protocol):
    """Something that holds moving lips against a prompt; a stronger reader plugs in here."""

    @property
    def model(self) -> ModelRef:
        """The network behind it."""
        ...

    def __call__(
        self, lips: NDArray[np.float32], words: Sequence[str], language: str
    ) -> float | None:
        """Score one prompt.

        Args:
            lips: (n, 12) float32, `FEATURES` every 40 ms, mean 0 and standard deviation 1.
            words: Digits, or words of the GRID vocabulary.
            language: `en` or `zh`.

        Returns:
            How many standard deviations the prompt is likelier than prompts of its kind; None when
            the clip is too short to hold it.
        """
        ...


class LipReader:
    """Reads visemes with a small network of our own, trained on GRID.

    Args:
        session: `lips` (1, n, 12) float32 to `visemes` (1, n, 13) float32, natural log of the
            probabilities of the blank and of `VISEMES`.
        targets: Of the visemes, from recordings of one's own.

    Source: Y. Assael et al., "LipNet: End-to-End Sentence-level Lipreading", 2016, on lip landmarks
    instead of pictures and visemes instead of letters; A. Graves et al., "Connectionist Temporal
    Classification", ICML 2006.
    """

    def __init__(self, session: Session, targets: Targets | None = None) -> None:
        self._session = session
        self._targets = targets

    @property
    def model(self) -> ModelRef:
        """The network behind it."""
        return self._session.ref

    def __call__(
        self, lips: NDArray[np.float32], words: Sequence[str], language: str
    ) -> float | None:
        """Score one prompt: see `LipScorer`."""
        return score_prompt(self.visemes(lips), words, language)

    def visemes(self, lips: NDArray[np.float32]) -> NDArray[np.float32]:
        """Natural log probabilities (n, 13) of the blank and of each viseme, every 40 ms."""
        read = self._session.run({"lips": lips[None]})[0][0]
        return read if self._targets is None else self._targets(lips, read)


def score_prompt(visemes: NDArray[np.float32], words: Sequence[str], language: str) -> float | None:
    """Standard deviations by which a prompt is likelier than its competitors.

    Args:
        visemes: (n, 13) float32, as `LipReader.visemes` gives them.
        words: Digits, or words of the GRID vocabulary.
        language: `en` or `zh`.
    """
    prompts = [tuple(words), *competitors(words, COHORT)]
    scores = log_likelihoods(visemes, [spell(prompt, language) for prompt in prompts])
    others = scores[1:][np.isfinite(scores[1:])]
    if not np.isfinite(scores[0]) or len(others) < COHORT // 2:
        return None
    return float((scores[0] - others.mean()) / max(float(others.std()), 1e-6))


def competitors(words: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Prompts of the same kind that differ from this one in every place; always the same ones."""
    random = np.random.default_rng(len(words))
    digits = all(word.isdigit() for word in words)
    choices = (
        [tuple("0123456789")] * len(words)
        if digits
        else [tuple(place.split()) for place in _GRID_WORDS]
    )
    if len(choices) != len(words):
        # No grammar is known: the same words in other orders.
        return [tuple(random.permutation(list(words))) for _ in range(count)]
    return [
        tuple(
            str(random.choice([word for word in place if word != own]))
            for place, own in zip(choices, words, strict=True)
        )
        for _ in range(count)
    ]


def spell(words: Sequence[str], language: str) -> tuple[int, ...]:
    """The visemes of words as the network numbers them; 0 is the blank."""
    return tuple(VISEMES.index(v) + 1 for word in words for v in pronounce(word, language))


def log_likelihoods(
    log_probabilities: NDArray[np.float32], labels: Sequence[tuple[int, ...]]
) -> NDArray[np.float64]:
    """Log likelihood of each label string under CTC: the forward algorithm, all strings at once.

    Args:
        log_probabilities: (steps, classes) float32; class 0 is the blank.
        labels: Strings of classes above 0, none empty.

    Returns:
        (len(labels),); minus infinity for a string that does not fit into the steps.
    """
    longest = max(map(len, labels))
    extended = np.zeros((len(labels), 2 * longest + 1), np.intp)
    for row, label in enumerate(labels):
        extended[row, 1 : 2 * len(label) : 2] = label
    # A class may follow the one before the blank only if the two differ.
    skips = np.zeros(extended.shape, np.bool_)
    skips[:, 3::2] = extended[:, 3::2] != extended[:, 1:-2:2]
    skip_cost = np.where(skips, 0.0, -np.inf)[:, 2:]
    steps = log_probabilities.astype(np.float64)
    alpha = np.full(extended.shape, -np.inf)
    alpha[:, :2] = steps[0][extended[:, :2]]
    for step in steps[1:]:
        before = alpha.copy()
        alpha[:, 1:] = np.logaddexp(alpha[:, 1:], before[:, :-1])
        alpha[:, 2:] = np.logaddexp(alpha[:, 2:], before[:, :-2] + skip_cost)
        alpha += step[extended]
    ends = np.array([2 * len(label) for label in labels])
    rows = np.arange(len(labels))
    return np.asarray(np.logaddexp(alpha[rows, ends], alpha[rows, ends - 1]))
