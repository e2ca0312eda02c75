"""Each room's check, tied to what it reads of a transaction."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from veridical.face import FaceMatchCheck, FaceQualityCheck, SamePersonCheck
from veridical.gallery import WatchlistCheck
from veridical.liveness import CaptureFacts, InjectionCheck, SilentCheck
from veridical.liveness.lips import LipsCheck
from veridical.ocr import DocumentAuthenticCheck, DocumentReadCheck, DocumentSpecimenCheck
from veridical.result import Measurement
from veridical.verification.analysis import Analysis
from veridical.verification.checks import CHECKS
from veridical.verification.signals.steps import Signals, signal_steps
from veridical.voiceprint import DigitsCheck, VoiceMatchCheck
from veridical.voiceprint.replay import VoiceReplayCheck
from veridical.voiceprint.statement import StatementCheck

__all__ = ["Makers", "Step", "build_steps"]

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


Makers = Mapping[str, Callable[[], Any]]
"""Give each room's check by its name, loading what it needs; None where a model is missing."""


def build_steps(makers: Makers, signals: Signals | None = None) -> Mapping[str, Step]:
    """One step for every known check, in the order in which they run.

    A check is made when it is first measured. One that cannot be made answers why: no check is
    ever silently left out.

    Args:
        makers: Of the checks an installation has.
        signals: What surrounds an applicant.
    """
    around = signal_steps(signals)
    return {check: around.get(check) or _when_wanted(check, makers.get(check)) for check in CHECKS}


def _when_wanted(check: str, maker: Callable[[], Any] | None) -> Step:
    unable = _unable(check, NO_MODEL.get(check, "model_missing"))
    if maker is None:
        return unable

    def run(analysis: Analysis) -> Measurement:
        made = maker()
        return (unable if made is None else BUILDERS[check](made))(analysis)

    return run


def _unable(check: str, reason: str) -> Step:
    return lambda _: Measurement(check, None, reason)


def _document_read(check: DocumentReadCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if analysis.front is None and analysis.back is None:
            return Measurement("document.read", None, MISSING_INPUT)
        return check(analysis.front, analysis.back, analysis.today)

    return run


def _document_specimen(check: DocumentSpecimenCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if analysis.front is None:
            return Measurement("document.specimen", None, MISSING_INPUT)
        return check(analysis.front)

    return run


def _face_match(check: FaceMatchCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        reference = analysis.transaction.face_reference or analysis.portrait
        if reference is None or not analysis.views:
            read = analysis.front is not None
            return Measurement("face.match", None, "portrait_no_face" if read else MISSING_INPUT)
        return check(reference, analysis.face_views)

    return run


def _same_person(check: SamePersonCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if analysis.transaction.clip is None:
            return Measurement("face.same_person", None, MISSING_INPUT)
        return check(analysis.face_views)

    return run


def _silent(check: SilentCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if not analysis.views:
            return Measurement("liveness.silent", None, MISSING_INPUT)
        return check(analysis.views, analysis.transaction.clip)

    return run


def _document_authentic(check: DocumentAuthenticCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        image, document = analysis.transaction.document_front, analysis.front
        if image is None or document is None:
            return Measurement("document.authentic", None, MISSING_INPUT)
        return check(image, document, analysis.transaction.document_info)

    return run


def _face_quality(check: FaceQualityCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if not analysis.views:
            return Measurement("face.quality", None, MISSING_INPUT)
        return check(analysis.face_views)

    return run


def _lips(check: LipsCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        mouth = analysis.mouth
        if mouth is None:
            return Measurement("liveness.lips", None, MISSING_INPUT)
        return check(mouth, analysis.heard, analysis.transaction.challenge)

    return run


def _injection(check: InjectionCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        clip = analysis.transaction.clip
        if clip is None:
            return Measurement("liveness.injection", None, MISSING_INPUT)
        transaction = analysis.transaction
        return check(clip, CaptureFacts.from_metadata(transaction.metadata), transaction.id)

    return run


def _digits(check: DigitsCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        speech, challenge = analysis.speech, analysis.transaction.challenge
        if challenge is None or not challenge.digits:
            return Measurement("voice.digits", None, MISSING_INPUT)
        if speech is None:
            return Measurement("voice.digits", None, "no_speech")
        return check(speech, challenge.digits, challenge.language)

    return run


def _voice_match(check: VoiceMatchCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        speech, reference = analysis.speech, analysis.transaction.voice_reference
        if reference is None:
            return Measurement("voice.match", None, "not_enrolled")
        if speech is None:
            return Measurement("voice.match", None, "no_speech")
        return check(reference, speech, analysis.language)

    return run


def _voice_replay(check: VoiceReplayCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if analysis.speech is None:
            return Measurement("voice.replay", None, "no_speech")
        return check(analysis.speech, analysis.transaction.id)

    return run


def _statement(check: StatementCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        if not analysis.statement:
            return Measurement("voice.statement", None, MISSING_INPUT)
        reading = analysis.statement_reading
        if reading is None:
            return Measurement("voice.statement", None, "no_speech")
        measured = check.measured(reading, analysis.transaction.voice_reference)
        return replace(measured, elapsed_ms=analysis.timings_ms["statement"])

    return run


def _watchlist(check: WatchlistCheck) -> Step:
    def run(analysis: Analysis) -> Measurement:
        return check(analysis.face_template, analysis.attributes)

    return run


BUILDERS: Mapping[str, Callable[[Any], Step]] = {
    "document.read": _document_read,
    "document.authentic": _document_authentic,
    "document.specimen": _document_specimen,
    "face.quality": _face_quality,
    "face.match": _face_match,
    "face.same_person": _same_person,
    "liveness.silent": _silent,
    "liveness.lips": _lips,
    "liveness.injection": _injection,
    "voice.digits": _digits,
    "voice.match": _voice_match,
    "voice.replay": _voice_replay,
    "voice.statement": _statement,
    "watchlist.search": _watchlist,
}
"""Ties a room's check to what it reads, by name."""
