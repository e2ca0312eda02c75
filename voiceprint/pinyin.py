"""How far apart do two stretches of Mandarin sound? By their pinyin: a recogniser errs by sound.

Who hears 急剧 and writes 几句 was not told other words: he was told these and spelt them otherwise.
Only what sounds otherwise can have been said otherwise.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

__all__ = ["sounds_apart"]

TONE_ONLY: Final = 0.25
"""买 and 卖: half heard, half known from what stands beside them."""
NEAR: Final = 0.5
"""One of the sounds that many speakers do not part, and recognisers neither."""
NEAR_INITIALS: Final = frozenset(
    map(frozenset, (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("r", "l"), ("f", "h")))
)
NEAR_FINALS: Final = frozenset(
    map(
        frozenset,
        (("an", "ang"), ("en", "eng"), ("in", "ing"), ("ian", "iang"), ("uan", "uang"),
         ("un", "en"), ("ong", "eng"), ("uo", "u"), ("uo", "ou")),
    )
)  # fmt: skip
INITIALS: Final = (
    *("zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "r"),
    *("z", "c", "s", "y", "w"),
)
DIGITS: Final = ("零", "一幺", "二两", "三", "四", "五", "六", "七", "八", "九")
"""How the digits that numbers are brought to are said."""


class _Syllable(NamedTuple):
    initial: str
    final: str
    tone: str


def sounds_apart(expected: Sequence[str], heard: Sequence[str]) -> float:
    """How far apart two stretches sound, in syllables.

    Args:
        expected: Units of `wording.units`: single characters, digits, words of other scripts.
        heard: The same of what was written down.

    Returns:
        0 for the same sounds in the same tones; a quarter for every other tone and half for every
        pair of sounds that are hardly told apart; 1 for every other, missing or further syllable.
    """
    costs = [float(j) for j in range(len(heard) + 1)]
    for i, own in enumerate(expected):
        left = costs
        costs = [i + 1.0]
        for j, other in enumerate(heard):
            costs.append(min(left[j] + _apart(own, other), left[j + 1] + 1, costs[j] + 1))
    return costs[-1]


@cache
def _apart(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return min((_between(a, b) for a in _readings(one) for b in _readings(other)), default=1.0)


def _between(a: _Syllable, b: _Syllable) -> float:
    apart = 0.0 if a.tone == b.tone or "5" in (a.tone, b.tone) else TONE_ONLY
    for mine, its, near in ((a.initial, b.initial, NEAR_INITIALS), (a.final, b.final, NEAR_FINALS)):
        if mine != its:
            apart += NEAR if {mine, its} in near else 1.0
    return min(apart, 1.0)


def _readings(unit: str) -> tuple[_Syllable, ...]:
    characters = DIGITS[int(unit)] if unit.isascii() and unit.isdigit() and len(unit) == 1 else unit
    known = _table()
    return tuple(reading for character in characters for reading in known.get(character, ()))


@cache
def _table() -> dict[str, tuple[_Syllable, ...]]:
    """Readings by character."""
    table = files("veridical.voiceprint") / "tables" / "pinyin.txt"
    found: dict[str, list[_Syllable]] = defaultdict(list)
    for line in table.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            reading, characters = line.split(" ")
            syllable = _cut(reading)
            for character in characters:
                found[character].append(syllable)
    return {character: tuple(own) for character, own in found.items()}


def _cut(reading: str) -> _Syllable:
    """`zhong4` to zh, ong, 4."""
    plain, tone = reading[:-1], reading[-1]
    initial = next((one for one in INITIALS if plain.startswith(one)), "")
    final = plain.removeprefix(initial)
    if initial in ("j", "q", "x", "y"):
        final = final.replace("u", "v", 1) if final.startswith("u") else final
    return _Syllable(initial, final, tone)
