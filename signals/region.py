"""Is the applicant where the document comes from?

A weak sign. The first six digits of a citizen number (GB 11643-1999) name the county in which its
holder was first registered, for life, and people move; a passport says who issued it, and people
travel. Another country is worth a look, another province is an everyday matter.
"""

from collections.abc import Mapping

from veridical.result import EvidenceValue, Measurement
from veridical.signals.countries import ALPHA_3, alpha_3
from veridical.signals.facts import SignalFacts

__all__ = ["RegionCheck", "current_region"]

CHINA = "CHN"
_PERMITS = {"81": "HKG", "82": "MAC", "83": "TWN"}
"""Residence permits of people from Hong Kong, Macao and Taiwan, who live anywhere in China."""

_MOVED = {"4421": "46", "4422": "46", "5102": "50", "5122": "50", "5123": "50", "5135": "50"}
"""Old codes whose places have been another province since: Hainan (1988), Chongqing (1997)."""


def current_region(number: str) -> str:
    """The region a citizen number names; two digits where its province became another one."""
    return _MOVED.get(number[:4], number[:6])


class RegionCheck:
    """Compares a document's region with where the applicant is said to be.

    Args:
        scores: Score by the closest that both share: `county`, `city`, `province`, `country`,
            `none`.
    """

    name = "signals.region"

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def __call__(self, number: str, issuer: str, facts: SignalFacts) -> Measurement:
        """Compare.

        Args:
            number: A citizen number; empty without one.
            issuer: Who issued a document without a citizen number, as its machine-readable zone
                says; empty without one.
            facts: With `country` or `region`.

        Returns:
            `signals.region`, with reason `other_region` for what a low score means; not assessed
            with `missing_input` when document or location is not known.
        """
        homes = _homes(number, issuer)
        country = alpha_3(facts.country) if facts.country else CHINA if facts.region else ""
        if not homes or not country:
            return Measurement(self.name, None, "missing_input")
        evidence: dict[str, EvidenceValue] = {"country_agrees": country in homes}
        level = "none"
        if country in homes:
            level = "country"
            if country == CHINA and number and number[:2] not in _PERMITS and facts.region:
                level = _closest(current_region(number), facts.region)
                evidence["province_agrees"] = level != "country"
        evidence |= {"level": level, "source": "document,sdk"}
        return Measurement(self.name, self._scores[level], "other_region", evidence)


def _homes(number: str, issuer: str) -> frozenset[str]:
    """Countries in which the holder of a document is at home; none when that is not known."""
    if number:
        permit = _PERMITS.get(number[:2])
        return frozenset({CHINA, permit}) if permit else frozenset({CHINA})
    return frozenset({alpha_3(issuer)}) & ALPHA_3


def _closest(home: str, place: str) -> str:
    """The smallest unit that two regions share, as far as both tell."""
    for level, digits in (("county", 6), ("city", 4), ("province", 2)):
        if len(home) >= digits and home[:digits] == place[:digits] and len(place) >= digits:
            return level
    return "country"
