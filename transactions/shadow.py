"""What would a candidate policy have decided? It judges every live verdict beside the one in force.

It decides by what was measured for the policy in force, as `veridical policy replay` does: nothing
is measured for it, no applicant waits for it, and nothing but its outcome is kept.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from pathlib import Path
from typing import Any

from veridical.errors import InputError
from veridical.policy import Policy, parse_policy
from veridical.policy.replay import decide_stored
from veridical.result import Outcome
from veridical.signals.ledger import Keep
from veridical.store.shadows import (
    ShadowVerdict,
    add_shadow_verdict,
    drop_shadow,
    put_shadow,
    shadow_of,
    shadow_verdicts_of,
)
from veridical.transactions.records import record
from veridical.transactions.resources import Resources, iso
from veridical.transactions.rules import PolicyRepository, tenants_policy

__all__ = ["Comparison", "Shadows", "sign_test"]

log = logging.getLogger("veridical.service.shadow")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a candidate did beside the policy in force.

    Attributes:
        policy: The candidate.
        outcomes: How many went from which outcome to which.
        disagreements: Verdicts that would have been others, the oldest first.
        fewer: Accepted in force, not by the candidate.
        more: The other way round.
        p: Chance of so uneven a split of those two, or a more uneven one, were neither policy
            stricter (exact two-sided sign test, as McNemar's); 1 without any.
        unmeasured: How often a check that the candidate requires was not measured, by check.
    """

    policy: Policy
    outcomes: Mapping[tuple[str, str], int]
    disagreements: tuple[ShadowVerdict, ...]
    fewer: int
    more: int
    p: float
    unmeasured: Mapping[str, int]

    @property
    def n(self) -> int:
        """Verdicts judged."""
        return sum(self.outcomes.values())


class Shadows:
    """Candidates of every tenant, at most one a policy.

    Args:
        resources: Where they are kept.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def start(self, tenant: str, content: bytes) -> Policy:
        """Let a version judge beside the one in force of its name, from now on.

        Raises:
            InputError: As `tenants_policy`.
        """
        policy = tenants_policy(content)
        with self._resources.database.writing() as connection:
            put_shadow(connection, tenant, policy.id, content, self._resources.clock())
        return policy

    def stop(self, tenant: str, name: str) -> None:
        """End a candidate's judging, and delete what came of it.

        Raises:
            InputError: `policy.no_shadow`: none judges beside this policy.
        """
        self._of(tenant, name)
        with self._resources.database.writing() as connection:
            drop_shadow(connection, tenant, name)

    def keeping(self, tenant: str, policy: str, told: Mapping[str, Any]) -> Keep | None:
        """Judge one verdict; what keeps the outcome, once the verdict itself is kept.

        Args:
            tenant: Whose.
            policy: Name of the policy in force.
            told: The verdict as it is kept.

        Returns:
            None where no candidate judges beside this policy, or it could not.
        """
        with self._resources.database.reading() as connection:
            content = shadow_of(connection, tenant, policy)
        if content is None or "checks" not in told:
            return None
        try:
            decision, unmeasured = decide_stored(told, _parsed(content))
        except Exception:  # whatever a candidate does: the applicant's verdict is another one's
            log.exception("a candidate policy did not judge")
            return None
        verdict = ShadowVerdict(
            told["transaction"],
            told["attempt"],
            str(told["outcome"]),
            str(decision.outcome),
            decision.first_cause,
            ",".join(sorted(unmeasured)),
        )
        now = self._resources.clock()
        return lambda connection: add_shadow_verdict(connection, tenant, policy, verdict, now)

    def compare(self, tenant: str, name: str) -> Comparison:
        """What a candidate did so far.

        Raises:
            InputError: `policy.no_shadow`: none judges beside this policy.
        """
        content = self._of(tenant, name)
        with self._resources.database.reading() as connection:
            verdicts = shadow_verdicts_of(connection, tenant, name)
        outcomes = Counter((one.outcome, one.would_be) for one in verdicts)
        accept = str(Outcome.ACCEPT)
        fewer = sum(n for (a, b), n in outcomes.items() if a == accept != b)
        more = sum(n for (a, b), n in outcomes.items() if b == accept != a)
        return Comparison(
            _parsed(content),
            outcomes,
            tuple(one for one in verdicts if one.outcome != one.would_be),
            fewer,
            more,
            sign_test(fewer, more),
            Counter(c for one in verdicts for c in one.unmeasured.split(",") if c),
        )

    def promote(self, tenant: str, name: str, book: PolicyRepository, operator: str) -> Policy:
        """Put a candidate in force: it is stored as the tenant's newest version, and recorded.

        Args:
            tenant: Whose.
            name: Of the policy.
            book: Stores it.
            operator: Who decides so.

        Raises:
            InputError: `policy.no_shadow`; `policy.version`: its version is not above the newest.
        """
        content, seen = self._of(tenant, name), self.compare(tenant, name)
        policy = book.add(tenant, name, content, shadow=True)
        with self._resources.database.writing() as connection:
            body = {
                "event": "action",
                "transaction": "",
                "action": "policy.promoted",
                "about": f"{policy.id} v{policy.version}: {seen.n} judged, {seen.fewer} accepted "
                f"before only, {seen.more} accepted now only",
                "policy": {"id": policy.id, "version": policy.version, "sha256": policy.sha256},
                "operator": operator,
                "decided_at": iso(self._resources.clock()),
            }
            record(connection, self._resources, tenant, body)
            drop_shadow(connection, tenant, name)
        return policy

    def _of(self, tenant: str, name: str) -> bytes:
        with self._resources.database.reading() as connection:
            content = shadow_of(connection, tenant, name)
        if content is None:
            raise InputError(
                f"no candidate judges beside {name!r}: `veridical policy shadow start`",
                "policy.no_shadow",
            )
        return content


@lru_cache(maxsize=64)
def _parsed(content: bytes) -> Policy:
    return parse_policy(content, "the candidate", Path())


def sign_test(fewer: int, more: int) -> float:
    """Two-sided exact p of a split of disagreements, were both sides equally likely.

    Source: Q. McNemar, Psychometrika 12 (1947), with the exact binomial in place of chi squared.
    """
    n = fewer + more
    tail: int = sum(comb(n, k) for k in range(min(fewer, more) + 1))
    return min(1.0, 2 * tail / (1 << n))
