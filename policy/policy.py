"""What an institution asks of a transaction: a versioned file."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from veridical.catalogue import CHECKS, Trait, checks_with
from veridical.errors import InputError
from veridical.liveness.challenge import PACES
from veridical.policy.examples import Example, parse_examples
from veridical.policy.rules import (
    Rules,
    input_kind,
    parse_constants,
    parse_facts,
    parse_rules,
)
from veridical.policy.shipped import Shipped
from veridical.reading import read_toml
from veridical.result import OperatingPoint
from veridical.signals.settings import HIGHEST_LIMIT, LIMITS

__all__ = [
    "HIGHEST_VERSION",
    "Policy",
    "earlier_policies",
    "load_policy",
    "parse_policy",
    "shipped_policies",
]

HIGHEST_VERSION = 2**31 - 1
MOST_ATTEMPTS = 100
MOST_REVIEWERS = 2
_SHIPPED = Shipped("policy", "veridical.policy", "policies")
_EARLIER = Path(__file__).parent / "policies" / "earlier"
_SIGNALS, _VOICES = checks_with(Trait.SIGNAL), checks_with(Trait.VOICE)
_RECORDED = checks_with(Trait.RECORDING)
_WITNESSES, _SUMS = checks_with(Trait.WITNESS), checks_with(Trait.SUM)
_MOMENTS = ("required", "preferred")
_KEYS = {
    "id", "version", "description", "attempts", "required", "optional", "allow_specimens",
    "fail_fast", "pace", "calibration", "operating_points", "facts", "constants", "rules",
    "genuine", "examples", "velocity", "witnesses", "moment", "reviewers",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """Which checks must pass, in which order causes count, and from which scores.

    Attributes:
        id: Name of the policy.
        version: Raised by its author at every change.
        sha256: Hash of the file, quoted in every verdict.
        required: Checks that must pass, in the order in which causes are looked for.
        optional: Checks that can lower an accept to review, never refuse.
        witnesses: Checks that `capture.present` adds up. They bear on the outcome through that sum,
            and by themselves only where they are named above as well.
        moment: `required`: without an assessed answer to light or turns that were drawn for this
            recording an answer ends in review at most; `preferred`: then each other witness must
            pass by itself, and the verdict's assurance says so. Without `capture.present` it means
            nothing.
        attempts: Attempts an applicant has within one transaction, at least 1.
        reviewers: Persons who must agree on what was left to a person: 1, or 2 (four eyes).
        allow_specimens: Specimen documents are let through and the verdict is stamped; for
            demonstrations only.
        fail_fast: Stop at the first required check that fails: the outcome and its first cause stay
            the same, the checks that come later in the policy are `not_run`, and a refusal costs
            less. Whoever wants every cause of a refusal, or the watchlist asked at each, says no.
        pace: How digits appear: `usual`, or `strict`, which an old answer follows less often and
            which takes two seconds more.
        calibration: Calibration files that give operating points the policy leaves open, by kind
            of check; relative to the policy file.
        operating_points: Thresholds that come before those of calibration files and model cards.
        velocity: Most attempts by count, such as `device_1h`, in place of those that
            `signals.velocity` has itself.
        facts: Names of the numbers that its rules ask the caller for, such as `amount`.
        constants: Values that its rules know by a name.
        rules: What follows from several checks and facts together; they never lift an outcome.
        examples: Transactions and how they must end: the policy's own tests.
        description: For people.

    Raises:
        InputError: `policy.malformed`: a signal is required.
    """

    id: str
    version: int
    sha256: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    attempts: int = 1
    allow_specimens: bool = False
    fail_fast: bool = False
    pace: str = "usual"
    calibration: Mapping[str, Path] = field(default_factory=dict)
    operating_points: Mapping[str, OperatingPoint] = field(default_factory=dict)
    velocity: Mapping[str, int] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    constants: Mapping[str, float | str | bool] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    examples: tuple[Example, ...] = ()
    description: str = ""
    witnesses: tuple[str, ...] = ()
    moment: str = "required"
    reviewers: int = 1

    def __post_init__(self) -> None:
        # Here and not where files are read, so that no policy made in another way has one either.
        if signals := [check for check in self.required if check in _SIGNALS]:
            raise InputError(
                f"policy {self.id!r} requires {signals}: a signal may lower an accept to review, "
                "never bring one about; name it under optional",
                "policy.malformed",
            )

    @property
    def checks(self) -> tuple[str, ...]:
        """Every check the policy reads, required first."""
        return tuple(dict.fromkeys(self.required + self.optional + self.witnesses))

    @property
    def for_recordings(self) -> bool:
        """Whether it judges recordings of a script, and no other transaction."""
        return not _RECORDED.isdisjoint(self.checks)


def shipped_policies() -> tuple[str, ...]:
    """Names of the policies inside the package."""
    return _SHIPPED.names()


@cache
def earlier_policies() -> tuple[Policy, ...]:
    """Versions of shipped policies that shipped before: transactions begun under them keep them."""
    return tuple(load_policy(str(path)) for path in sorted(_EARLIER.glob("*.toml")))


def load_policy(name: str) -> Policy:
    """Read a policy.

    Args:
        name: Name of a shipped policy, or path of a TOML file.

    Raises:
        InputError: No such policy, or one that breaks the rules; see `parse_policy`.
    """
    file, where = _SHIPPED.locate(name)
    return parse_policy(file.read_bytes(), where, Path(name).parent)


@lru_cache(maxsize=64)  # asked for at every transaction: the same text is parsed once
def parse_policy(content: bytes, where: str, folder: Path) -> Policy:
    """Read and check a policy file's content.

    Args:
        content: UTF-8 TOML.
        where: Named in messages.
        folder: What calibration paths are relative to.

    Raises:
        InputError: With code `policy.malformed`: not TOML, an unknown key or check, a check named
            twice, thresholds out of order, a policy that voice alone could satisfy, one that reads
            documents and neither requires `document.specimen` nor allows specimens, or a rule or
            example that is not as docs/reference/policies.md has it. Whether the examples end as
            they say is another question: see `trials`.
    """

    def refuse(problem: str) -> InputError:
        return InputError(f"{where}: {problem}", "policy.malformed")

    raw = read_toml(content, where=where, code="policy.malformed")
    if unknown := sorted(raw.keys() - _KEYS):
        raise refuse(f"unknown keys {unknown}; known are {sorted(_KEYS)}")
    required, optional = (_names(raw.get(key, []), key, refuse) for key in ("required", "optional"))
    names = required + optional
    if repeated := sorted(name for name, times in Counter(names).items() if times > 1):
        raise refuse(f"named twice: {repeated}")
    if required and _VOICES.issuperset(required):
        raise refuse("voice alone never accepts: require a face or document check as well")
    specimens, fail_fast = (_switch(raw, key, refuse) for key in ("allow_specimens", "fail_fast"))
    if "document.read" in names and "document.specimen" not in required and not specimens:
        raise refuse(
            "a policy that reads documents must require document.specimen, "
            "or say allow_specimens = true"
        )
    attempts, version, pace = raw.get("attempts", 1), raw.get("version"), raw.get("pace", "usual")
    if not isinstance(pace, str) or pace not in PACES:
        raise refuse(f"pace must be one of {sorted(PACES)}, got {pace!r}")
    if not isinstance(raw.get("id"), str) or not _counts(version, HIGHEST_VERSION):
        raise refuse(f"wants an id (text) and a version (whole number of 1 to {HIGHEST_VERSION})")
    if not _counts(attempts, MOST_ATTEMPTS):
        raise refuse(f"attempts must be a whole number of 1 to {MOST_ATTEMPTS}")
    if not _counts(reviewers := raw.get("reviewers", 1), MOST_REVIEWERS):
        raise refuse(f"reviewers must be a whole number of 1 to {MOST_REVIEWERS}")
    witnesses, moment = _witnesses(raw, names, refuse)
    names = tuple(dict.fromkeys(names + witnesses))
    points = _points(raw.get("operating_points", {}), raw["id"], refuse)
    facts = parse_facts(raw.get("facts", []), refuse)
    constants = parse_constants(raw.get("constants", {}), refuse)
    return Policy(
        id=raw["id"],
        version=version,
        sha256=hashlib.sha256(content).hexdigest(),
        required=required,
        optional=optional,
        attempts=attempts,
        reviewers=reviewers,
        allow_specimens=specimens,
        fail_fast=fail_fast,
        pace=pace,
        calibration=_files(raw.get("calibration", {}), folder, refuse),
        operating_points=points,
        velocity=_velocity(raw.get("velocity", {}), refuse),
        facts=facts,
        constants=constants,
        rules=parse_rules(
            raw.get("rules", []), lambda name: input_kind(name, names, facts, constants), refuse
        ),
        examples=parse_examples(
            raw.get("examples", []), raw.get("genuine", {}), names, facts, points, refuse
        ),
        description=str(raw.get("description", "")),
        witnesses=witnesses,
        moment=moment,
    )


def _counts(value: object, most: int) -> TypeGuard[int]:
    """Whether a value is a whole number of 1 to a bound."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _switch(raw: Mapping[str, object], key: str, refuse: Any) -> bool:  # noqa: ANN401
    value = raw.get(key, False)
    if not isinstance(value, bool):
        raise refuse(f"{key} must be true or false, got {value!r}")
    return value


def _names(value: object, key: str, refuse: Any) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise refuse(f"{key} must be a list of check names")
    if unknown := sorted(set(value) - CHECKS.keys()):
        raise refuse(f"{key} names unknown checks {unknown}; known are {sorted(CHECKS)}")
    return tuple(value)


def _witnesses(
    raw: Mapping[str, object],
    names: tuple[str, ...],
    refuse: Any,  # noqa: ANN401
) -> tuple[tuple[str, ...], str]:
    """What a sum is made of, where the policy asks for one."""
    witnesses, moment = _names(raw.get("witnesses", []), "witnesses", refuse), raw.get("moment")
    summed = not _SUMS.isdisjoint(names)
    if summed != bool(witnesses) or (moment is not None and not summed):
        raise refuse(
            "capture.present wants its witnesses, and nothing else has witnesses or moment"
        )
    if len(set(witnesses)) != len(witnesses) or not _WITNESSES.issuperset(witnesses):
        raise refuse(f"witnesses must be some of {sorted(_WITNESSES)}, each once")
    if moment is not None and moment not in _MOMENTS:
        raise refuse(f"moment must be one of {', '.join(_MOMENTS)}, got {moment!r}")
    return witnesses, str(moment or _MOMENTS[0])


def _files(raw: object, folder: Path, refuse: Any) -> dict[str, Path]:  # noqa: ANN401
    if not isinstance(raw, dict) or not all(isinstance(path, str) for path in raw.values()):
        raise refuse("calibration must be a table of paths, one a check")
    if unknown := sorted(raw.keys() - CHECKS.keys()):
        raise refuse(f"calibration names unknown checks {unknown}; known are {sorted(CHECKS)}")
    return {check: folder / path for check, path in raw.items()}


def _velocity(raw: object, refuse: Any) -> dict[str, int]:  # noqa: ANN401
    if not isinstance(raw, dict) or not raw.keys() <= set(LIMITS):
        raise refuse(f"velocity must be a table of limits by count: {', '.join(LIMITS)}")
    for name, limit in raw.items():
        whole = isinstance(limit, int) and not isinstance(limit, bool)
        if not whole or not 1 <= limit <= HIGHEST_LIMIT:
            raise refuse(f"velocity.{name} must be a whole number of 1 to {HIGHEST_LIMIT}")
    return dict(raw)


def _points(raw: object, policy: str, refuse: Any) -> dict[str, OperatingPoint]:  # noqa: ANN401
    if not isinstance(raw, dict):
        raise refuse("operating_points must be tables, one a check")
    points = {}
    for check, values in raw.items():
        if check not in CHECKS:
            raise refuse(f"operating_points names unknown check {check!r}")
        if not isinstance(values, dict) or values.keys() != {"accept_at", "reject_below"}:
            raise refuse(f"operating_points.{check!r} wants accept_at and reject_below")
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in values.values()):
            raise refuse(f"operating_points.{check!r} wants two finite numbers")
        try:
            points[check] = OperatingPoint(
                float(values["accept_at"]), float(values["reject_below"]), f"policy:{policy}"
            )
        except ValueError as error:
            raise refuse(f"operating_points.{check!r}: {error}") from None
    return points
