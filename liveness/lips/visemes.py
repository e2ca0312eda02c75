"""How does a mouth look while it says a word?

A viseme is a class of sounds that look alike. The table below was written from articulatory
phonetics; it holds the digits of both languages and the vocabulary of the GRID corpus, whose
sentences are the phrases we can test with.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError

__all__ = ["VISEMES", "movement", "pronounce", "viseme_distance"]

VISEMES = "PFTSHRWKIEAO"
"""P: p b m. F: f v. T: t d n l th. S: s z and Mandarin x q j. H: sh ch j. R: r. W: w, oo.
K: k g h ng. I: ee, i. E: e, schwa. A: a. O: o, aw."""

# Opening, width and rounding of the lips, each -1..1 from the mouth at rest.
_SHAPES = {
    "P": (-1.0, 0.0, 0.1),
    "F": (-0.7, 0.0, -0.1),
    "T": (-0.2, 0.1, -0.1),
    "S": (-0.3, 0.3, -0.2),
    "H": (-0.1, -0.4, 0.6),
    "R": (-0.2, -0.5, 0.7),
    "W": (-0.5, -0.8, 1.0),
    "K": (0.1, 0.1, -0.1),
    "I": (0.1, 0.7, -0.4),
    "E": (0.4, 0.3, -0.2),
    "A": (1.0, 0.1, -0.1),
    "O": (0.6, -0.5, 0.7),
}
_VOWELS = "IEAOW"

_ENGLISH = {
    "0": "SIROW", "1": "WAT", "2": "TW", "3": "TRI", "4": "FOR",
    "5": "FAIF", "6": "SIKS", "7": "SEFET", "8": "EIT", "9": "TAIT",
    "zero": "SIROW", "one": "WAT", "two": "TW", "three": "TRI", "four": "FOR",
    "five": "FAIF", "six": "SIKS", "seven": "SEFET", "eight": "EIT", "nine": "TAIT",
    "bin": "PIT", "lay": "TEI", "place": "PTEIS", "set": "SET",
    "blue": "PTW", "green": "KRIT", "red": "RET", "white": "WAIT",
    "at": "AT", "by": "PAI", "in": "IT", "with": "WIT",
    "again": "EKET", "now": "TAW", "please": "PTIS", "soon": "SWT",
    "a": "EI", "b": "PI", "c": "SI", "d": "TI", "e": "I", "f": "EF", "g": "HI", "h": "EIH",
    "i": "AI", "j": "HEI", "k": "KEI", "l": "ET", "m": "EP", "n": "ET", "o": "OW", "p": "PI",
    "q": "KIW", "r": "AR", "s": "ES", "t": "TI", "u": "IW", "v": "FI", "x": "EKS", "y": "WAI",
    "z": "SET",
}  # fmt: skip
_MANDARIN = {
    "0": "TIK", "1": "I", "2": "EK", "3": "SAT", "4": "S",
    "5": "W", "6": "TIW", "7": "SI", "8": "PA", "9": "SIW",
}  # fmt: skip
_LEXICON = {"en": _ENGLISH, "zh": _MANDARIN}

_POINTS = 24
_REST_POINTS = 3


def pronounce(word: str, language: str = "en") -> str:
    """The visemes of a word.

    Args:
        word: A digit, or a word of the GRID vocabulary in lower case.
        language: `en` or `zh`.

    Returns:
        Letters of `VISEMES`, in the order in which they are seen.

    Raises:
        InputError: `challenge.unknown_word`: the word is not in the table.
    """
    try:
        return _LEXICON[language][word]
    except KeyError:
        raise InputError(
            f"no visemes are known for {word!r} in {language!r}; digits, and in English the words "
            "of the GRID corpus, are",
            "challenge.unknown_word",
        ) from None


@cache
def viseme_distance(first: str, second: str, language: str = "en") -> float:
    """How differently two words move the lips.

    The mean distance between their movements (opening, width, rounding) under the best warp of
    time: 0 for words that look alike, about 1 for words that anybody can tell apart.

    Raises:
        InputError: As `pronounce`.
    """
    a, b = (movement(word, language) for word in (first, second))
    steps = np.linalg.norm(a[:, None] - b[None], axis=-1)
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            # A step in one word alone costs half as much again: warping is no free lunch.
            least = min(
                cost[i, j], cost[i, j + 1] + steps[i, j] / 2, cost[i + 1, j] + steps[i, j] / 2
            )
            cost[i + 1, j + 1] = least + steps[i, j]
    return float(cost[-1, -1]) / max(len(a), len(b))


def movement(word: str, language: str = "en") -> NDArray[np.float64]:
    """How lips move through a word, from rest to rest.

    Returns:
        (points, 3): opening, width and rounding, each -1..1 from the mouth at rest, evenly over
        the word.

    Raises:
        InputError: As `pronounce`.
    """
    visemes = pronounce(word, language)
    lengths = np.array([2.0 if viseme in _VOWELS else 1.0 for viseme in visemes])
    middles = np.cumsum(lengths) - lengths / 2
    at = np.linspace(0, lengths.sum(), _POINTS)
    shapes = np.array([_SHAPES[viseme] for viseme in visemes])
    moved = np.stack([np.interp(at, middles, shapes[:, k]) for k in range(3)], axis=1)
    rest = np.zeros((_REST_POINTS, 3))
    return np.concatenate([rest, moved, rest])
