"""Does a policy do what its author expects? Its examples, decided."""

from collections.abc import Iterator
from dataclasses import dataclass

from veridical.errors import InputError
from veridical.policy import Policy
from veridical.policy.decision import Decision, decide
from veridical.policy.examples import Example

__all__ = ["Trial", "refuse_failing", "try_examples"]


@dataclass(frozen=True, slots=True)
class Trial:
    """An example, and how it ended.

    Attributes:
        example: What was expected.
        decision: What came.
    """

    example: Example
    decision: Decision

    @property
    def passed(self) -> bool:
        """Whether it ended as expected."""
        expected, got = self.example, self.decision
        return expected.expect is got.outcome and expected.causes in (None, got.causes)

    def fault(self) -> str:
        """What came instead of what; empty when it passed."""
        if self.passed:
            return ""
        expected, got = self.example, self.decision
        wanted = [str(expected.expect), *(expected.causes or ())]
        return f"wanted {', '.join(wanted)}; got {', '.join([str(got.outcome), *got.causes])}"


def try_examples(policy: Policy) -> Iterator[Trial]:
    """Decide every example of a policy; neither models nor media are needed."""
    for example in policy.examples:
        yield Trial(
            example,
            decide(
                example.measurements,
                policy,
                example.points,
                attempt=example.attempt,
                error_rates=example.error_rates,
                facts=example.facts,
            ),
        )


def refuse_failing(policy: Policy) -> None:
    """Refuse a policy whose examples do not end as they say.

    Raises:
        InputError: `policy.example`: names the first that fails.
    """
    for trial in try_examples(policy):
        if fault := trial.fault():
            raise InputError(
                f"policy {policy.id!r}: example {trial.example.name!r} fails: {fault}",
                "policy.example",
            )
