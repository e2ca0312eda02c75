"""Is the applicant on a list of known fraudsters?"""

import time
from typing import Protocol

import numpy as np

from veridical.gallery.entry import SEXES, Attributes, Hit
from veridical.gallery.index import Candidates, agrees
from veridical.gallery.rates import FmrCurve
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.types import Template

__all__ = ["SearchableList", "WatchlistCheck"]

BIRTH_TOLERANCE_YEARS = 1
"""Birth dates on watchlists are often a year off, and calendars differ."""


class SearchableList(Protocol):
    """What the check needs of a gallery."""

    @property
    def model(self) -> str:
        """Model of its templates."""
        ...

    def scan(self, probe: Template) -> Candidates:
        """The entries most alike to a probe, most alike first."""
        ...

    def count_agreeing(self, attributes: Attributes, tolerance_years: int) -> int:
        """Entries whose known attributes do not contradict the given ones."""
        ...

    def count_other_models(self) -> int:
        """Entries of other models, which the last scan could not compare."""
        ...

    def hits(self, found: Candidates, which: list[int]) -> list[Hit]:
        """Look up who some of the found entries are."""
        ...


class WatchlistCheck:
    """Searches a watchlist and says how remarkable the best hit is.

    The score is the share of innocent people who would meet a hit at least as good in a list of
    this size (FPIR): near 1 when nothing stands out, near 0 for a hit that chance does not
    explain. One operating point thus serves lists of every size and the recogniser's curve carries
    the threshold.

    Where year of birth or sex of the applicant are known, entries that do not contradict them are
    looked at as a shorter list of their own too, in which a lower similarity is remarkable. The
    better of the two looks counts, doubled for having looked twice. A contradicting entry is
    therefore never dropped: a forged document does not hide a face from the list.

    Args:
        entries: The watchlist.
        curve: FMR of the list's recogniser.
        model: The recogniser.
        tolerance_years: Years of birth that differ by no more agree.
    """

    name = "watchlist.search"

    def __init__(
        self,
        entries: SearchableList,
        curve: FmrCurve,
        model: ModelRef,
        *,
        tolerance_years: int = BIRTH_TOLERANCE_YEARS,
    ) -> None:
        self._entries = entries
        self._curve = curve
        self._model = model
        self._tolerance_years = tolerance_years

    def __call__(
        self,
        probe: Template | None,
        attributes: Attributes = Attributes(),  # noqa: B008
    ) -> Measurement:
        """Search for one applicant.

        Args:
            probe: The applicant's live face; None when there is none to search with.
            attributes: What the document says.

        Returns:
            `watchlist.search` with reason `watchlist_hit` for what a low score means; not
            assessed with `no_face`, or `watchlist_other_model` when all of the list's templates
            are of another model than the probe. Where some are, the rest is searched and the
            evidence counts `entries_other_models`.

        Raises:
            StoreError: The list cannot be read whole.
        """
        start = time.perf_counter()
        if probe is None or probe.model != self._entries.model:
            reason = "no_face" if probe is None else "watchlist_other_model"
            return self._measured(None, reason, {}, start)
        found = self._entries.scan(probe)
        size = self._entries.count_agreeing(Attributes(), 0)
        evidence: dict[str, EvidenceValue] = {"entries": size}
        if outdated := self._entries.count_other_models():
            evidence["entries_other_models"] = outdated
        if outdated and not size:
            return self._measured(None, "watchlist_other_model", evidence, start)
        if not len(found.ids):
            return self._measured(1.0, "", evidence, start)
        best, score = 0, self._curve.fpir(float(found.similarities[0]), size)
        if attributes != Attributes():
            agreeing = agrees(
                found.births,
                found.sexes,
                attributes.birth_year or 0,
                SEXES.index(attributes.sex),
                self._tolerance_years,
            )
            narrowed = self._entries.count_agreeing(attributes, self._tolerance_years)
            evidence["entries_agreeing"] = narrowed
            if agreeing.any():
                first = int(np.argmax(agreeing))
                remarkable = self._curve.fpir(float(found.similarities[first]), narrowed)
                best, score = min((best, score), (first, remarkable), key=lambda look: look[1])
            score = min(1.0, 2 * score)
        evidence["similarity"] = round(float(found.similarities[best]), 4)
        for hit in self._entries.hits(found, [best]):
            evidence["entry"] = hit.subject
            evidence["birth_year"] = _agreement(
                hit.attributes.birth_year, attributes.birth_year, self._tolerance_years
            )
            evidence["sex"] = _agreement(hit.attributes.sex, attributes.sex)
        return self._measured(score, "watchlist_hit", evidence, start)

    def _measured(
        self, score: float | None, reason: str, evidence: dict[str, EvidenceValue], start: float
    ) -> Measurement:
        elapsed_ms = (time.perf_counter() - start) * 1000
        return Measurement(self.name, score, reason, evidence, (self._model,), elapsed_ms)


def _agreement(entry: int | str | None, applicant: int | str | None, tolerance: int = 0) -> str:
    if not entry or not applicant:
        return "unknown"
    if isinstance(entry, int) and isinstance(applicant, int):
        return "agrees" if abs(entry - applicant) <= tolerance else "contradicts"
    return "agrees" if entry == applicant else "contradicts"
