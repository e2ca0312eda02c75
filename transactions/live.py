"""A recording that is sent while it is made: what has come of it, and what is told by now."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Self

from veridical.liveness.challenge import (
    HORIZON_MS,
    LIT_MS,
    PACES,
    challenge_of,
    draw_challenge,
    draw_movement,
    end_of,
    view_until,
    with_colours,
)
from veridical.liveness.light.colours import draw_colours
from veridical.liveness.motion.course import draw_turns
from veridical.store import Connection
from veridical.store.uploads import Medium, medium_pieces
from veridical.store.vault import Vault
from veridical.transactions.resources import ProblemError
from veridical.types import Challenge
from veridical.verification import Policy

__all__ = [
    "LARGEST_SLICE",
    "MOST_SLICES",
    "SLICE_MS",
    "LiveChallenge",
    "draw",
]

SLICE_MS = 500
"""How long a slice should be: the shorter, the less is told ahead of what is there."""
MOST_SLICES = 400
LARGEST_SLICE = 4 << 20


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice that arrived.

    Attributes:
        sha256: Of its bytes, in hexadecimal digits.
        size: Their number.
        arrived_ms: When it was here, from when the challenge was told.
    """

    sha256: str
    size: int
    arrived_ms: float


@dataclass(frozen=True, slots=True)
class LiveChallenge:
    """A challenge as a transaction keeps it.

    Attributes:
        challenge: What is asked.
        issued_at: When it was drawn, in ms since 1970.
        stepwise: Whether it is told in steps.
        upload: Names the pieces of the recording; empty where none is sent in slices.
        slices: What arrived of it, in order.
        whole: Whether the last slice is there.
    """

    challenge: Challenge
    issued_at: int
    stepwise: bool = False
    upload: str = ""
    slices: tuple[Slice, ...] = ()
    whole: bool = False

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """Read what was kept, by this version or by one that knew digits alone."""
        kept = dict(kept)
        issued_at, live = int(kept.pop("issued_at")), kept.pop("live", {})
        slices = tuple(Slice(*one) for one in live.pop("slices", ()))
        return cls(challenge_of(kept), issued_at, slices=slices, **live)

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        kept = {**self.challenge.as_json(), "issued_at": self.issued_at}
        if self.stepwise:
            kept["live"] = {
                "stepwise": True,
                "upload": self.upload,
                "slices": [[one.sha256, one.size, one.arrived_ms] for one in self.slices],
                "whole": self.whole,
            }
        return kept

    @property
    def told_ms(self) -> float:
        """Everything is told that begins before: the horizon moves when a slice arrives."""
        if not self.stepwise:
            return end_of(self.challenge)
        latest = self.slices[-1].arrived_ms if self.slices else 0.0
        return latest + HORIZON_MS

    def view(self) -> dict[str, Any]:
        """What the applicant's device may know by now."""
        end_ms = end_of(self.challenge)
        told_ms = self.told_ms if self.stepwise else end_ms + 1.0
        told = view_until(self.challenge, told_ms)
        if self.stepwise or {"colours", "turns"} & told.keys():
            told |= {"end_ms": end_ms, "told_ms": told_ms}
        return told

    def taking(self, number: int, data: bytes, now: int, *, last: bool) -> "LiveChallenge":
        """The same with one slice more; itself for a slice that is there already.

        Raises:
            ProblemError: `slices.not_stepwise`, `slices.order`, `slices.too_many`.
        """
        if not self.stepwise:
            raise ProblemError(
                409, "slices.not_stepwise", "draw a challenge with reveal = stepwise first"
            )
        digest = hashlib.sha256(data).hexdigest()
        if number < len(self.slices) and self.slices[number].sha256 == digest:
            return self
        if number != len(self.slices) or self.whole:
            raise ProblemError(
                409,
                "slices.order",
                f"slice {len(self.slices)} is wanted, each once and none after the last; "
                "draw a new challenge to begin anew",
            )
        if number >= MOST_SLICES:
            raise ProblemError(409, "slices.too_many", f"a recording has {MOST_SLICES} slices")
        one = Slice(digest, len(data), float(now - self.issued_at))
        return replace(self, slices=(*self.slices, one), whole=last)

    def medium(self, connection: Connection, vault: Vault) -> Medium:
        """The whole recording as a medium, its pieces where they are."""
        size = sum(one.size for one in self.slices)
        unhashed = Medium("clip", b"", size, self.upload)
        whole = hashlib.sha256()
        for piece in medium_pieces(connection, vault, unhashed):
            whole.update(piece)
        return Medium("clip", whole.digest(), size, self.upload)


def draw(policy: Policy, prompts: frozenset[str], language: str, digits: int) -> Challenge:
    """Draw what a policy asks for, each part apart from the others.

    Args:
        policy: For its pace.
        prompts: Of `digits`, `turns` and `colours`, at least one.
        language: Of what is spoken.
        digits: How many.
    """
    if "digits" in prompts:
        drawn = draw_challenge(language, digits, PACES[policy.pace])
        if "turns" in prompts:
            drawn = replace(drawn, turns=draw_turns(3))
    elif "turns" in prompts:
        drawn = draw_movement(language=language)
    else:
        return Challenge("", language, colours=draw_colours(LIT_MS))
    return with_colours(drawn) if "colours" in prompts else drawn
