"""What was measured, in the shape every reader of our JSON relies on?

Figures are bare numbers or null under stable keys; `ci95` and `n` mirror their paths.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from veridical.calibration.intervals import Rate, rule_of_three

__all__ = ["Figures", "JsonValue"]

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


@dataclass(slots=True)
class Figures:
    """Figures of one evaluation, filled in one by one.

    A path is written `fnmr_at_fmr|1e-2`: keys of nested objects, outermost first. The bar keeps
    slashes free for group names such as `east_asian/f`.

    Attributes:
        kind: What was evaluated.
        values: Nested figures.
        ci95: Intervals under the same paths, as [low, high].
        n: Trials under the same paths.
        notes: Sentences that must be read beside the figures.
        faultless: Rates without any error, by their n.
    """

    kind: str
    values: dict[str, JsonValue] = field(default_factory=dict)
    ci95: dict[str, JsonValue] = field(default_factory=dict)
    n: dict[str, JsonValue] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faultless: dict[int, list[str]] = field(default_factory=dict)

    def put(self, path: str, value: float | int | str | bool | None) -> None:
        """Enter a plain figure; what is not finite becomes null."""
        if isinstance(value, float):
            value = float(f"{value:.7g}") if math.isfinite(value) else None
        _enter(self.values, path, value)

    def rate(self, path: str, rate: Rate | None, bounds: tuple[float, float] | None = None) -> None:
        """Enter an error rate; one of zero is put into words by the rule of three.

        Args:
            path: Where.
            rate: Errors and trials; None when it could not be determined at all.
            bounds: An interval that minds shared people; Clopper-Pearson when None.
        """
        self.share(path, rate, bounds)
        if rate is not None and rate.n and not rate.errors:
            self.faultless.setdefault(rate.n, []).append(path.replace("|", " "))

    def share(
        self, path: str, rate: Rate | None, bounds: tuple[float, float] | None = None
    ) -> None:
        """Enter any share with its n and interval, also one whose `errors` count successes."""
        self.put(path, None if rate is None else rate.value)
        if rate is not None and rate.n:
            low, high = bounds or rate.ci95
            _enter(self.ci95, path, [float(f"{low:.4g}"), float(f"{high:.4g}")])
            _enter(self.n, path, rate.n)

    def as_json(self, provenance: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Everything as one object, the provenance beside the figures."""
        notes: list[JsonValue] = [*self.sentences()]
        return {
            "kind": self.kind,
            **self.values,
            "ci95": self.ci95,
            "n": self.n,
            "notes": notes,
            **provenance,
        }

    def sentences(self) -> list[str]:
        """What must be read beside the figures, the rule of three for rates of zero included."""
        return self.notes + [
            f"{rule_of_three(n)}, were the trials independent: {', '.join(paths)}"
            for n, paths in sorted(self.faultless.items())
        ]

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows for people: path, figure, interval, n."""
        rows: list[tuple[str, str, str, str]] = []
        _rows(self.values, (), rows, self)
        return rows


def _enter(table: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    *parents, last = path.split("|")
    for key in parents:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ValueError(f"the figure {key!r} in {path!r} is a number already")
        table = inner
    table[last] = value


def _look_up(table: JsonValue, path: tuple[str, ...]) -> JsonValue:
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _rows(
    values: Mapping[str, JsonValue],
    path: tuple[str, ...],
    rows: list[tuple[str, str, str, str]],
    figures: Figures,
) -> None:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict):
            _rows(value, here, rows, figures)
            continue
        bounds, count = _look_up(figures.ci95, here), _look_up(figures.n, here)
        rows.append(
            (
                " ".join(here),
                "–"
                if value is None
                else f"{value:.4g}"
                if isinstance(value, float)
                else str(value),
                json.dumps(bounds) if bounds is not None else "",
                str(count) if count is not None else "",
            )
        )
