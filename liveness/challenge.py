"""What shall the applicant read aloud or do, and when is each of it shown?

A challenge is drawn on the server, known to nobody before, used once and soon too old. Its secrets
are drawn apart from each other: the digits, the moments at which they appear one by one, the
colours that light the face meanwhile, the turns of the head. A recording made earlier has others,
or the right ones at the wrong moments.
"""

import math
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import Any

from veridical.errors import ChallengeError, InputError
from veridical.liveness.light.colours import draw_colours
from veridical.liveness.lips.visemes import viseme_distance
from veridical.liveness.motion.course import draw_turns
from veridical.types import Challenge, Colours, Turns

__all__ = [
    "HORIZON_MS",
    "PACES",
    "ChallengeBook",
    "IssuedChallenge",
    "Pace",
    "challenge_of",
    "draw_challenge",
    "draw_movement",
    "draw_phrase",
    "end_of",
    "view_until",
    "with_colours",
]

DIGITS = "0123456789"
TELLING = {"en": frozenset("0124"), "zh": frozenset("2358")}
"""Digits whose lips stand apart from the others': the four with the largest mean distance in `en`;
in `zh` one of each group that looks alike (wu for wu/liu/jiu) and the three next to it."""

_GRID_GRAMMAR = (
    ("bin", "lay", "place", "set"),
    ("blue", "green", "red", "white"),
    ("at", "by", "in", "with"),
    tuple("abcdefghijklmnopqrstuvxyz"),
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    ("again", "now", "please", "soon"),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How digits appear on the screen.

    Attributes:
        lead_ms: Shortest and longest wait before the first digit.
        shown_ms: Shortest and longest time a digit stands before the next one.

    Raises:
        InputError: A time is not positive, or shortest and longest are swapped.
    """

    lead_ms: tuple[float, float] = (600.0, 1400.0)
    shown_ms: tuple[float, float] = (700.0, 1100.0)

    def __post_init__(self) -> None:
        for shortest, longest in (self.lead_ms, self.shown_ms):
            if not 0 < shortest <= longest < math.inf:
                raise InputError(
                    f"a pace wants 0 < shortest <= longest in ms, got {shortest} and {longest}",
                    "challenge.malformed",
                )


PACES = {"usual": Pace(), "strict": Pace(shown_ms=(700.0, 1900.0))}
"""What a policy may name. An old answer with the right digits follows a strict schedule by chance a
quarter as often as a usual one; six digits take two seconds more."""


def draw_challenge(
    language: str = "en",
    length: int = 6,
    pace: Pace = Pace(),
    source: random.Random | None = None,
) -> Challenge:
    """Draw digits and the schedule on which they are shown.

    Every digit occurs once at most, neighbours look different on the lips, at least half of the
    digits are telling ones, and no three in a row go up or down by equal steps. Among the strings
    that fit, each is equally likely.

    Args:
        language: `en` or `zh`.
        length: Digits, 4 to 8.
        pace: How fast they appear.
        source: Where chance comes from; the system's secure source unless a test hands one in.

    Raises:
        InputError: `challenge.malformed`: another language or length.
    """
    if language not in TELLING or not 4 <= length <= 8:
        raise InputError(
            f"a challenge has 4 to 8 digits in en or zh, asked for {length} in {language!r}",
            "challenge.malformed",
        )
    chance = source or secrets.SystemRandom()
    digits = chance.sample(DIGITS, length)
    while not _is_fit(digits, language):
        digits = chance.sample(DIGITS, length)
    return Challenge("".join(digits), language, _draw_schedule(length, pace, chance))


def draw_phrase(
    pace: Pace = Pace(),
    source: random.Random | None = None,
) -> Challenge:
    """Draw an English sentence of the GRID grammar, such as `lay blue at f two now`.

    For measuring with recordings of that corpus; applicants are asked for digits.

    Args:
        pace: How fast the words appear.
        source: As in `draw_challenge`.

    Source: M. Cooke et al., "An audio-visual corpus for speech perception and automatic speech
    recognition", JASA 120, 2006.
    """
    chance = source or secrets.SystemRandom()
    words = [chance.choice(choices) for choices in _GRID_GRAMMAR]
    return Challenge("", "en", _draw_schedule(len(words), pace, chance), " ".join(words))


LIT_MS = 8000.0
"""How long colours last that nothing is read or done beside."""
HORIZON_MS = 1500.0
"""How far ahead a challenge that is revealed in steps is told: the way of a slice to the server and
back must fit in."""
LAST_WORD_MS = 1500.0
"""From the moment the last digit is shown until it is said."""


def draw_movement(
    turns: int = 3, language: str = "en", source: random.Random | None = None
) -> Challenge:
    """Draw turns of the head and nothing to be spoken.

    Args:
        turns: How many, 2 to 4.
        language: Of the guidance, `en` or `zh`.
        source: As in `draw_challenge`.
    """
    return Challenge("", language, turns=draw_turns(turns, source))


def with_colours(challenge: Challenge, source: random.Random | None = None) -> Challenge:
    """Add colours, drawn apart from the rest, that last as long as the rest does.

    Args:
        challenge: What is read or done meanwhile, on a schedule.
        source: As in `draw_challenge`.

    Raises:
        ValueError: Nothing in it has a time.
    """
    ends_ms = [challenge.turns.end_ms] if challenge.turns else []
    if challenge.schedule_ms:
        ends_ms.append(challenge.schedule_ms[-1] + LAST_WORD_MS)
    if not ends_ms:
        raise ValueError("colours want a challenge with a schedule or turns")
    return replace(challenge, colours=draw_colours(max(ends_ms), source))


def end_of(challenge: Challenge) -> float:
    """By when all of it has been shown, in ms from the start of the recording."""
    ends_ms = [part.end_ms for part in (challenge.colours, challenge.turns) if part is not None]
    if challenge.schedule_ms:
        ends_ms.append(challenge.schedule_ms[-1] + LAST_WORD_MS)
    return max(ends_ms, default=0.0)


def view_until(challenge: Challenge, until_ms: float) -> dict[str, Any]:
    """What of a challenge begins before a time, as JSON: what is told by then.

    Args:
        challenge: With its times.
        until_ms: From the start of the recording.
    """
    count = sum(start < until_ms for start in challenge.schedule_ms)
    told: dict[str, Any] = {
        "digits": challenge.digits[:count],
        "schedule_ms": list(challenge.schedule_ms[:count]),
    }
    if (colours := challenge.colours) is not None:
        count = sum(start < until_ms for start in colours.starts_ms)
        told["colours"] = {
            "shown": list(colours.shown[:count]),
            "starts_ms": list(colours.starts_ms[:count]),
            "end_ms": colours.end_ms,
        }
    if (turns := challenge.turns) is not None:
        count = sum(start < until_ms for start in turns.starts_ms)
        told["turns"] = {
            "directions": list(turns.directions[:count]),
            "starts_ms": list(turns.starts_ms[:count]),
            "end_ms": turns.end_ms,
        }
    return told


def challenge_of(told: Mapping[str, Any]) -> Challenge:
    """Read what `Challenge.as_json` wrote, of this version or of one that asked for less.

    Raises:
        InputError: `challenge.malformed`: something else.
    """
    try:
        parts: dict[str, Any] = {"digits": "", **told}
        for name, kind in (("colours", Colours), ("turns", Turns)):
            if (part := parts.get(name)) is not None:
                parts[name] = kind(**{key: _frozen(value) for key, value in part.items()})
        return Challenge(**{key: _frozen(value) for key, value in parts.items()})
    except (TypeError, AttributeError):
        raise InputError(
            "a challenge is an object with digits, language, schedule_ms, phrase, colours or turns",
            "challenge.malformed",
        ) from None


def _frozen(value: Any) -> Any:  # noqa: ANN401
    return tuple(value) if isinstance(value, list) else value


def _draw_schedule(count: int, pace: Pace, chance: random.Random) -> tuple[float, ...]:
    times = [chance.uniform(*pace.lead_ms)]
    while len(times) < count:
        times.append(times[-1] + chance.uniform(*pace.shown_ms))
    return tuple(round(t, 1) for t in times)


def _is_fit(digits: list[str], language: str) -> bool:
    values = [int(digit) for digit in digits]
    steps = [b - a for a, b in pairwise(values)]
    even = any(a == b for a, b in pairwise(steps))
    telling = sum(digit in TELLING[language] for digit in digits)
    return (
        not even
        and 2 * telling >= len(digits)
        and all(viseme_distance(a, b, language) >= _apart(language) for a, b in pairwise(digits))
    )


@cache
def _apart(language: str) -> float:
    """The distance that neighbours must reach: that of the lower third of all pairs."""
    pairs = sorted(viseme_distance(a, b, language) for a in DIGITS for b in DIGITS if a < b)
    return pairs[len(pairs) // 3]


@dataclass(frozen=True, slots=True)
class IssuedChallenge:
    """A challenge somebody was asked to answer.

    Attributes:
        id: What the applicant's device sends back; unguessable.
        challenge: Stays on the server until the digits are shown.
        expires_at: By the clock of the book that issued it, in seconds.
    """

    id: str
    challenge: Challenge
    expires_at: float


class ChallengeBook:
    """Challenges that are out: each can be spent once, and only in time. Safe in many threads.

    It lives in one process. A service of several processes keeps its challenges in its store.

    Args:
        lifetime_s: From issue to the last moment at which an answer is taken.
        most: Challenges that may be out at once; a bound on memory.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self,
        lifetime_s: float = 60.0,
        most: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime_s = lifetime_s
        self._most = most
        self._clock = clock
        self._lock = Lock()
        self._out: dict[str, IssuedChallenge] = {}

    def issue(self, challenge: Challenge) -> IssuedChallenge:
        """Note a challenge as asked.

        Raises:
            ChallengeError: `challenge.too_many`: more are out than the book holds.
        """
        with self._lock:
            now = self._clock()
            # Oldest first: a dict keeps its order, and every challenge lives equally long.
            while self._out:
                oldest = next(iter(self._out.values()))
                if oldest.expires_at > now:
                    break
                del self._out[oldest.id]
            if len(self._out) >= self._most:
                raise ChallengeError(
                    f"{self._most} challenges are out already; try again shortly",
                    "challenge.too_many",
                )
            issued = IssuedChallenge(secrets.token_urlsafe(16), challenge, now + self._lifetime_s)
            self._out[issued.id] = issued
            return issued

    def spend(self, challenge_id: str) -> Challenge:
        """Take a challenge out of the book; nobody can use it again.

        Raises:
            ChallengeError: `challenge.unknown`: it was never issued, or is spent;
                `challenge.expired`: it is too old.
        """
        with self._lock:
            issued = self._out.pop(challenge_id, None)
            now = self._clock()
        if issued is None:
            raise ChallengeError(
                "this challenge was never issued or is spent; start a new transaction",
                "challenge.unknown",
            )
        if now >= issued.expires_at:
            raise ChallengeError(
                f"this challenge is older than {self._lifetime_s:.0f} s; start a new transaction",
                "challenge.expired",
            )
        return issued.challenge
