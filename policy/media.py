"""What does a policy want of an applicant, and is it enough for what it asks?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from veridical.catalogue import CHECKS, Medium
from veridical.policy.policy import Policy

__all__ = ["Wanted", "unassessable", "wanted_media"]

_HANDED_IN: tuple[Medium, ...] = (
    "document_front", "document_back", "chip", "clip", "selfie", "voice", "recording",
)  # fmt: skip
"""What an applicant can hand in, in the order in which it is asked for."""
DRAWN = frozenset({"digits", "colours", "turns"})
"""What is drawn for one recording; a statement is the caller's."""
_ENROLLED: dict[str, frozenset[Medium]] = {
    # Somebody new may be a known customer who opens another account: a voice is there, the face is
    # that of the document.
    "onboarding": frozenset({"enrolled_voice"}),
    "reverify": frozenset({"enrolled_face", "enrolled_voice"}),
    "recording": frozenset({"enrolled_face", "enrolled_voice"}),
}
"""What may be there already, by kind of transaction."""
_BESIDE: dict[Medium, Medium] = {
    "document_front": "document_back",
    "selfie": "clip",
    "clip": "selfie",  # of somebody who cannot speak
}
"""What is taken beside a medium."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an applicant hands in.

    Attributes:
        required: Kinds without which nothing is judged.
        optional: Kinds that are taken as well.
        prompts: What is drawn for a recording: `digits` to be read aloud, `colours` that light the
            face, `turns` of the head.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    prompts: frozenset[str] = frozenset()

    @property
    def challenge(self) -> bool:
        """Whether anything is drawn."""
        return bool(self.prompts)

    def missing(self, received: Sequence[str]) -> list[str]:
        """Required kinds that are not there; a clip stands in for selfie and voice."""
        there = {*received, *(("selfie", "voice") if "clip" in received else ())}
        return [kind for kind in self.required if kind not in there]

    def without_speech(self) -> "Wanted":
        """What somebody hands in who cannot read digits aloud: a selfie does for the clip."""
        required = tuple("selfie" if kind == "clip" else kind for kind in self.required)
        return replace(self, required=required, prompts=frozenset())


def wanted_media(policy: Policy, kind: str, script_digits: int = 0) -> Wanted:
    """The media a transaction under a policy asks for: what its checks need, and no more.

    Args:
        policy: What is asked.
        kind: `onboarding`, `reverify`, which compares with the enrolled face, or `recording`.
        script_digits: How many digits the script of a recording asks for; 0 for none.
    """
    if kind == "recording":
        return Wanted(("recording",), (), frozenset({"digits"} if script_digits else ()))
    enrolled = _ENROLLED[kind]
    required = _chosen(policy.required, enrolled)
    optional = _beside(required)
    more = _chosen(policy.optional, enrolled | required | optional)
    optional = (optional | more | _beside(more)) - required
    return Wanted(
        tuple(medium for medium in _HANDED_IN if medium in required),
        tuple(medium for medium in _HANDED_IN if medium in optional),
        frozenset(CHECKS[check].prompt for check in policy.checks) & DRAWN,
    )


def unassessable(policy: Policy, kind: str) -> tuple[str, ...]:
    """Checks that can never be assessed with what a transaction of a kind has."""
    wanted = wanted_media(policy, kind)
    there = {*wanted.required, *wanted.optional, *_ENROLLED[kind]}
    return tuple(check for check in policy.checks if not CHECKS[check].can_be_assessed(there))


def _beside(media: set[Medium]) -> set[Medium]:
    return {_BESIDE[medium] for medium in media if medium in _BESIDE}


def _chosen(checks: Sequence[str], there: Collection[Medium]) -> set[Medium]:
    """What to ask for so that each check has all it needs, beside what is there."""
    chosen: set[Medium] = set()
    needs = (need for check in checks for need in CHECKS[check].needs)
    # Those without a choice first: the clip that one check needs serves another for the selfie.
    for need in sorted(needs, key=len):
        asked = [medium for medium in need if medium in _HANDED_IN]
        if asked and chosen.isdisjoint(need) and not any(medium in there for medium in need):
            chosen.add(asked[0])
    return chosen
