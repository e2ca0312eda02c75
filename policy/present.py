"""Was this answered live, here and now? What six witnesses measured, added up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Self

from veridical.catalogue.spec import MISSING_INPUT
from veridical.errors import ModelError
from veridical.models.tables import Table, load_table
from veridical.result import CheckResult, EvidenceValue, Measurement, Status

__all__ = ["PRESENT", "Addition", "Bar", "Present", "Witness", "add_up", "bars"]

PRESENT = "capture.present"
LIGHT = "light"
STEPWISE = "stepwise"
COMPOSED = "composed_light"
"""The light as a witness against whoever knew the colours before the clip was handed in: it says
something only where colours were told step by step."""
VETOED = -10.0
FEWEST = 2
"""Witnesses of the moment that must have been assessed, one of them without sound."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What one measurement is worth; see `present.toml`.

    Attributes:
        name: Such as `light`.
        check: The check that measures it.
        moment: How it takes in the answer to what was drawn for this recording: `heard` or `seen`;
            empty for one that answers nothing drawn.
        by_draw: Whether its false accept rate follows from the draw itself.
        reads: Ratios in the check's evidence; empty where the check's status counts.
        at_most: Bound of what it reads.
        at_least: Bound of what it reads.
        by_status: What each status is worth.
        best: What a pass is worth whose score reaches `best_from`.
        best_from: Score of a rank that no other draw shares; infinite where there is none.
        persons: People of its calibration; 0 where nobody was measured.
        simulated: Whether its genuine answers were simulated.
        data: Where its numbers come from.
    """

    name: str
    check: str
    moment: str
    by_draw: bool
    reads: tuple[str, ...]
    at_most: float
    at_least: float
    by_status: Mapping[Status, float]
    best: float
    best_from: float
    persons: int
    simulated: bool
    data: str

    @classmethod
    def from_table(cls, name: str, table: Table) -> Self:
        """Read one witness.

        Raises:
            ModelError: `model.card`: a number is missing.
        """
        reads = table.texts("reads", ())
        by_status = {} if reads else {s: table.number(s) for s in _JUDGED}
        return cls(
            name,
            table.text("check"),
            table.text("moment", ""),
            bool(table.values.get("by_draw")),
            reads,
            table.number("at_most", 0.0),
            table.number("at_least", 0.0),
            by_status,
            table.number("best", 0.0),
            table.number("best_from", math.inf),
            table.whole("persons"),
            bool(table.values.get("simulated")),
            table.text("data"),
        )

    def ratio(self, result: CheckResult | None) -> float | None:
        """What it says of one attempt; None where it could not be assessed."""
        if result is None or result.score is None:
            return None
        if not self.reads:
            first = result.status is Status.PASS and result.score >= self.best_from
            return self.best if first else self.by_status.get(result.status)
        told = [result.measurement.evidence.get(key) for key in self.reads]
        numbers = [value for value in told if isinstance(value, int | float)]
        if not numbers:
            return None
        return min(self.at_most, max(self.at_least, float(sum(numbers))))


_JUDGED = (Status.PASS, Status.REVIEW, Status.FAIL)


@dataclass(frozen=True, slots=True)
class Present:
    """What the witnesses are worth, against which attacks.

    Attributes:
        witnesses: By name.
        attacks: Which witnesses see each.
        vetoes: Check, and the status or reason that ends an answer by itself.
    """

    witnesses: Mapping[str, Witness]
    attacks: Mapping[str, tuple[str, ...]]
    vetoes: Mapping[str, str]

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read `present.toml`.

        Raises:
            ModelError: `model.card`: an attack names a witness that is none.
        """
        told, attacks = table.table("witnesses"), table.table("attacks")
        vetoes = table.table("vetoes")
        found = cls(
            {name: Witness.from_table(name, told.table(name)) for name in told.values},
            {name: attacks.texts(name) for name in attacks.values},
            {check: vetoes.text(check) for check in vetoes.values},
        )
        if lost := set(chain(*found.attacks.values())) - {*found.witnesses, COMPOSED}:
            raise ModelError(f"{table.where}: {sorted(lost)} are no witnesses", "model.card")
        return found

    @staticmethod
    @cache
    def shipped() -> "Present":
        """As it comes with the package."""
        return Present.from_table(load_table(Path(__file__).parent / "present.toml"))

    @property
    def checks(self) -> tuple[str, ...]:
        """The checks that witness."""
        return tuple(dict.fromkeys(witness.check for witness in self.witnesses.values()))


@dataclass(frozen=True, slots=True)
class Addition:
    """The sum against each attack, and of what the smallest is made.

    Attributes:
        weakest: The attack refuted least.
        sums: By attack.
        parts: What each witness adds against the weakest; 0 where it is blind to it, None where it
            was not assessed.
        moment: How far the answer is bound to its moment: `stepwise`, `at_once`, `turns`, or
            `unbound`.
        veto: Reason of a witness that ends the answer by itself; empty without.
        reason: What a low sum means.
    """

    weakest: str
    sums: Mapping[str, float]
    parts: Mapping[str, float | None]
    moment: str
    veto: str = ""
    reason: str = ""
    assessed: tuple[str, ...] = field(default=())

    def measurement(self) -> Measurement:
        """As a check's measurement: the smallest sum, about -10..16."""
        if not self.assessed:
            return Measurement(PRESENT, None, self.reason, {"moment": self.moment})
        score = VETOED if self.veto else self.sums[self.weakest]
        evidence: dict[str, EvidenceValue] = {"weakest": self.weakest, "moment": self.moment}
        evidence |= {
            f"witness_{k}": None if v is None else round(v, 2) for k, v in self.parts.items()
        }
        evidence |= {f"against_{name}": round(value, 2) for name, value in self.sums.items()}
        return Measurement(PRESENT, round(score, 2), self.veto or self.reason, evidence)


def add_up(
    results: Mapping[str, CheckResult], asked: tuple[str, ...], present: Present | None = None
) -> Addition:
    """Add up what the witnesses of one attempt say.

    Args:
        results: Of the checks, each judged by its own operating point.
        asked: The checks that the policy calls as witnesses.
        present: What each is worth; as shipped when None.

    Returns:
        The sums. Where fewer than two witnesses of the moment could be assessed, or all of them
        hear, no sum is above 0: blinding witnesses opens no road.
    """
    present = present or Present.shipped()
    called = {k: w for k, w in present.witnesses.items() if w.check in asked}
    ratios = {name: witness.ratio(results.get(witness.check)) for name, witness in called.items()}
    light = results.get(called[LIGHT].check) if LIGHT in called else None
    stepwise = light is not None and light.measurement.evidence.get("revealed") == STEPWISE
    said = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    if stepwise:
        # The rank is against draws; whoever lit the clip while they were told ranks as high.
        said[COMPOSED] = min(said.get(LIGHT, 0.0), called[LIGHT].by_status[Status.PASS])
    sums = {
        attack: sum(said.get(name, 0.0) for name in seen)
        for attack, seen in present.attacks.items()
    }
    taken_in = [called[name].moment for name in said if name != COMPOSED and called[name].moment]
    few = len(taken_in) < FEWEST or "seen" not in taken_in
    if few:
        sums = {attack: min(0.0, value) for attack, value in sums.items()}
    weakest = min(sums, key=lambda attack: sums[attack])
    seen = present.attacks[weakest]
    parts = {k: v if v is None or k in seen else 0.0 for k, v in ratios.items()}
    if COMPOSED in seen and stepwise and parts[LIGHT] is not None:
        parts[LIGHT] = said[COMPOSED]
    reason = _against(results, called, parts) or _silent(results, called, ratios)
    if not reason and light is not None:
        shown = light.status is Status.PASS and not stepwise
        reason = "revealed_at_once" if shown else light.reason
    if few and not reason:
        reason = "too_few_witnesses" if said else MISSING_INPUT
    return Addition(
        weakest,
        sums,
        parts,
        _moment(ratios, stepwise=stepwise),
        _veto(results, asked, present),
        reason or "low_score",
        tuple(name for name, ratio in ratios.items() if ratio is not None),
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One witness in the picture of a sum.

    Attributes:
        name: Such as `light`.
        value: What it adds; None where it was not assessed.
        start: Where its bar begins: the sum of those before it.
    """

    name: str
    value: float | None
    start: float


def bars(evidence: Mapping[str, EvidenceValue]) -> tuple[Bar, ...]:
    """The witnesses of a stored sum as bars that add up, one beginning where the last one ends."""
    found, start = [], 0.0
    for name in Present.shipped().witnesses:
        value = evidence.get(f"witness_{name}")
        if f"witness_{name}" in evidence:
            number = float(value) if isinstance(value, int | float) else None
            found.append(Bar(name, number, start))
            start += number or 0.0
    return tuple(found)


def _moment(ratios: Mapping[str, float | None], *, stepwise: bool) -> str:
    if ratios.get(LIGHT) is not None:
        return STEPWISE if stepwise else "at_once"
    return "turns" if ratios.get("movement") is not None else "unbound"


def _veto(results: Mapping[str, CheckResult], asked: tuple[str, ...], present: Present) -> str:
    for check, word in present.vetoes.items():
        result = results.get(check)
        if check not in asked or result is None or result.score is None:
            continue
        if word in (result.status, result.measurement.reason):
            return result.reason
    return ""


def _against(
    results: Mapping[str, CheckResult],
    called: Mapping[str, Witness],
    parts: Mapping[str, float | None],
) -> str:
    """What speaks most against the applicant; empty where nothing does."""
    said = {name: part for name, part in parts.items() if part is not None and part < 0}
    if not said:
        return ""
    return results[called[min(said, key=lambda name: said[name])].check].measurement.reason


def _silent(
    results: Mapping[str, CheckResult],
    called: Mapping[str, Witness],
    ratios: Mapping[str, float | None],
) -> str:
    """Why the first witness could not be assessed, those of a draw before the others.

    One that was asked for nothing, as for digits where a phrase was drawn, is no reason.
    """
    silent = [name for name in called if ratios[name] is None]
    for name in sorted(silent, key=lambda name: not called[name].by_draw):
        result = results.get(called[name].check)
        if result is not None and result.score is None and result.reason not in ("", MISSING_INPUT):
            return result.reason
    return ""
