"""What happened when: moments of a recording, each judged on its own."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from veridical.result import EvidenceValue, Measurement, OperatingPoint, Status

__all__ = ["Event", "Finding", "Moment", "judged", "say"]

WORDS = Path(__file__).parent / "words.toml"


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of a recording that a check has something to say about.

    Attributes:
        kind: What, such as `face_absent`; `words.toml` has its text.
        start_s: Where it begins.
        end_s: Where it ends.
        score: On the scale of its check; None where nothing could be judged.
        segment: The segment it lies in; empty when it concerns none.
        reason: Why it was not judged, or what a low score means.
        detail: Short texts and numbers for its text.
    """

    kind: str
    start_s: float
    end_s: float
    score: float | None
    segment: str = ""
    reason: str = ""
    detail: Mapping[str, EvidenceValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        measurement: For the decision.
        moments: For the timeline, in order.
    """

    measurement: Measurement
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A moment as the policy's operating point judges it.

    Attributes:
        check: Name of its check.
        status: How its own score would end.
        moment: The moment.
    """

    check: str
    status: Status
    moment: Moment

    def as_json(self, language: str) -> dict[str, Any]:
        """Plain values; `text` in `en` or `zh`."""
        moment = self.moment
        return {
            "start_s": round(moment.start_s, 2),
            "end_s": round(moment.end_s, 2),
            "kind": moment.kind,
            "text": say(self, language),
            "check": self.check,
            "status": str(self.status),
            "score": None if moment.score is None else round(moment.score, 4),
            "segment": moment.segment,
            "reason": moment.reason,
        }


def judged(findings: Iterable[Finding], points: Mapping[str, OperatingPoint]) -> tuple[Event, ...]:
    """Every moment with its status, by time."""
    events = []
    for finding in findings:
        check = finding.measurement.check
        point = points.get(check)
        for moment in finding.moments:
            status = Status.NOT_ASSESSED
            if moment.score is not None:
                status = point.status(moment.score) if point else Status.REVIEW
            events.append(Event(check, status, moment))
    return tuple(sorted(events, key=lambda event: (event.moment.start_s, event.check)))


def say(event: Event, language: str) -> str:
    """What happened, in words."""
    moment = event.moment
    values = {
        **moment.detail,
        "seconds": f"{moment.end_s - moment.start_s:.1f}",
        "score": "" if moment.score is None else f"{moment.score:.2f}",
        "reason": moment.reason,
        "segment": moment.segment,
    }
    key = "not_assessed" if event.status is Status.NOT_ASSESSED else moment.kind
    if event.status is Status.PASS and f"{key}_passed" in _words():
        key = f"{key}_passed"
    return _words()[key][language].format_map(values)


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    table: dict[str, dict[str, str]] = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    return table
