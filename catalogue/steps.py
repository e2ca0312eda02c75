"""Each room's check, tied to what it reads of a transaction."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from veridical.analysis.analysis import Analysis
from veridical.catalogue import CHECKS, CheckSpec
from veridical.catalogue.parts import Parts
from veridical.result import Measurement

__all__ = ["Makers", "Step", "build_steps", "makers_of"]

Step = Callable[[Analysis], Measurement]
"""Measures one check of an analysed transaction."""
Makers = Mapping[str, Callable[[], Any]]
"""Give each room's check by its name, loading what it needs; None where a part is missing."""


def makers_of(parts: Parts) -> Makers:
    """How each check of an installation is made."""
    return {name: partial(spec.make, parts) for name, spec in CHECKS.items() if spec.make}


def build_steps(makers: Makers) -> Mapping[str, Step]:
    """One step for every known check, in the order in which they run.

    A check is made when it is first measured. One that cannot be made answers why: no check is
    ever silently left out.

    Args:
        makers: Of the checks an installation has.
    """
    return {name: _step(spec, makers.get(name)) for name, spec in CHECKS.items()}


def _step(spec: CheckSpec, make: Callable[[], Any] | None) -> Step:
    measure = spec.measure
    unable = Measurement(spec.name, None, spec.lacking)
    if make is None or measure is None:
        return lambda _: unable

    made = cache(make)

    def run(analysis: Analysis) -> Measurement:
        check = made()
        return unable if check is None else measure(check, analysis)

    return run
