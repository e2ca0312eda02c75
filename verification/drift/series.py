"""What is counted of a verdict, and how counts add up."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from veridical.catalogue.reasons import reasons
from veridical.policy.decision import NOT_RUN
from veridical.policy.verdict import Verdict
from veridical.result import ModelRef
from veridical.verification.drift.rules import DriftRules

__all__ = ["OUTCOMES", "PASSED", "Kind", "Series", "Tally", "line_of", "merged", "observations"]

Kind = Literal["score", "quality", "reason"]

Tally = Mapping[str, int]
"""How often each category was seen: the number of a bin, or a reason. Sums of tallies are exact."""

OUTCOMES = "verdict"
"""Name of the series of outcomes."""

PASSED = "pass"
"""Category of a check without a reason."""

_OTHER = "other"
_LONGEST_LINE = 160


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """Whose counts belong together and may be compared.

    Attributes:
        kind: `score`, `quality` or `reason`.
        name: A check, a quality, or `verdict`.
        line: The models behind it, as `line_of` names them; counts of two lines never mix.
    """

    kind: Kind
    name: str
    line: str


def observations(
    verdict: Verdict, installation: str, rules: DriftRules
) -> Iterator[tuple[Series, str]]:
    """What one verdict adds to which series: categories only, nothing of the applicant.

    Scores and qualities go by the models that measured them. Reasons go by the whole model set,
    for a check that was not assessed may name no model. A check that was not run says nothing.

    Args:
        verdict: Of one attempt.
        installation: Line of the installation's model set.
        rules: Scales and qualities.
    """
    known = reasons()
    yield Series("reason", OUTCOMES, installation), str(verdict.outcome)
    for result in verdict.results:
        if result.reason == NOT_RUN:
            continue
        reason = result.reason if result.reason in known else _OTHER
        yield Series("reason", result.check, installation), reason if result.reason else PASSED
        score, models = result.score, result.measurement.models
        if score is not None and math.isfinite(score):
            series = Series("score", result.check, line_of(models))
            yield series, str(rules.scale("score", result.check).bin_of(score))
    evidence = {result.check: result.measurement for result in verdict.results}
    for name, quality in rules.qualities.items():
        measurement = evidence.get(quality.check)
        value = measurement.evidence.get(quality.evidence) if measurement is not None else None
        if measurement is not None and isinstance(value, int | float) and math.isfinite(value):
            series = Series("quality", name, line_of(measurement.models))
            yield series, str(quality.scale.bin_of(value))


@lru_cache(maxsize=1024)
def line_of(models: tuple[ModelRef, ...]) -> str:
    """Name the models behind a score, by name and source weights; one of them changed is another.

    Returns:
        At most 160 characters: all of them as `name@sha256[:8]`, or the first and a digest of all.
        Empty for a check without models.
    """
    found = sorted({(model.name, model.sha256) for model in models})
    line = " ".join(f"{name}@{sha256[:8]}" for name, sha256 in found)
    if len(line) <= _LONGEST_LINE:
        return line
    digest = hashlib.sha256(repr(found).encode()).hexdigest()[:12]
    return f"{found[0][0][:100]} and {len(found) - 1} more@{digest}"


def merged(tallies: Iterable[Tally]) -> dict[str, int]:
    """The sum of tallies."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return dict(total)
