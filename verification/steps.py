"""Each room's check, tied to what it reads of a transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from veridical.face import FaceMatchCheck, FaceQualityCheck, SamePersonCheck
from veridical.face.copy import CopyCheck
from veridical.gallery import WatchlistCheck
from veridical.liveness import CaptureFacts, InjectionCheck, SilentCheck
from veridical.liveness.continuity import ContinuityCheck
from veridical.liveness.lips import LipsCheck
from veridical.ocr import DocumentAuthenticCheck, DocumentReadCheck, DocumentSpecimenCheck
from veridical.result import Measurement
from veridical.verification.analysis import Analysis
from veridical.verification.checks import CHECKS
from veridical.verification.signals.steps import Signals, signal_steps
from veridical.voiceprint import DigitsCheck, VoiceMatchCheck
from veridical.voiceprint.replay import VoiceReplayCheck
from veridical.voiceprint.statement import StatementCheck

__all__ = ["Checks", "Step", "build_steps"]

MISSING_INPUT = "missing_input"
NO_MODEL = {
    "watchlist.search": "no_watchlist",
    "signals.velocity": "no_store",
    "signals.lists": "no_store",
    "signals.face_identity": "no_store",
    "signals.identity_face": "no_store",
    "signals.provider": "no_provider",
    **{check: MISSING_INPUT for check in CHECKS if check.startswith("recording.")},
}
"""What a check that was not handed in lacks, where it is no model."""

Step = Callable[[Analysis], Measurement]
"""Measures one check of an analysed transaction."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The rooms' checks an installation has; None where a model is missing.

    Attributes:
        document_read: See `DocumentReadCheck`.
        document_authentic: See `DocumentAuthenticCheck`.
        document_specimen: See `DocumentSpecimenCheck`.
        face_quality: See `FaceQualityCheck`.
        face_match: See `FaceMatchCheck`.
        copy: See `CopyCheck`.
        same_person: See `SamePersonCheck`.
        silent: See `SilentCheck`.
        lips: See `LipsCheck`.
        continuity: See `ContinuityCheck`.
        injection: See `InjectionCheck`.
        digits: See `DigitsCheck`.
        voice_match: See `VoiceMatchCheck`.
        voice_replay: See `VoiceReplayCheck`.
        statement: See `StatementCheck`; its models are loaded for policies that name it.
        watchlist: See `WatchlistCheck`; None also when the installation keeps no list.
        signals: What surrounds an applicant; see `Signals`.
    """

    document_read: DocumentReadCheck | None = None
    document_authentic: DocumentAuthenticCheck | None = None
    document_specimen: DocumentSpecimenCheck | None = None
    face_quality: FaceQualityCheck | None = None
    face_match: FaceMatchCheck | None = None
    copy: CopyCheck | None = None
    same_person: SamePersonCheck | None = None
    silent: SilentCheck | None = None
    lips: LipsCheck | None = None
    continuity: ContinuityCheck | None = None
    injection: InjectionCheck | None = None
    digits: DigitsCheck | None = None
    voice_match: VoiceMatchCheck | None = None
    voice_replay: VoiceReplayCheck | None = None
    statement: StatementCheck | None = None
    watchlist: WatchlistCheck | None = None
    signals: Signals | None = None


def build_steps(checks: Checks) -> Mapping[str, Step]:
    """One step for every known check, in the order in which they run.

    A check that was not handed in answers why: no check is ever silently left out.
    """
    built: dict[str, Step | None] = {
        "document.read": _document_read(checks.document_read),
        "document.authentic": _document_authentic(checks.document_authentic),
        "document.specimen": _document_specimen(checks.document_specimen),
        "face.quality": _face_quality(checks.face_quality),
        "face.match": _face_match(checks.face_match),
        "face.copy": _copy(checks.copy),
        "face.same_person": _same_person(checks.same_person),
        "liveness.silent": _silent(checks.silent),
        "liveness.lips": _lips(checks.lips),
        "capture.continuity": _continuity(checks.continuity),
        "liveness.injection": _injection(checks.injection),
        "voice.digits": _digits(checks.digits),
        "voice.match": _voice_match(checks.voice_match),
        "voice.replay": _voice_replay(checks.voice_replay),
        "voice.statement": _statement(checks.statement),
        "watchlist.search": _watchlist(checks.watchlist),
        **signal_steps(checks.signals),
    }
    return {
        check: built.get(check) or _unable(check, NO_MODEL.get(check, "model_missing"))
        for check in CHECKS
    }


def _unable(check: str, reason: str) -> Step:
    return lambda _: Measurement(check, None, reason)


def _document_read(check: DocumentReadCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.front is None and analysis.back is None:
            return Measurement("document.read", None, MISSING_INPUT)
        return check(analysis.front, analysis.back, analysis.today)

    return run


def _document_specimen(check: DocumentSpecimenCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.front is None:
            return Measurement("document.specimen", None, MISSING_INPUT)
        return check(analysis.front)

    return run


def _face_match(check: FaceMatchCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        reference = analysis.transaction.face_reference or analysis.portrait
        if reference is None or not analysis.views:
            read = analysis.front is not None
            return Measurement("face.match", None, "portrait_no_face" if read else MISSING_INPUT)
        return check(reference, analysis.face_views)

    return run


def _copy(check: CopyCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.portrait is None or not analysis.views:
            read = analysis.front is not None
            return Measurement("face.copy", None, "portrait_no_face" if read else MISSING_INPUT)
        return check(analysis.portrait, analysis.face_views)

    return run


def _same_person(check: SamePersonCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.transaction.clip is None:
            return Measurement("face.same_person", None, MISSING_INPUT)
        return check(analysis.face_views)

    return run


def _silent(check: SilentCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if not analysis.views:
            return Measurement("liveness.silent", None, MISSING_INPUT)
        return check(analysis.views, analysis.transaction.clip)

    return run


def _document_authentic(check: DocumentAuthenticCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        image, document = analysis.transaction.document_front, analysis.front
        if image is None or document is None:
            return Measurement("document.authentic", None, MISSING_INPUT)
        return check(image, document, analysis.transaction.document_info)

    return run


def _face_quality(check: FaceQualityCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if not analysis.views:
            return Measurement("face.quality", None, MISSING_INPUT)
        return check(analysis.face_views)

    return run


def _lips(check: LipsCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        mouth = analysis.mouth
        if mouth is None:
            return Measurement("liveness.lips", None, MISSING_INPUT)
        return check(mouth, analysis.heard, analysis.transaction.challenge)

    return run


def _continuity(check: ContinuityCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        clip, followed = analysis.transaction.clip, analysis.followed
        if clip is None or followed is None:
            return Measurement("capture.continuity", None, MISSING_INPUT)
        return check(clip, followed)

    return run


def _injection(check: InjectionCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        clip = analysis.transaction.clip
        if clip is None:
            return Measurement("liveness.injection", None, MISSING_INPUT)
        transaction = analysis.transaction
        return check(clip, CaptureFacts.from_metadata(transaction.metadata), transaction.id)

    return run


def _digits(check: DigitsCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        speech, challenge = analysis.speech, analysis.transaction.challenge
        if challenge is None or not challenge.digits:
            return Measurement("voice.digits", None, MISSING_INPUT)
        if speech is None:
            return Measurement("voice.digits", None, "no_speech")
        return check(speech, challenge.digits, challenge.language)

    return run


def _voice_match(check: VoiceMatchCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        speech, reference = analysis.speech, analysis.transaction.voice_reference
        if reference is None:
            return Measurement("voice.match", None, "not_enrolled")
        if speech is None:
            return Measurement("voice.match", None, "no_speech")
        return check(reference, speech, analysis.language)

    return run


def _voice_replay(check: VoiceReplayCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.speech is None:
            return Measurement("voice.replay", None, "no_speech")
        return check(analysis.speech, analysis.transaction.id)

    return run


def _statement(check: StatementCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if not analysis.statement:
            return Measurement("voice.statement", None, MISSING_INPUT)
        reading = analysis.statement_reading
        if reading is None:
            return Measurement("voice.statement", None, "no_speech")
        measured = check.measured(reading, analysis.transaction.voice_reference)
        return replace(measured, elapsed_ms=analysis.timings_ms["statement"])

    return run


def _watchlist(check: WatchlistCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        return check(analysis.face_template, analysis.attributes)

    return run
