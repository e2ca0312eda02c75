"""Which thresholds judge a check, where neither policy nor calibration gives any?"""

from typing import TYPE_CHECKING

from veridical.catalogue import CHECKS, Bands, SameAs
from veridical.models import ModelStore, Profile
from veridical.result import OperatingPoint

if TYPE_CHECKING:  # policies read thresholds; they load no engine for it
    from veridical.analysis.engines import Engines

__all__ = ["operating_points", "own_points", "points_of"]


def own_points() -> dict[str, OperatingPoint]:
    """Thresholds of the checks that no single model scores, by check."""
    return {
        name: OperatingPoint(
            spec.point.accept_at,
            spec.point.reject_below,
            "recording" if spec.for_recordings else "rules",
        )
        for name, spec in CHECKS.items()
        if isinstance(spec.point, Bands)
    }


def operating_points(store: ModelStore, profile: Profile) -> dict[str, OperatingPoint]:
    """Thresholds by check: the check's own, or those of the profile and its models' cards.

    A check whose models come with none has none: a model that is put in another's place never
    inherits its numbers.
    """
    carded = {check: found.point for check, found in store.operating_points(profile).items()}
    points = own_points() | carded
    for name, spec in CHECKS.items():
        if isinstance(spec.point, SameAs) and spec.point.check in points:
            points.setdefault(name, points[spec.point.check])
    return points


def points_of(engines: "Engines") -> dict[str, OperatingPoint]:
    """Thresholds by check, of model cards and adaptation; a policy's own go before them."""
    points = operating_points(engines.store, engines.profile)
    if engines.adaptation is not None:
        points["liveness.lips"] = engines.adaptation.point
    return points
