"""Could one person have been at both places?

Places come from devices and networks, and both can be told: one who lies about the place is not
found here. Somebody who uses an identity from where its owner is not, and says so, is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from veridical.result import EvidenceValue, Measurement

__all__ = ["Place", "TravelCheck", "distance_km"]

_EARTH_KM = 6_371.0
_LEAST_H = 1 / 60
"""Two attempts within a minute are taken as one minute apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt was made, and when.

    Attributes:
        latitude: In degrees.
        longitude: In degrees.
        at: ms since 1970.
    """

    latitude: float
    longitude: float
    at: int


class TravelCheck:
    """Holds the speed between an attempt and those under the same identity against an airliner's.

    Args:
        kmh: Fastest journey that is nothing remarkable.
        slack_km: So far off a place may be told without anybody having moved.
    """

    name = "signals.travel"

    def __init__(self, kmh: float, slack_km: float) -> None:
        self._kmh = kmh
        self._slack_km = slack_km

    def __call__(self, here: Place | None, earlier: Sequence[Place], source: str) -> Measurement:
        """Judge one attempt.

        Args:
            here: Of the attempt; None where nobody told.
            earlier: Of attempts before under the same identity.
            source: Where the places come from, for the evidence.

        Returns:
            `signals.travel`: 1 while nobody need have travelled faster than an airliner, else its
            speed over the one needed, with reason `impossible_travel`; not assessed with
            `missing_input` when no place is known.
        """
        if here is None:
            return Measurement(self.name, None, "missing_input")
        evidence: dict[str, EvidenceValue] = {"compared": len(earlier), "source": source}
        score = 1.0
        for place in earlier:
            km = max(0.0, distance_km(here, place) - self._slack_km)
            hours = max(_LEAST_H, abs(here.at - place.at) / 3_600_000)
            if self._kmh * hours / max(km, 1e-9) < score:
                score = self._kmh * hours / km
                evidence |= {"km": round(km), "hours": round(hours, 2), "kmh": round(km / hours)}
        return Measurement(self.name, score, "impossible_travel", evidence)


def distance_km(one: Place, other: Place) -> float:
    """Between two places on a sphere of the earth's size (haversine), in km."""
    north, south = radians(one.latitude), radians(other.latitude)
    up, across = (north - south) / 2, radians(one.longitude - other.longitude) / 2
    half = sin(up) ** 2 + cos(north) * cos(south) * sin(across) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))
