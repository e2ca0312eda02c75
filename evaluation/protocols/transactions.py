"""How does the chain as a whole end for genuine applicants, and for each kind of attack?

Checks multiply: five that pass 97 of 100 genuine applicants refuse one in seven together. So what
counts is what a policy makes of all of them, over the attempts it allows.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pydantic import SecretStr

from veridical.catalogue.points import operating_points
from veridical.errors import InputError
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import hash_data
from veridical.evaluation.protocols.cases import Case, read_cases
from veridical.evaluation.protocols.outcomes import transaction_figures
from veridical.evaluation.request import Evaluation, Request
from veridical.evaluation.waive import MARK, without
from veridical.evaluation.weakest import WEAKEST
from veridical.models.calibration import load_calibrations
from veridical.policy.present import PRESENT
from veridical.policy.rules import checked_facts
from veridical.rehearsal.compose.people import is_rendered
from veridical.result import Measurement, OperatingPoint
from veridical.verification import (
    Policy,
    Transaction,
    Verifier,
    decide,
    load_policy,
    load_verifier,
)
from veridical.verification.manifest import load_reference, load_transaction
from veridical.verification.references import face_reference
from veridical.verification.settings import Settings
from veridical.verification.sources import Folder

__all__ = [
    "Case",
    "TransactionMaker",
    "decided",
    "evaluate_transactions",
    "read_cases",
    "transaction_figures",
]

COLUMNS = ("id", "attempt", "measured", "error", "cpu_ms")
REPEATABLE = {"fingerprint_days": 0.0, "draw_secret": SecretStr("known to everybody")}
"""Rows share clips on purpose: none is a replay of another. Each run draws the same frames."""


@dataclass(frozen=True, slots=True)
class TransactionMaker:
    """Builds a worker around one verifier.

    Attributes:
        settings: The installation.
    """

    settings: Settings

    def __call__(self) -> "TransactionWorker":
        """Build the verifier."""
        return TransactionWorker(load_verifier(self.settings.model_copy(update=REPEATABLE)))


class TransactionWorker:
    """Attempt in, measurements out; deciding comes later and needs no media."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def __call__(self, work: Case) -> Sequence[Mapping[str, object]]:
        """Measure one attempt; media that cannot be read end it as the service would end it."""
        row: dict[str, object] = {"id": work.id, "attempt": work.attempt}
        try:
            transaction = self._transaction(work)
        except InputError as error:
            return [{**row, "error": error.code}]
        start = time.process_time()
        verdict = self._verifier.verify(transaction, _all_of(work))
        row["cpu_ms"] = (time.process_time() - start) * 1e3
        measured = [result.measurement for result in verdict.results]
        row["measured"] = json.dumps(
            {m.check: [m.score, m.reason, dict(m.evidence)] for m in measured}
        )
        return [row]

    def _transaction(self, work: Case) -> Transaction:
        folder = Folder(work.folder)
        known = load_reference(work.manifest, folder)
        return replace(
            load_transaction(work.manifest, folder),
            face_reference=None if known is None else face_reference(self._verifier, known),
            today=work.today,
            arrivals=work.arrivals,
        )


def evaluate_transactions(
    request: Request,
    settings: Settings,
    policy: str = "",
    maker: Maker[Case] | None = None,
    *,
    own_specimens: bool = False,
) -> Evaluation:
    """Evaluate whole transactions over a manifest.

    Args:
        request: What was asked.
        settings: The installation.
        policy: Judges every row; empty takes the policies each row names.
        own_specimens: Judge the cards that our own renderer drew as if they bore no specimen mark.
            Their files bear it all the same, and every door of production refuses them.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The manifest or a policy cannot be used.
        ModelError: A model is altered.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    models = tuple(store.card(name).ref for name in profile.models if store.has(name))
    cases = read_cases(request, policy)
    policies = {name: load_policy(name) for name in sorted({case.policy for case in cases})}
    files = [path for case in cases for path in case.media.values()]
    data = hash_data(request.index, files)
    stamp_run(
        request.out,
        {
            "kind": "transactions",
            "data": data,
            "limit": request.limit,
            "checks": {name: sorted(found.checks) for name, found in policies.items()},
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    first = {case.unit: case for case in reversed(cases)}
    units = [Unit(str(number), first[number]) for number in sorted(first)]
    score_units(
        units,
        maker or TransactionMaker(settings),
        scores,
        title="transactions",
        workers=request.workers,
    )
    points = operating_points(store, profile)
    rows = decided(list(scores.rows()), cases, policies, points, own_specimens=own_specimens)
    weakest = {
        choice: decided(
            list(scores.rows()),
            cases,
            policies,
            points,
            own_specimens=own_specimens,
            blind=blind,
        )
        for choice, blind in WEAKEST.items()
    }
    evaluation = transaction_figures(rows, cases, weakest)
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(units)
    evaluation.options = {f"policy {name}": found.sha256 for name, found in policies.items()}
    evaluation.options["own_specimens"] = own_specimens
    return evaluation


def _all_of(case: Case) -> Policy:
    """A policy with the checks of all that a row names: what is measured once is judged by each."""
    policies = [load_policy(name) for name in case.policies]
    policies = [load_policy(case.policy)] + [one for one in policies if one.id != case.policy]
    more = tuple(check for policy in policies[1:] for check in policy.checks)
    return replace(policies[0], optional=tuple(dict.fromkeys((*policies[0].optional, *more))))


def decided(
    rows: Sequence[Mapping[str, str]],
    cases: Sequence[Case],
    policies: Mapping[str, Policy],
    cards: Mapping[str, OperatingPoint],
    *,
    own_specimens: bool = False,
    blind: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, str]]:
    """Decide measured attempts; scores stay what they are when thresholds move.

    Args:
        rows: Rows of the score file.
        cases: In order of their numbers.
        policies: Those the cases name.
        cards: Operating points of the model set, before which policies and their calibration
            files go.
        own_specimens: As in `evaluate_transactions`.
        blind: Checks that are taken not to have been assessed, each with its reason.

    Returns:
        For each case that was measured its row with `case`, `policy`, `group`, `expected`,
        `attack`, `got`, `first_cause` and how `capture.present` ended.
    """
    fitted = {name: load_calibrations(policy.calibration) for name, policy in policies.items()}
    points = {
        name: {**cards, **{check: found.point() for check, found in one.calibrations.items()}}
        for name, one in fitted.items()
    }
    ended: list[dict[str, str]] = []
    by_unit = {int(row["unit"]): row for row in rows}
    for number, case in enumerate(cases):
        row = by_unit.get(case.unit if case.unit >= 0 else number)
        if row is None:
            continue
        about = {
            **row,
            "case": str(number),
            "policy": case.policy,
            "group": case.group,
            "expected": case.expected,
            "attack": case.attack,
        }
        if row["error"]:
            ended.append({**about, "got": "error", "first_cause": row["error"]})
            continue
        measured = [  # of a score file from before there were rules, without evidence
            Measurement(check, None, blind[check])
            if check in blind
            else Measurement(check, score, reason, *evidence)
            for check, (score, reason, *evidence) in json.loads(row["measured"]).items()
        ]
        rates = {m.check: fitted[case.policy].error_rate(m.check, m.score) for m in measured}
        card = case.media.get("document_front")
        ours = own_specimens and card is not None and is_rendered(card)
        waived = {*case.waived, *((MARK,) if ours else ())}
        decision = decide(
            [one for one in measured if one.check not in waived],
            without(policies[case.policy], waived),
            points[case.policy],
            attempt=case.attempt,
            error_rates={check: rate for check, rate in rates.items() if rate is not None},
            facts=checked_facts(case.manifest.values.get("facts") or {}),
        )
        got, cause = decision.outcome.value, decision.first_cause or ""
        present = [one.status.value for one in decision.results if one.check == PRESENT]
        ended.append({**about, "got": got, "first_cause": cause, "present": "".join(present)})
    return ended
