"""How does a run stand?"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BatchSummary"]


@dataclass(slots=True)
class BatchSummary:
    """How a run stands.

    Attributes:
        rows: Rows of the manifest.
        done: Rows with a result, those of earlier runs included.
        outcomes: Verdicts of this run by outcome.
        errors: Rows of this run that could not be verified, by error code.
        first_causes: First causes of this run's verdicts.
        unexpected: Rows whose verdict differs from the `expect` of their row.
    """

    rows: int = 0
    done: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    first_causes: Counter[str] = field(default_factory=Counter)
    unexpected: int = 0

    def count(self, result: Mapping[str, Any]) -> None:
        """Count one result line."""
        self.done += 1
        if error := result.get("error"):
            self.errors[error["code"]] += 1
            return
        verdict = result["verdict"]
        self.outcomes[verdict["outcome"]] += 1
        if verdict["first_cause"]:
            self.first_causes[verdict["first_cause"]] += 1
        self.unexpected += result.get("as_expected") is False
