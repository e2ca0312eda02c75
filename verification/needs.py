"""Can this installation judge by that policy? What each check needs, and what is not there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from veridical.analysis.engines import ROLES, Engines
from veridical.catalogue import CHECKS
from veridical.errors import ModelError
from veridical.policy import Policy
from veridical.result import OperatingPoint

__all__ = ["Lack", "Needs", "NotFitError", "roles_of", "summary_of"]

NO_POINT = "model.no_operating_point"
MOST_KNOWN = 256


def roles_of(checks: Iterable[str]) -> tuple[str, ...]:
    """Roles that checks need, each once, in the order in which their models are best loaded."""
    wanted = {role for check in checks for role in CHECKS[check].roles}
    return tuple(role for role in ROLES if role in wanted)


@dataclass(frozen=True, slots=True)
class Lack:
    """Something a check of a policy needs and the installation does not have.

    Attributes:
        policy: Its id.
        check: Its name.
        code: `model.missing`, `model.not_commercial`, `model.no_operating_point`.
        model: Name of the model, where it is one.
        required: Whether the policy requires the check, and so could never accept.
    """

    policy: str
    check: str
    code: str
    model: str
    required: bool


def summary_of(lacks: Iterable[Lack]) -> str:
    """For people: `spoken lacks sface-2021dec (model.missing) for face.match`."""
    checks: dict[tuple[str, str, str], list[str]] = {}
    for lack in lacks:
        checks.setdefault((lack.policy, lack.model, lack.code), []).append(lack.check)
    return "; ".join(
        f"{policy} lacks {f'{model} ({code})' if model else code} for {', '.join(names)}"
        for (policy, model, code), names in checks.items()
    )


class NotFitError(ModelError):
    """A policy requires what the installation does not have: it could never accept.

    Attributes:
        lacks: What is not there, of required checks.
    """

    default_code = "model.required"
    lacks: tuple[Lack, ...] = ()


class Needs:
    """Says of every policy what the installation lacks for it, and loads what it needs.

    Args:
        engines: Of the installation.
        points: Operating points from model cards, by check.
        allow_missing: Judge all the same: such checks are then not assessed.
    """

    def __init__(
        self,
        engines: Engines,
        points: Mapping[str, OperatingPoint],
        *,
        allow_missing: bool = False,
    ) -> None:
        self._engines = engines
        self._points = points
        self._allow_missing = allow_missing
        self._known: dict[tuple[object, ...], tuple[Lack, ...]] = {}

    def lacks(self, policy: Policy) -> tuple[Lack, ...]:
        """What is not there of what a policy needs, in the order of its checks.

        Raises:
            ModelError: A model that is there is altered.
        """
        key = (policy.sha256, policy.required, policy.optional, policy.witnesses)
        found = self._known.get(key)
        if found is None:
            found = tuple(self._found(policy))
            if len(self._known) >= MOST_KNOWN:  # tenants may store policies without end
                self._known.clear()
            self._known[key] = found
        return found

    def require(self, *policies: Policy) -> None:
        """Refuse policies of which a required check could never be assessed or judged.

        Raises:
            NotFitError: Names policy, check and model.
            ModelError: A model that is there is altered.
        """
        lacks = [lack for policy in policies for lack in self.lacks(policy) if lack.required]
        if lacks and not self._allow_missing:
            error = NotFitError(
                f"{summary_of(lacks)}. Run `veridical models pull`, choose another profile or "
                "policy, or allow it (--allow-missing, VERIDICAL_ALLOW_MISSING=1): nobody is then "
                "accepted by such a policy, for a check it requires is not assessed",
                model=lacks[0].model,
            )
            error.lacks = tuple(lacks)
            raise error

    def _found(self, policy: Policy) -> Iterable[Lack]:
        absent = self._engines.lacking(roles_of(policy.checks))
        for check in policy.checks:
            models = {
                error.model: error.code
                for role in CHECKS[check].roles
                if (error := absent.get(role))
            }
            required = check in policy.required or check in policy.witnesses
            for model, code in models.items():
                yield Lack(policy.id, check, code, model, required)
            if not models and not self._has_point(policy, check):
                yield Lack(policy.id, check, NO_POINT, self._scorer(check), required)

    def _has_point(self, policy: Policy, check: str) -> bool:
        given = (self._points, policy.operating_points, policy.calibration)
        return any(check in points for points in given)

    def _scorer(self, check: str) -> str:
        """The model whose scale a check's score is on: the last of its roles."""
        roles = CHECKS[check].roles
        return self._engines.card(roles[-1]).name if roles else ""
