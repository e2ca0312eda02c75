"""The orchestrator: one transaction in, one verdict out; and the one place that builds it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from veridical.errors import ModelError
from veridical.face import (
    FaceDetector,
    FaceEmbedder,
    FaceMatchCheck,
    FaceMesher,
    FaceQualityCheck,
    SamePersonCheck,
)
from veridical.face.mediapipe import MediapipeMesher
from veridical.face.mesh import Mesher
from veridical.gallery import FmrCurve, WatchlistCheck
from veridical.liveness import (
    Attestor,
    FingerprintIndex,
    InjectionCheck,
    InjectionSettings,
    SilentCheck,
    fingerprint,
)
from veridical.liveness.lips import Adaptation, LipsCheck
from veridical.models import ModelStore, Profile, Session
from veridical.models.calibration import Calibration, CalibrationSet, load_calibrations
from veridical.models.engines import MediapipeMesh, find_engine
from veridical.ocr import (
    Document,
    DocumentAuthenticCheck,
    DocumentReadCheck,
    DocumentReader,
    DocumentSpecimenCheck,
)
from veridical.ocr.paddle import load_paddle_reader
from veridical.result import EvidenceValue, Measurement, OperatingPoint, Status
from veridical.verification.analysis import Analyser, Analysis, Beside
from veridical.verification.catalogue import CHECKS
from veridical.verification.decision import decide, judge
from veridical.verification.galleries import open_watchlist
from veridical.verification.points import operating_points
from veridical.verification.policy import Policy, load_policy, shipped_policies
from veridical.verification.settings import Settings
from veridical.verification.signals import SignalSettings
from veridical.verification.signals.device import DeviceCheck
from veridical.verification.signals.faces import FaceIdentityCheck, IdentityFaceCheck
from veridical.verification.signals.listed import ListsCheck
from veridical.verification.signals.provider import Provider, ProviderCheck
from veridical.verification.signals.region import RegionCheck
from veridical.verification.signals.velocity import VelocityCheck
from veridical.verification.steps import Step, build_steps
from veridical.verification.transaction import Transaction
from veridical.verification.verdict import Verdict, verdict_of
from veridical.voiceprint import DigitsCheck, VoiceEmbedder, VoiceMatchCheck
from veridical.voiceprint.replay import SoundIndex, VoiceReplayCheck, sound_codes
from veridical.voiceprint.statement import StatementCheck
from veridical.voiceprint.whisper import Whisper

if TYPE_CHECKING:
    from veridical.verification.signals.ledger import Ledger

__all__ = ["READERS", "Verifier", "build_verifier", "load_verifier"]

UNARMED = ("model_missing", "no_watchlist", "no_store", "no_provider")
"""Reasons that lie with the installation, not with the capture."""
WEAKER = ("baseline", "not_fully_assessed")
"""Levels of a check's evidence below the best it has."""

LoadReader = Callable[[ModelStore, Profile], DocumentReader]
"""Builds the reader of a model set, as `DocumentReader.load`."""
READERS: Mapping[str, LoadReader] = {"": DocumentReader.load, "paddleocr": load_paddle_reader}
"""By the settings' `ocr_engine`."""

T = TypeVar("T")


class Verifier:
    """Judges transactions; built once and shared by service, command line and SDK.

    Holds no state of any transaction, so that one instance serves many threads.

    Args:
        steps: How each check is measured, in the order in which they run.
        analyser: The engines of the shared analysis.
        points: Operating points from model cards and calibration files, by check.
        policy: The policy of transactions that name none.
        profile: Name of the model set in use.
        missing: Models of the set that are not there, with the reason code.
        seen: Fingerprints of earlier clips, to which every clip is added; None keeps none.
        sounds: Those of earlier sound, likewise.

    Attributes:
        profile: Name of the model set in use.
        missing: Models of the set that are not there, with the reason code.
        policy: The policy of transactions that name none.
        policies: Names of the policies a client may ask for.
        beside: Lends a thread where a core is free: documents are then read while the rest of a
            transaction is looked at. None keeps a transaction to its own thread.
        face_model: Mark of the face templates it compares; empty without a recogniser.
        voice_model: Mark of the voice templates it compares; empty without one.
    """

    def __init__(
        self,
        steps: Mapping[str, Step],
        analyser: Analyser,
        points: Mapping[str, OperatingPoint],
        policy: Policy,
        profile: str,
        missing: Mapping[str, str],
        seen: FingerprintIndex | None = None,
        sounds: SoundIndex | None = None,
    ) -> None:
        self._steps = steps
        self._analyser = analyser
        self._points = points
        self.policy = policy
        self._seen = seen
        self._sounds = sounds
        self._calibrated: dict[frozenset[tuple[str, Path]], CalibrationSet] = {}
        self._calibrations(policy)
        self.beside: Beside | None = None
        self.profile = profile
        self.missing = missing
        faces, voices = analyser.embedder, analyser.voice
        self.face_model = faces.template_model if faces is not None else ""
        self.voice_model = voices.model if voices is not None else ""
        # A client may not choose to let specimens through; an operator may, by its own policy.
        self.policies = tuple(
            found.id
            for found in map(load_policy, shipped_policies())
            if not found.for_recordings and (found.id == policy.id or not found.allow_specimens)
        )

    def verify(self, transaction: Transaction, policy: Policy | None = None) -> Verdict:
        """Judge one transaction.

        Args:
            transaction: What the applicant handed in.
            policy: What is asked; the verifier's own policy when None.

        Returns:
            The verdict. The same transaction and models always give the same one, but for times
            and for what was handed in meanwhile, where fingerprints of clips are kept.
        """
        return self.judge(self.analyse(transaction), policy)

    def analyse(self, transaction: Transaction) -> Analysis:
        """What the checks will read of a transaction; nothing is computed yet."""
        return Analysis(transaction, self._analyser)

    def judge(self, analysis: Analysis, policy: Policy | None = None) -> Verdict:
        """Judge an analysed transaction; for callers that show what was judged."""
        policy = policy or self.policy
        analysis.velocity = policy.velocity
        transaction = analysis.transaction
        if self._seen is not None and transaction.clip is not None:
            # Before the search: of two that come at once, neither is missed.
            self._seen.remember(transaction.id, fingerprint(transaction.clip))
        if self._sounds is not None and analysis.speech is not None:
            self._sounds.remember(transaction.id, sound_codes(analysis.speech))
        calibrated = self._calibrations(policy)
        points, rates = dict(self._points), {}
        measured: dict[str, Measurement] = {}
        order = turns = self._order(policy)
        # Not where the first failure ends it: what is read ahead might not be wanted.
        if self.beside is not None and not policy.fail_fast:
            analysis.read_beside(self.beside)
            turns = sorted(order, key=lambda check: CHECKS[check].reads_document)
        for check in turns:
            measurement = _timed(self._steps[check], analysis)
            calibration = calibrated.calibrations.get(check)
            if calibration is not None and _is_of(calibration, measurement):
                measurement = _weighed(measurement, calibration)
                points[check] = calibration.point()
                rate = calibrated.error_rate(check, measurement.score)
                if rate is not None:
                    rates[check] = rate
            measured[check] = measurement
            if policy.fail_fast and check in policy.required:
                point = {**points, **policy.operating_points}.get(check)
                if judge(measurement, point).status is Status.FAIL:
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
            assurance=_assurance(measurements, calibrated),
            facts=transaction.facts,
            timings_ms=analysis.timings_ms,
            document=_fields(analysis.front, analysis.back),
        )

    def _order(self, policy: Policy) -> list[str]:
        """The checks a policy wants, in the order in which they run."""
        wanted = dict.fromkeys(policy.checks)
        if policy.allow_specimens:
            wanted["document.specimen"] = None
        if policy.fail_fast:  # in the policy's order, so that the first failure is the first cause
            return list(wanted)
        return [check for check in self._steps if check in wanted]

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
    provider: Provider | None = None,
    store: ModelStore | None = None,
) -> Verifier:
    """Build the verifier from the models of an installation, loaded and self-tested.

    A model that was not pulled, or that the settings' licence rule refuses, leaves its checks
    `not_assessed: model_missing`; a model that was altered stops everything.

    Args:
        settings: The installation; read from the environment when None.
        watchlist: Searches a list; the one the settings name when None.
        attestor: Checks the platform's attestation of a capture; without one, injection is never
            fully assessed.
        ledger: Knows what was seen of applicants before; that of the database the settings name
            when None.
        provider: A service outside that is asked; the one the settings name when None.
        store: The installation's models, where sessions are to be shared; opened when None.

    Raises:
        ModelError: A model is altered, a profile or model name is unknown, or an engine that the
            settings name is not installed.
        InputError: The policy does not exist or is malformed, or the lip adaptation cannot be used.
        StoreError: The settings name a watchlist or a database, and it cannot be used.
    """
    settings = settings or Settings()
    policy = load_policy(settings.policy)
    store = store or settings.model_store()
    watchlist = watchlist or open_watchlist(settings)
    mesher: Mesher | None = None
    if settings.mesh_engine:
        mesher = MediapipeMesher(MediapipeMesh(find_engine(settings.mesh_engine, store.directory)))
    profile, load_reader = store.profile(settings.profile), READERS[settings.ocr_engine]
    seen, sounds = settings.fingerprints("clip"), settings.fingerprints("sound")
    adaptation = settings.open_lips_adaptation()
    return build_verifier(
        store,
        profile,
        policy,
        watchlist,
        mesher,
        load_reader,
        seen,
        attestor,
        adaptation,
        sounds,
        ledger or settings.ledger(),
        provider or settings.provider(),
    )


def build_verifier(
    store: ModelStore,
    profile: Profile,
    policy: Policy,
    watchlist: WatchlistCheck | None = None,
    mesher: Mesher | None = None,
    load_reader: LoadReader = DocumentReader.load,
    seen: FingerprintIndex | None = None,
    attestor: Attestor | None = None,
    adaptation: Adaptation | None = None,
    sounds: SoundIndex | None = None,
    ledger: "Ledger | None" = None,
    provider: Provider | None = None,
) -> Verifier:
    """Build the verifier over one model set; see `load_verifier`.

    Args:
        store: The installation's models.
        profile: The model set.
        policy: The policy of transactions that name none.
        watchlist: Searches the installation's list; None when it keeps none.
        mesher: Lays the face mesh in place of the model set's network.
        load_reader: Builds the reader of documents.
        seen: Fingerprints of earlier clips; None recognises none.
        attestor: Checks the platform's attestation of a capture; None trusts none.
        adaptation: What `veridical adapt lips` fitted to the installation's own recordings.
        sounds: Fingerprints of earlier sound; None recognises none.
        ledger: Knows what was seen of applicants before; None remembers nobody.
        provider: A service outside that is asked; None asks none.
    """
    missing: dict[str, str] = {}

    def engine(make: Callable[[], T]) -> T | None:
        """Build one engine, or note which model it lacks."""
        try:
            return make()
        except ModelError as error:
            if error.code not in ("model.missing", "model.not_commercial"):
                raise
            missing[str(error).split(" ")[1]] = error.code
            return None

    def role(name: str) -> str:
        return profile.roles[name][0]

    def session(name: str) -> Session | None:
        return engine(lambda: store.session(role(name))) if name in profile.roles else None

    detector = engine(lambda: FaceDetector(store.session(role("detector"))))
    mesher = mesher or engine(lambda: FaceMesher(store.session(role("mesh"))))
    embedder = engine(lambda: FaceEmbedder.load(store, profile.roles["recogniser"]))
    reader = engine(lambda: load_reader(store, profile))
    silent = engine(lambda: SilentCheck.load(store, profile))
    vad, speaker = session("speech"), session("voice")
    voice = VoiceEmbedder(speaker) if speaker is not None else None
    digits = engine(lambda: DigitsCheck.load(store, profile)) if vad else None
    lips = (
        engine(lambda: LipsCheck.load(store, profile, adaptation))
        if "lips" in profile.roles
        else None
    )
    statement: StatementCheck | None = None
    if "voice.statement" in policy.checks:  # its models are large, and most policies do without
        statement = engine(
            lambda: StatementCheck(Whisper(*(store.session(n) for n in Whisper.models)), voice)
        )
    checks: dict[str, object | None] = {
        "document.read": DocumentReadCheck() if reader else None,
        "document.authentic": DocumentAuthenticCheck() if reader else None,
        "document.specimen": DocumentSpecimenCheck() if reader else None,
        "face.quality": FaceQualityCheck(embedder) if detector else None,
        "face.match": FaceMatchCheck(embedder) if detector and embedder else None,
        "face.same_person": SamePersonCheck(embedder) if detector and embedder else None,
        "liveness.silent": silent if detector else None,
        "liveness.injection": InjectionCheck(InjectionSettings.read(), seen, attestor),
        "liveness.lips": lips if detector and mesher and vad else None,
        "voice.digits": digits,
        "voice.match": VoiceMatchCheck(voice) if vad and voice else None,
        "voice.replay": VoiceReplayCheck(sounds) if vad else None,
        "voice.statement": statement if vad else None,
        "watchlist.search": watchlist,
        **_signals(store, profile, embedder, ledger, provider),
    }
    points = operating_points(store, profile)
    if adaptation is not None:
        points["liveness.lips"] = adaptation.point
    return Verifier(
        build_steps({name: _given(check) for name, check in checks.items()}),
        Analyser(reader, detector, mesher, embedder, vad, digits, voice, statement, ledger),
        points,
        policy,
        profile.name,
        missing,
        seen,
        sounds,
    )


def _given(check: object) -> Callable[[], object]:
    return lambda: check


def _signals(
    store: ModelStore,
    profile: Profile,
    embedder: FaceEmbedder | None,
    ledger: "Ledger | None",
    provider: Provider | None,
) -> dict[str, object | None]:
    """The signals of an installation: those that need a database answer `no_store` without one."""
    settings = SignalSettings.read()
    face_identity: FaceIdentityCheck | None = None
    identity_face: IdentityFaceCheck | None = None
    if embedder is not None and ledger is not None:
        curve = FmrCurve.from_card(store.card(profile.roles["recogniser"][-1]))
        identity_face = IdentityFaceCheck(embedder.model, settings.compared)
        if curve is not None:
            face_identity = FaceIdentityCheck(curve, embedder.model, settings.same_face_fpir)
    return {
        "signals.device": DeviceCheck(settings.flags, InjectionSettings.read().virtual_cameras),
        "signals.region": RegionCheck(settings.region),
        "signals.velocity": VelocityCheck(settings.velocity, face_identity),
        "signals.lists": ListsCheck(),
        "signals.face_identity": face_identity,
        "signals.identity_face": identity_face,
        "signals.provider": ProviderCheck(provider) if provider is not None else None,
    }


def _timed(step: Step, analysis: Analysis) -> Measurement:
    before = sum(analysis.timings_ms.values())
    start = time.perf_counter()
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
        weaker += [
            f"{m.check}:{level}"
            for key in ("assurance", "assessment")
            if (level := m.evidence.get(key)) in WEAKER
        ]
    return tuple(weaker)


def _fields(*documents: Document | None) -> dict[str, Mapping[str, EvidenceValue]]:
    fields: dict[str, Mapping[str, EvidenceValue]] = {}
    for document in documents:
        if document is not None:
            for name, field in document.fields.items():
                fields[name] = {
                    "value": field.value,
                    "score": field.score,
                    "source": str(field.source),
                }
    return fields
