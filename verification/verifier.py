"""The orchestrator: one transaction in, one verdict out; and the one place that builds it."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from veridical.analysis.analysis import Analysis, Executor
from veridical.analysis.draw import FrameDraw
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.catalogue import CHECKS, Trait, checks_with
from veridical.catalogue.parts import Parts
from veridical.catalogue.points import points_of
from veridical.catalogue.steps import Step, build_steps, makers_of
from veridical.chip import ChipInspection, TrustList
from veridical.gallery import WatchlistCheck
from veridical.liveness import Attestor
from veridical.models.calibration import Calibration, CalibrationSet, load_calibrations
from veridical.ocr import (
    Document,
)
from veridical.policy import Policy, load_policy, shipped_policies
from veridical.policy.decision import decide, judge, summed
from veridical.policy.verdict import Verdict, verdict_of
from veridical.result import CheckResult, EvidenceValue, Measurement, OperatingPoint, Status
from veridical.signals.provider import Provider
from veridical.tracing import part
from veridical.types import Template
from veridical.verification.galleries import open_watchlist
from veridical.verification.needs import Lack, Needs
from veridical.verification.settings import Settings

if TYPE_CHECKING:
    from veridical.signals.ledger import Ledger
    from veridical.store import MediaMemory

__all__ = ["Verifier", "load_verifier"]

UNARMED = ("model_missing", "no_watchlist", "no_trust_list", "no_store", "no_provider", "no_index")
"""Reasons that lie with the installation, not with the capture."""
SUMS = checks_with(Trait.SUM)
WEAKER = ("baseline", "not_fully_assessed")
"""Levels of a check's evidence below the best it has."""


class Verifier:
    """Judges transactions; built once and shared by service, command line and SDK.

    Holds no state of any transaction, so that one instance serves many threads.

    Args:
        steps: How each check is measured, in the order in which they run.
        engines: Of the shared analysis.
        points: Operating points from model cards and calibration files, by check.
        policy: The policy of transactions that name none.
        needs: Says what policies need that is not there; None takes every policy as it comes.
        memory: Codes of media that were handed in before, to which those of every clip and sound
            are added; None keeps none.
        ledger: Knows what was seen of applicants before; None remembers nobody.
        draw: Draws the frames that are looked at closely; None draws by a secret of this verifier's
            own.
        trust: Whom to trust to sign chips; None assesses no chip.

    Attributes:
        policy: The policy of transactions that name none.
        policies: Names of the policies a client may ask for.
        lacks: What the installation lacks of what the policies in force need.
        executor: Lends a thread where a core is free: documents are then read while the rest of a
            transaction is looked at. None keeps a transaction to its own thread.
    """

    def __init__(
        self,
        steps: Mapping[str, Step],
        engines: Engines,
        points: Mapping[str, OperatingPoint],
        policy: Policy,
        *,
        needs: Needs | None = None,
        memory: "MediaMemory | None" = None,
        ledger: "Ledger | None" = None,
        draw: FrameDraw | None = None,
        trust: TrustList | None = None,
    ) -> None:
        self._steps = steps
        self._engines = engines
        self._points = points
        self.policy = policy
        self._needs = needs
        self._memory = memory
        self._ledger = ledger
        self._draw = draw or FrameDraw()
        self._trust = trust
        self._calibrated: dict[frozenset[tuple[str, Path]], CalibrationSet] = {}
        self._calibrations(policy)
        self.executor: Executor | None = None
        self.lacks: tuple[Lack, ...] = ()
        # A client may not choose to let specimens through; an operator may, by its own policy.
        self.policies = tuple(
            found.id
            for found in map(load_policy, shipped_policies())
            if not found.for_recordings and (found.id == policy.id or not found.allow_specimens)
        )

    @property
    def profile(self) -> str:
        """Name of the model set in use."""
        return self._engines.profile.name

    @property
    def missing(self) -> Mapping[str, str]:
        """Models of the set that are not there, with the reason code."""
        return self._engines.missing

    @property
    def face_model(self) -> str:
        """Mark of the face templates it compares; empty without a recogniser."""
        faces = self._engines.embedder
        return faces.template_model if faces is not None else ""

    @property
    def voice_model(self) -> str:
        """Mark of the voice templates it compares; empty without one."""
        voices = self._engines.voice
        return voices.model if voices is not None else ""

    def mated(self, enrolled: Template, face: Template, policy: Policy) -> bool | None:
        """Whether two templates are of one person, by the thresholds of `face.match`.

        Args:
            enrolled: Kept earlier.
            face: Of the applicant, by the same model.
            policy: Whose thresholds go before the model's own.

        Returns:
            None where nobody has set thresholds: then a person has to say.
        """
        point = {**self._points, **policy.operating_points}.get("face.match")
        if point is None:
            return None
        return point.status(float(enrolled.vector @ face.vector)) is Status.PASS

    def require(self, *policies: Policy) -> None:
        """Load what policies need; refuse those that could never accept.

        Raises:
            NotFitError: See `Needs.require`.
        """
        if self._needs is not None:
            self._needs.require(*policies)

    def enforce(self, *policies: Policy) -> None:
        """As `require`, of policies that are in force from the start: what they lack is kept."""
        self.require(*policies)
        if self._needs is not None:
            self.lacks = tuple(lack for one in policies for lack in self._needs.lacks(one))

    def verify(self, transaction: Transaction, policy: Policy | None = None) -> Verdict:
        """Judge one transaction.

        Args:
            transaction: What the applicant handed in.
            policy: What is asked; the verifier's own policy when None.

        Returns:
            The verdict. The same transaction, models and secret of the draw always give the same
            one, but for times and for what was handed in meanwhile, where fingerprints are kept.
        """
        return self.judge(self.analyse(transaction), policy)

    def analyse(self, transaction: Transaction) -> Analysis:
        """What the checks will read of a transaction; nothing is computed yet."""
        return Analysis(
            transaction, self._engines, self._ledger, self._memory, self._draw, trust=self._trust
        )

    def judge(self, analysis: Analysis, policy: Policy | None = None) -> Verdict:
        """Judge an analysed transaction; for callers that show what was judged.

        Raises:
            NotFitError: The policy requires what the installation lacks.
        """
        policy = policy or self.policy
        self.require(policy)
        analysis.velocity = policy.velocity
        analysis.listens = "voice.statement" in policy.checks
        transaction = analysis.transaction
        analysis.remember()  # before the search: of two that come at once, neither is missed
        calibrated = self._calibrations(policy)
        points, rates = dict(self._points), {}
        measured: dict[str, Measurement] = {}
        order = turns = self._order(policy)
        # Not where the first failure ends it: what is read ahead might not be wanted.
        if self.executor is not None and not policy.fail_fast:
            analysis.read_ahead(self.executor)
            turns = sorted(order, key=lambda check: CHECKS[check].reads_document)
        for check in turns:
            measurement = _timed(check, self._steps[check], analysis)
            calibration = calibrated.calibrations.get(check)
            if calibration is not None and _is_of(calibration, measurement):
                measurement = _weighed(measurement, calibration)
                points[check] = calibration.point()
                rate = calibrated.error_rate(check, measurement.score)
                if rate is not None:
                    rates[check] = rate
            measured[check] = measurement
            if policy.fail_fast and _fails(check, measured, policy, points):
                break
        measurements = [measured[check] for check in order if check in measured]
        decision = decide(
            measurements,
            policy,
            points,
            attempt=transaction.attempt,
            error_rates=rates,
            facts=transaction.facts,
        )
        return verdict_of(
            decision,
            policy,
            transaction=transaction.id,
            attempt=transaction.attempt,
            profile=self.profile,
            assurance=(*_assurance(measurements, calibrated), *_moment(decision.results)),
            facts=transaction.facts,
            timings_ms=analysis.timings_ms,
            document=_fields(analysis.sides, analysis.believed_chip),
            looked_at=analysis.looked_at,
        )

    def _order(self, policy: Policy) -> list[str]:
        """The checks a policy wants, in the order in which they run."""
        wanted = dict.fromkeys(policy.checks)
        if policy.allow_specimens:
            wanted["document.specimen"] = None
        if policy.fail_fast:  # in the policy's order, so that the first failure is the first cause
            turns: dict[str, None] = {}
            for check in wanted:  # a sum is known once its witnesses are
                turns |= dict.fromkeys(policy.witnesses if check in SUMS else (check,))
            return list(turns)
        return [check for check in self._steps if check in wanted and check not in SUMS]

    def _calibrations(self, policy: Policy) -> CalibrationSet:
        """The calibration files a policy names, read once."""
        # By the files, not by the policy's hash: the same text in another folder names others.
        files = frozenset(policy.calibration.items())
        if (found := self._calibrated.get(files)) is None:
            found = self._calibrated[files] = load_calibrations(policy.calibration)
        return found


def load_verifier(
    settings: Settings | None = None,
    watchlist: WatchlistCheck | None = None,
    attestor: Attestor | None = None,
    ledger: "Ledger | None" = None,
    memory: "MediaMemory | None" = None,
    provider: Provider | None = None,
    engines: Engines | None = None,
    policies: Iterable[Policy] = (),
) -> Verifier:
    """Build the verifier of an installation; what its policies in force need is loaded and proven.

    What an optional check lacks leaves it `not_assessed: model_missing`. Other policies may be
    asked for later: what they need is loaded then.

    Args:
        settings: The installation; read from the environment when None.
        watchlist: Searches a list; the one the settings name when None.
        attestor: Checks the platform's attestation of a capture; without one, injection is never
            fully assessed.
        ledger: Knows what was seen of applicants before; that of the database the settings name
            when None.
        memory: Codes of media that were handed in before; that of the database the settings name
            when None.
        provider: A service outside that is asked; the one the settings name when None.
        engines: The installation's, where they are to be shared; opened when None.
        policies: In force beside the settings' own.

    Raises:
        NotFitError: A policy in force requires a check whose model or operating point is not there,
            and the settings do not allow that.
        ModelError: A model is altered, a profile or model name is unknown, or an engine that the
            settings name is not installed.
        InputError: The policy does not exist or is malformed, or the lip adaptation cannot be used.
        StoreError: The settings name a watchlist or a database, and it cannot be used.
    """
    settings = settings or Settings()
    policy = load_policy(settings.policy)
    engines = engines or Engines.open(settings)
    parts = Parts(
        engines=engines,
        draw=settings.frame_draw(),
        watchlist=watchlist or open_watchlist(settings),
        attestor=attestor,
        trust=settings.trust_list(),
        ledger=ledger or settings.ledger(),
        provider=provider or settings.provider(),
    )
    points = points_of(engines)
    verifier = Verifier(
        build_steps(makers_of(parts)),
        engines,
        points,
        policy,
        needs=Needs(engines, points, allow_missing=settings.allow_missing),
        memory=memory or settings.memory(),
        ledger=parts.ledger,
        draw=parts.draw,
        trust=parts.trust,
    )
    verifier.enforce(policy, *policies)
    return verifier


def _timed(check: str, step: Step, analysis: Analysis) -> Measurement:
    before = sum(analysis.timings_ms.values())
    start = time.perf_counter()
    with part(check):
        measurement = step(analysis)
    elapsed = (time.perf_counter() - start) * 1000
    # Analysis is shared: its time stands under its own name, not under the check that asked first.
    shared = sum(analysis.timings_ms.values()) - before
    return replace(measurement, elapsed_ms=max(0.0, elapsed - shared))


def _is_of(calibration: Calibration, measurement: Measurement) -> bool:
    """Whether a calibration was fitted to scores of the very models that made this one."""
    return set(calibration.models) <= {f"{m.name}@{m.sha256}" for m in measurement.models}


def _weighed(measurement: Measurement, calibration: Calibration) -> Measurement:
    """Add the log-likelihood ratio of a score, as the covariates in its evidence shift it."""
    if measurement.score is None:
        return measurement
    numbers = {
        name: float(value)
        for name, value in measurement.evidence.items()
        if isinstance(value, int | float)
    }
    ratio = calibration.llr(measurement.score, numbers)
    evidence = {**measurement.evidence, "log_likelihood_ratio": round(ratio, 2)}
    return replace(measurement, evidence=evidence)


def _assurance(measurements: list[Measurement], calibrated: CalibrationSet) -> tuple[str, ...]:
    """Codes of what was weaker than it could be."""
    weaker = []
    for m in measurements:
        calibration = calibrated.calibrations.get(m.check)
        if calibration is not None and m.assessed and not _is_of(calibration, m):
            weaker.append(f"{m.check}:calibration_other_model")
        if not m.assessed and m.reason in UNARMED:
            weaker.append(f"{m.check}:{m.reason}")
        if m.evidence.get("replay_search") is False:
            weaker.append(f"{m.check}:no_index")
        weaker += [
            f"{m.check}:{level}"
            for key in ("assurance", "assessment")
            if (level := m.evidence.get(key)) in WEAKER
        ]
    return tuple(weaker)


def _fails(
    check: str,
    measured: Mapping[str, Measurement],
    policy: Policy,
    points: Mapping[str, OperatingPoint],
) -> bool:
    """Whether a required check has failed, or a required sum whose last witness this was."""
    merged = {**points, **policy.operating_points}
    alone = judge(measured[check], merged.get(check))
    if check in policy.required and alone.status is Status.FAIL:
        return True
    if check in policy.witnesses and measured.keys() >= set(policy.witnesses):
        found = summed(measured, policy, points)
        return any(name in policy.required and one.status is Status.FAIL for name, one in found)
    return False


def _moment(results: Iterable[CheckResult]) -> Iterator[str]:
    """Code of an answer that is not bound to its moment as it could be."""
    for result in results:
        moment = result.measurement.evidence.get("moment")
        if result.check in SUMS and moment != "stepwise":
            yield f"{result.check}:{moment}"


def _fields(
    documents: Iterable[Document], chip: ChipInspection | None
) -> dict[str, Mapping[str, EvidenceValue]]:
    """What the document says; what its state signed stands in place of what was read."""
    fields: dict[str, Mapping[str, EvidenceValue]] = {
        name: {"value": field.value, "score": field.score, "source": str(field.source)}
        for document in documents
        for name, field in document.fields.items()
    }
    if chip is not None and chip.zone is not None:
        for name, value in chip.zone.fields.items():
            fields[name] = {"value": value, "score": 1.0, "source": "chip"}
    return fields
