"""Names and addresses such as real people have, by what is hard about them; all are invented.

Each is drawn by a number, so that a bank of any size repeats itself.
"""

from collections.abc import Callable, Mapping

from numpy.random import Generator

from veridical.rehearsal.specimens.people import CITIES, WORDS

__all__ = ["ADDRESSES", "NAMES"]


def _surname(rng: Generator) -> str:
    return str(rng.choice(WORDS["surnames"]))


def _given(rng: Generator, words: list[str], count: int) -> str:
    return "".join(rng.choice(words, size=count))


def _dotted(rng: Generator, least: int, most: int) -> str:
    """A name of two parts with a dot, of so many characters with it."""
    while True:
        parts = [
            "".join(rng.choice(WORDS["turkic"], size=int(rng.integers(1, 4)))) for _ in range(2)
        ]
        name = "·".join(parts)
        if least <= len(name) <= most:
            return name


NAMES: Mapping[str, Callable[[Generator], str]] = {
    "two": lambda rng: _surname(rng) + _given(rng, WORDS["given"], 1),
    "three": lambda rng: _surname(rng) + _given(rng, WORDS["given"], 2),
    "double": lambda rng: (
        str(rng.choice(WORDS["double_surnames"]))
        + _given(rng, WORDS["given"], int(rng.integers(1, 3)))
    ),
    "thin": lambda rng: _surname(rng) + _given(rng, WORDS["thin"], int(rng.integers(1, 3))),
    "rare": lambda rng: _surname(rng) + _given(rng, WORDS["rare"], int(rng.integers(1, 3))),
    "folded": lambda rng: _surname(rng) + _given(rng, WORDS["folded"], int(rng.integers(1, 3))),
    "twin": lambda rng: _surname(rng) + str(rng.choice(["𠮷", "吉", "﨑", "崎"])),
    "tibetan": lambda rng: _given(rng, WORDS["tibetan"], 2),
    "dot": lambda rng: _dotted(rng, 4, 9),
    "two_rows": lambda rng: _dotted(rng, 10, 15),
}
"""Names by what is hard about them."""


def _city(rng: Generator) -> str:
    return CITIES[rng.integers(len(CITIES))][1] + str(rng.choice(WORDS["districts"])) + "区"


def _house(rng: Generator) -> str:
    """The end of an address, in the ways people write it."""
    a, b, c = rng.integers(1, 40), rng.integers(1, 9), rng.integers(101, 2904)
    ends = (
        f"{a}栋{b}F",
        f"{a}-{b}-{c}",
        f"{chr(65 + int(b))}座{c}室",
        f"{a}号之{'一二三四五六七八'[b - 1]}",
    )
    return str(rng.choice([*ends, f"{a}弄{b}号{c}室", f"{a}号{b}门", f"{a}幢{c}", f"附{b}号"]))


def _road(rng: Generator) -> str:
    return f"{rng.choice(WORDS['roads'])}{rng.integers(1, 999)}号"


ADDRESSES: Mapping[str, Callable[[Generator], str]] = {
    "one_row": lambda rng: f"{rng.choice(WORDS['districts'])}县{rng.choice(WORDS['villages'])}",
    "two_rows": lambda rng: _city(rng) + _road(rng) + str(rng.integers(1, 40)) + "栋",
    "three_rows": lambda rng: (
        _city(rng) + str(rng.choice(WORDS["roads"])) + _road(rng) + _house(rng)
    ),
    "four_rows": lambda rng: (
        str(rng.choice(WORDS["regions"])) + str(rng.choice(WORDS["towns"])) + _road(rng)[:4]
    ),
    "ends": lambda rng: _city(rng) + _road(rng) + _house(rng),
}
"""Addresses by how many rows they take, and with the ends that people write."""
