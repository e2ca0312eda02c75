"""How does the chain as a whole end for genuine applicants, and for each kind of attack?

Checks multiply: five that pass 97 of 100 genuine applicants refuse one in seven together. So what
counts is what a policy makes of all of them, over the attempts it allows.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import hash_data, read_json_lines
from veridical.evaluation.intervals import Rate
from veridical.evaluation.metrics import iapar
from veridical.evaluation.plots import bars
from veridical.evaluation.request import Evaluation, Request, Section, Worst
from veridical.models.calibration import load_calibrations
from veridical.result import Measurement, OperatingPoint, Outcome
from veridical.verification import (
    Policy,
    Transaction,
    Verifier,
    decide,
    load_policy,
    load_verifier,
)
from veridical.verification.manifest import Row as ManifestRow
from veridical.verification.manifest import load_reference, load_transaction
from veridical.verification.manifest_text import COLUMNS as MANIFEST_COLUMNS
from veridical.verification.points import operating_points
from veridical.verification.policy.rules import checked_facts
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
OUTCOMES = tuple(outcome.value for outcome in Outcome)
MEDIA = ("document_front", "document_back", "selfie", "clip", "voice", "reference_face")
MAX_ATTEMPTS = 2
GENUINE = "accept"

REPEATABLE = {"fingerprint_days": 0.0, "draw_secret": SecretStr("known to everybody")}
"""Rows share clips on purpose: none is a replay of another. Each run draws the same frames."""


@dataclass(frozen=True, slots=True)
class Case:
    """One attempt of a manifest.

    Attributes:
        row: Its line.
        attempt: Which attempt of its transaction, from 1.
        policy: Name or path.
        expected: Outcome that is right.
        attack: Name of the attack; empty for a genuine applicant.
        manifest: What the line says.
        folder: What its paths are relative to.
        media: Files it names, by key.
        today: Day by which documents expire; None takes the current one.
    """

    row: int
    attempt: int
    policy: str
    expected: str
    attack: str
    manifest: ManifestRow
    folder: Path
    media: Mapping[str, Path]
    today: date | None = None

    @property
    def id(self) -> str:
        """Of the transaction; its attempts share it."""
        return self.manifest.id


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
        verdict = self._verifier.verify(transaction, load_policy(work.policy))
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
        )


def evaluate_transactions(
    request: Request,
    settings: Settings,
    policy: str = "",
    maker: Maker[Case] | None = None,
) -> Evaluation:
    """Evaluate whole transactions over a manifest.

    Args:
        request: What was asked.
        settings: The installation.
        policy: Judges every row; empty takes the policy each row names.
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
    units = [Unit(str(number), case) for number, case in enumerate(cases)]
    score_units(
        units,
        maker or TransactionMaker(settings),
        scores,
        title="transactions",
        workers=request.workers,
    )
    points = operating_points(store, profile)
    evaluation = transaction_figures(decided(list(scores.rows()), cases, policies, points), cases)
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(cases)
    evaluation.options = {f"policy {name}": found.sha256 for name, found in policies.items()}
    return evaluation


def read_cases(request: Request, policy: str = "") -> list[Case]:
    """Attempts of a manifest, each checked."""
    cases: list[Case] = []
    for row in read_json_lines(request.index, ("id", "expect"), request.limit):
        expect = row.values["expect"]
        if not isinstance(expect, dict) or expect.get("outcome") not in OUTCOMES:
            raise row.error(
                "expect", f"an outcome of {', '.join(OUTCOMES)} is wanted", "index.malformed"
            )
        expected = str(expect["outcome"])
        attack = row.text("attack", "" if expected == GENUINE else "unnamed")
        attempt, day = row.text("attempt", "1"), row.text("today", "")
        if not (attempt.isascii() and attempt.isdigit() and int(attempt)):
            raise row.error("attempt", "a whole number from 1 is wanted", "index.malformed")
        try:
            today = date.fromisoformat(day) if day else None
        except ValueError:
            raise row.error(
                "today", "a day such as 2026-05-01 is wanted", "index.malformed"
            ) from None
        cases.append(
            Case(
                row.number,
                int(attempt),
                policy or row.text("policy"),
                expected,
                attack,
                ManifestRow(row.number, row.text("id"), _said(row.values, int(attempt))),
                request.index.parent,
                {key: path for key in MEDIA if (path := row.optional_file(key)) is not None},
                today,
            )
        )
    return cases


def _said(values: Mapping[str, object], attempt: int) -> dict[str, object]:
    """What a line of an index says as a manifest would; the rest is the evaluation's own."""
    said = {
        name: value
        for name, value in values.items()
        if name in MANIFEST_COLUMNS and name != "expect"
    }
    return {**said, "attempt": attempt}


def decided(
    rows: Sequence[Mapping[str, str]],
    cases: Sequence[Case],
    policies: Mapping[str, Policy],
    cards: Mapping[str, OperatingPoint],
) -> list[dict[str, str]]:
    """Decide measured attempts; scores stay what they are when thresholds move.

    Args:
        rows: Rows of the score file.
        cases: In order of their numbers.
        policies: Those the cases name.
        cards: Operating points of the model set, before which policies and their calibration
            files go.

    Returns:
        The rows with `expected`, `attack`, `got` and `first_cause`.
    """
    fitted = {name: load_calibrations(policy.calibration) for name, policy in policies.items()}
    points = {
        name: {**cards, **{check: found.point() for check, found in one.calibrations.items()}}
        for name, one in fitted.items()
    }
    ended: list[dict[str, str]] = []
    for row in rows:
        case = cases[int(row["unit"])]
        about = {**row, "expected": case.expected, "attack": case.attack}
        if row["error"]:
            ended.append({**about, "got": "error", "first_cause": row["error"]})
            continue
        measured = [  # of a score file from before there were rules, without evidence
            Measurement(check, score, reason, *evidence)
            for check, (score, reason, *evidence) in json.loads(row["measured"]).items()
        ]
        rates = {m.check: fitted[case.policy].error_rate(m.check, m.score) for m in measured}
        decision = decide(
            measured,
            policies[case.policy],
            points[case.policy],
            attempt=case.attempt,
            error_rates={check: rate for check, rate in rates.items() if rate is not None},
            facts=checked_facts(case.manifest.values.get("facts") or {}),
        )
        got, cause = decision.outcome.value, decision.first_cause or ""
        ended.append({**about, "got": got, "first_cause": cause})
    return ended


def transaction_figures(rows: Sequence[Mapping[str, str]], cases: Sequence[Case]) -> Evaluation:
    """Work the figures out of outcomes; no model is needed.

    Args:
        rows: As `decided`.
        cases: In order of their numbers.
    """
    figures = Figures("transactions")
    got = {(row["id"], int(row["attempt"])): row for row in rows}
    genuine = sorted({case.id for case in cases if not case.attack})
    for expected in OUTCOMES:
        here = [row["got"] for row in rows if row["expected"] == expected]
        for outcome in (*OUTCOMES, "error"):
            if here and (outcome in here or outcome in OUTCOMES):
                figures.put(f"outcomes|{expected}|{outcome}", here.count(outcome))
    for attempts in range(1, MAX_ATTEMPTS + 1):
        accepted = sum(_accepted_within(got, one, attempts) for one in genuine)
        figures.share(f"genuine_accepted_within|{attempts}", Rate(accepted, len(genuine)))
    attacks: dict[str, list[bool]] = {}
    reviewed: dict[str, list[bool]] = {}
    for row in rows:
        if row["attack"]:
            attacks.setdefault(row["attack"], []).append(row["got"] == GENUINE)
            reviewed.setdefault(row["attack"], []).append(row["got"] == Outcome.REVIEW)
    accepted_attacks = iapar(attacks)
    for name, rate in accepted_attacks.items():
        figures.rate(f"attack_accepted|{name}", rate)
    for name, rate in iapar(reviewed).items():
        figures.share(f"attack_reviewed|{name}", rate)
    causes: dict[str, int] = {}
    for row in rows:
        if row["first_cause"]:
            who = row["attack"] or "genuine"
            causes[f"{who}|{row['first_cause']}"] = causes.get(f"{who}|{row['first_cause']}", 0) + 1
    for path, count in sorted(causes.items()):
        figures.put(f"first_causes|{path}", count)
    times = [float(row["cpu_ms"]) for row in rows if row["cpu_ms"]]
    figures.put("cpu_ms", float(np.median(times)) if times else None)
    figures.notes.append(
        "an attack counts as accepted only when the outcome is accept; review means that a person "
        "decides. Attacks whose name begins with simulated come from the simulator and are no IAPAR"
    )
    worst = max(
        accepted_attacks.items(), key=lambda item: item[1].value or 0.0, default=("", Rate(0, 0))
    )
    return Evaluation(
        figures,
        headline=(
            ("genuine_accepted_within|1", "genuine accepted at once"),
            ("genuine_accepted_within|2", "genuine accepted within two attempts"),
            (f"attack_accepted|{worst[0]}", f"worst attack: {worst[0]}"),
            ("cpu_ms", "median CPU ms"),
        ),
        sections=_sections(rows, accepted_attacks, causes),
        worst=_worst(rows, cases),
    )


def _accepted_within(
    got: Mapping[tuple[str, int], Mapping[str, str]], transaction: str, attempts: int
) -> bool:
    """Whether one of the first attempts was accepted; a rejection ends the transaction."""
    for attempt in range(1, attempts + 1):
        row = got.get((transaction, attempt))
        if row is None or row["got"] == Outcome.REJECT:
            return False
        if row["got"] == GENUINE:
            return True
    return False


def _sections(
    rows: Sequence[Mapping[str, str]], accepted: Mapping[str, Rate], causes: Mapping[str, int]
) -> list[Section]:
    kinds = sorted({row["attack"] for row in rows})
    outcomes = (*OUTCOMES, "error")
    table = []
    for kind in kinds:
        ends = [row["got"] for row in rows if row["attack"] == kind]
        table.append(
            (kind or "genuine", *(str(ends.count(one)) for one in outcomes), str(len(ends)))
        )
    sections = [
        Section(
            "How transactions ended",
            "Every attempt of a genuine applicant, and of each attack.",
            head=("applicant", *outcomes, "n"),
            rows=table,
        )
    ]
    if accepted:
        sections.append(
            Section(
                "Attacks accepted",
                "Share that the whole chain accepted; review is not acceptance.",
                bars(dict(sorted(accepted.items(), key=lambda i: -(i[1].value or 0))), "accepted"),
            )
        )
    sections.append(
        Section(
            "First causes",
            "Why a transaction was not accepted: the first check, in the order of the policy.",
            head=("applicant", "cause", "n"),
            rows=[(*path.split("|", 1), str(count)) for path, count in sorted(causes.items())],
        )
    )
    return sections


def _worst(rows: Sequence[Mapping[str, str]], cases: Sequence[Case]) -> list[Worst]:
    """Attacks that were accepted, then genuine applicants who were rejected."""
    wrong = [row for row in rows if row["attack"] and row["got"] == GENUINE]
    wrong += [row for row in rows if not row["attack"] and row["got"] == Outcome.REJECT]
    found: list[Worst] = []
    for row in wrong[:12]:
        case = cases[int(row["unit"])]
        words = f"{row['attack'] or 'genuine'}: {row['got']}, row {case.row}"
        found.append(
            Worst(
                f"{words} {row['first_cause']}".rstrip(),
                tuple(
                    case.media[k] for k in ("document_front", "selfie", "clip") if k in case.media
                ),
            )
        )
    return found
