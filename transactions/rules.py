"""Which policies are there to ask for?"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from veridical.catalogue import Trait, checks_with
from veridical.errors import InputError, StoreError
from veridical.policy import earlier_policies, parse_policy
from veridical.policy.trials import refuse_failing
from veridical.reading import TextLimits
from veridical.store.policies import add_policy, newest_policies, policies_of
from veridical.transactions.resources import ProblemError, Resources
from veridical.verification import CHECKS, Policy, load_policy, shipped_policies

__all__ = [
    "LARGEST_POLICY_BYTES",
    "PolicyRepository",
    "stored_policies",
    "tenants_policy",
    "with_checks",
]

LARGEST_POLICY_BYTES = TextLimits().size_bytes


def with_checks(policy: Policy, checks: Sequence[str]) -> Policy:
    """A policy that requires further checks; it says so in its hash.

    Raises:
        InputError: `policy.unknown_check`.
    """
    if unknown := sorted(set(checks) - CHECKS.keys()):
        raise InputError(
            f"unknown checks {unknown}; known are {', '.join(CHECKS)}", "policy.unknown_check"
        )
    added = tuple(check for check in dict.fromkeys(checks) if check not in policy.required)
    if sums := sorted(checks_with(Trait.SUM).intersection(added)):
        raise InputError(
            f"{sums} want witnesses, which only a policy names", "policy.unknown_check"
        )
    if not added:
        return policy
    return replace(
        policy,
        required=policy.required + added,
        optional=tuple(check for check in policy.optional if check not in added),
        sha256=hashlib.sha256(json.dumps([policy.sha256, *added]).encode()).hexdigest(),
    )


def tenants_policy(content: bytes) -> Policy:
    """Parse a policy of a tenant's own.

    Raises:
        InputError: `policy.malformed`; `policy.calibration`: it names files, which only an operator
            may; `policy.specimens`; `policy.example`: it does not do what its own examples say.
    """
    if len(content) > LARGEST_POLICY_BYTES:
        raise InputError(f"a policy has at most {LARGEST_POLICY_BYTES} bytes", "policy.malformed")
    policy = parse_policy(content, "the policy", Path())
    if policy.calibration:
        raise InputError(
            "calibration files lie on the server: its operator names them", "policy.calibration"
        )
    if policy.allow_specimens:
        raise InputError("only the operator lets specimens through", "policy.specimens")
    refuse_failing(policy)
    return policy


class PolicyRepository:
    """The policies a tenant may ask for: those that are shipped, and its own.

    A version of a tenant's own policy never changes once it is stored: a verdict can always be
    traced to the words it was made under.

    Args:
        resources: Where tenants' own policies are.
        default: Name or path of the policy of transactions that name none.

    Raises:
        InputError: The default policy cannot be used; `policy.example`: it does not do what its own
            examples say.
    """

    def __init__(self, resources: Resources, default: str) -> None:
        self._resources = resources
        self._default = load_policy(default)
        refuse_failing(self._default)
        # A client may not choose to let specimens through; an operator may, by its own default.
        self._shipped = {
            policy.id: policy
            for policy in map(load_policy, shipped_policies())
            if not policy.allow_specimens
        } | {self._default.id: self._default}

        self._earlier = {(policy.id, policy.version): policy for policy in earlier_policies()}

    def default_for(self, kind: str) -> str:
        """Name of the policy of transactions that name none."""
        return kind if kind in ("reverify", "recording") else self._default.id

    def find(self, tenant: str, name: str, version: int | None = None) -> Policy:
        """A policy by its name, in its newest version unless one is given.

        Raises:
            ProblemError: `policy.unknown`.
        """
        stored = self._stored(tenant, name)
        for policy in stored if version is None else [p for p in stored if p.version == version]:
            return policy
        shipped = self._shipped.get(name)
        if version is not None and (shipped is None or shipped.version != version):
            shipped = self._earlier.get((name, version))
        if shipped is None:
            known = ", ".join(dict.fromkeys(p.id for p in self.all_of(tenant)))
            raise ProblemError(422, "policy.unknown", f"no policy of that name; there are {known}")
        return shipped

    def all_of(self, tenant: str) -> list[Policy]:
        """Every version of every policy, the newest of each first."""
        own = self._stored(tenant)
        return own + [p for p in self._shipped.values() if p.id not in {q.id for q in own}]

    def add(
        self,
        tenant: str,
        name: str,
        content: bytes,
        fit: Callable[[Policy], None] = lambda _: None,
        *,
        shadow: bool = False,
    ) -> Policy:
        """Store a version of a tenant's own policy.

        Args:
            tenant: Whose.
            name: Its id.
            content: TOML.
            fit: Refuses what the installation could not judge.
            shadow: Whether it may take the place of a shipped policy of its name.

        Raises:
            ProblemError: `policy.shadows`: a shipped policy has that name.
            InputError: As `tenants_policy`; `policy.version`: not above the newest stored.
        """
        policy = tenants_policy(content)
        if policy.id != name:
            raise InputError("the policy's id is not the name in the path", "policy.malformed")
        fit(policy)
        own = self._stored(tenant, name)
        if name in self._shipped and not own and not shadow:
            raise ProblemError(
                409,
                "policy.shadows",
                "a shipped policy has this name, and everybody who asks for it would be judged by "
                "this one: take another name, or say ?shadow=true",
            )
        newest = max((p.version for p in own), default=0)
        if name in self._shipped:
            newest = max(newest, self._shipped[name].version)
        if policy.version <= newest:
            raise InputError(f"a changed policy wants a version above {newest}", "policy.version")
        try:
            with self._resources.database.writing() as connection:
                now = self._resources.clock()
                add_policy(connection, tenant, name, policy.version, content, now)
        except StoreError as error:
            if error.code == "store.conflict":
                raise InputError("there is such a version already", "policy.version") from error
            raise
        return policy

    def _stored(self, tenant: str, name: str | None = None) -> list[Policy]:
        with self._resources.database.reading() as connection:
            contents = policies_of(connection, tenant, name)
        return [parse_policy(content, "a stored policy", Path()) for content in contents]


def stored_policies(resources: Resources) -> tuple[Policy, ...]:
    """The newest version of every policy that tenants stored; those no longer understood left out.

    What is not understood is refused when somebody asks for it.
    """
    with resources.database.reading() as connection:
        contents = newest_policies(connection)
    found = []
    for content in contents:
        with contextlib.suppress(InputError):
            found.append(parse_policy(content, "a stored policy", Path()))
    return tuple(found)
