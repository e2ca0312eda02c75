"""How does a run stand?"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BatchSummary", "write_summary"]

SUMMARY = "summary.json"


@dataclass(slots=True)
class BatchSummary:
    """How a run stands; rows that earlier sittings of it did count as its own.

    Attributes:
        rows: Rows of the manifest, or of the shard.
        done: Rows with a result.
        earlier: Of those, the ones that stood there before this sitting.
        outcomes: Verdicts by outcome.
        errors: Rows that could not be verified, by error code.
        first_causes: First causes of verdicts.
        policies: Verdicts by policy, `id@version`.
        unexpected: Rows whose verdict differs from the `expect` of their row.
        duration_s: How long this sitting took, models loaded included.
    """

    rows: int = 0
    done: int = 0
    earlier: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    first_causes: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    unexpected: int = 0
    duration_s: float = 0.0

    def count(self, result: Mapping[str, Any]) -> None:
        """Count one result line."""
        self.done += 1
        if error := result.get("error"):
            self.errors[error["code"]] += 1
            return
        verdict = result["verdict"]
        self.outcomes[verdict["outcome"]] += 1
        self.policies[f"{verdict['policy']['id']}@{verdict['policy']['version']}"] += 1
        if verdict["first_cause"]:
            self.first_causes[verdict["first_cause"]] += 1
        self.unexpected += result.get("as_expected") is False

    @property
    def rate_per_s(self) -> float:
        """Rows a second of this sitting; 0 when there was none."""
        return (self.done - self.earlier) / self.duration_s if self.duration_s else 0.0

    def to_json(self) -> dict[str, Any]:
        """As `summary.json` and `--json` have it."""
        return {
            "rows": self.rows,
            "done": self.done,
            "missing": self.rows - self.done,
            "earlier": self.earlier,
            "outcomes": dict(sorted(self.outcomes.items())),
            "errors": dict(sorted(self.errors.items())),
            "first_causes": dict(self.first_causes.most_common()),
            "policies": dict(sorted(self.policies.items())),
            "unexpected": self.unexpected,
            "duration_s": round(self.duration_s, 3),
            "rate_per_s": round(self.rate_per_s, 3),
        }


def write_summary(out: Path, summary: BatchSummary) -> Path:
    """Write `summary.json` beside the results; answer its path."""
    path = out / SUMMARY
    path.write_text(json.dumps(summary.to_json(), indent=2) + "\n", encoding="utf-8")
    return path
