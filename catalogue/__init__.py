"""Every check, declared once: what a policy may name, and all that is derived from it."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

from veridical.catalogue import (
    document,
    face,
    liveness,
    moment,
    present,
    proof,
    recording,
    signals,
    voice,
    watchlist,
)
from veridical.catalogue.common import COMMON_EVIDENCE, COMMON_REASONS
from veridical.catalogue.spec import (
    Bands,
    CheckSpec,
    FromCard,
    Language,
    Medium,
    Need,
    Reason,
    SameAs,
    Text,
    Trait,
)

__all__ = [
    "CHECKS",
    "COMMON_EVIDENCE",
    "REASONS",
    "Bands",
    "CheckSpec",
    "FromCard",
    "Language",
    "Medium",
    "Need",
    "Reason",
    "SameAs",
    "Text",
    "Trait",
    "all_checks",
    "all_reasons",
    "checks_with",
]


def all_checks(specs: tuple[CheckSpec, ...]) -> Mapping[str, CheckSpec]:
    """Checks by name, in the order given.

    Raises:
        ValueError: Two have one name, or one is judged as a check that is none.
    """
    found = {spec.name: spec for spec in specs}
    if len(found) < len(specs):
        names = [spec.name for spec in specs]
        raise ValueError(f"declared twice: {sorted({n for n in names if names.count(n) > 1})}")
    for spec in specs:
        if isinstance(spec.point, SameAs) and spec.point.check not in found:
            raise ValueError(
                f"check {spec.name!r} is judged as {spec.point.check!r}, which is none"
            )
    return MappingProxyType(found)


def all_reasons(
    common: tuple[Reason, ...], checks: Mapping[str, CheckSpec]
) -> Mapping[str, Reason]:
    """Reasons by code.

    Raises:
        ValueError: One is declared at two homes, or a check shares one that has none.
    """
    found: dict[str, Reason] = {}
    for reason in chain(common, *(spec.reasons for spec in checks.values())):
        if found.setdefault(reason.code, reason) is not reason:
            raise ValueError(f"reason {reason.code!r} has two homes: let one check share it")
    for spec in checks.values():
        if lost := [code for code in (spec.lacking, *spec.shares) if code not in found]:
            raise ValueError(f"check {spec.name!r} gives {lost}, which no check is the home of")
    return MappingProxyType(found)


CHECKS = all_checks(
    (
        *document.SPECS,
        *proof.SPECS,
        *face.SPECS,
        *liveness.SPECS,
        *moment.SPECS,
        *voice.SPECS,
        *present.SPECS,
        *watchlist.SPECS,
        *recording.SPECS,
        *signals.SPECS,
    )
)
"""Every check by name, in the order in which they run."""


def checks_with(*traits: Trait) -> frozenset[str]:
    """Names of the checks that have any of some traits."""
    return frozenset(name for name, spec in CHECKS.items() if spec.traits.intersection(traits))


REASONS = all_reasons(COMMON_REASONS, CHECKS)
"""Every reason by code."""
