"""What is told of policies and models?"""

from typing import Annotated, Any, Literal

from pydantic import Field

from veridical.result import Outcome
from veridical.wire.base import Answer, Request

__all__ = [
    "ModelList",
    "ModelPoint",
    "ModelView",
    "PolicyChange",
    "PolicyList",
    "PolicyReplay",
    "PolicyStored",
    "PolicyView",
    "ReplayedOutcome",
    "RuleView",
    "Verdicts",
]


class Verdicts(Request):
    """Verdicts to be decided again.

    Attributes:
        verdicts: As the service told them.
        version: Of the policy; the newest when not given.
    """

    verdicts: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1_000)]
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class RuleView(Answer):
    """One rule of a policy.

    Attributes:
        id: Its name.
        when: Its condition.
        then: What it asks for.
        unknown: What becomes of it when the condition cannot be told: `ignore` or `review`.
        reason: Its reason code.
    """

    id: str
    when: str
    then: str
    unknown: str
    reason: str


class PolicyView(Answer):
    """A policy a transaction may name.

    Attributes:
        id: Its name.
        version: Higher is newer.
        sha256: Of its text.
        description: In words.
        attempts: How many an applicant has.
        reviewers: Persons who must agree on what was left to a person.
        required: Checks that must pass.
        optional: Checks that are measured as well.
        facts: Numbers that its rules ask for.
        rules: In order.
    """

    id: str
    version: int
    sha256: str
    description: str
    attempts: int
    reviewers: int = 1
    required: tuple[str, ...]
    optional: tuple[str, ...]
    facts: tuple[str, ...]
    rules: tuple[RuleView, ...]


class PolicyStored(PolicyView):
    """A policy that was stored.

    Attributes:
        warnings: What is likely meant otherwise.
    """

    warnings: tuple[str, ...]


class PolicyList(Answer):
    """Every version of every policy, the newest of each first."""

    items: tuple[PolicyView, ...]


class ReplayedOutcome(Answer):
    """How many verdicts went from which outcome to which."""

    before: Outcome
    after: Outcome
    n: int


class PolicyChange(Answer):
    """One verdict that ends differently."""

    transaction: str
    before: Outcome
    after: Outcome
    cause: str | None


class PolicyReplay(Answer):
    """How a policy would have decided.

    Attributes:
        n: Verdicts decided again.
        outcomes: By their outcome before and after.
        changes: Those that end differently.
        unmeasured: How often a required check had never been measured, by check.
    """

    n: int
    outcomes: tuple[ReplayedOutcome, ...]
    changes: tuple[PolicyChange, ...]
    unmeasured: dict[str, int]


class ModelPoint(Answer):
    """Thresholds of a model's card for one check."""

    accept_at: float
    reject_below: float
    source: str


class ModelView(Answer):
    """A model in use.

    Attributes:
        name: Of its card.
        sha256: Of its source weights.
        licence: In words.
        commercial: Whether the licence allows commercial use.
        roles: What it is used for.
        operating_points: By check.
        present: Whether its file is there.
    """

    name: str
    sha256: str
    licence: str
    commercial: Literal["yes", "no", "unclear"]
    roles: tuple[str, ...]
    operating_points: dict[str, ModelPoint]
    present: bool


class ModelList(Answer):
    """The models of the profile that the service runs."""

    profile: str
    items: tuple[ModelView, ...]
