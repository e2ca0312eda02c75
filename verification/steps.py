"""Each room's check, tied to what it reads of a transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from veridical.face import FaceMatchCheck, SamePersonCheck
from veridical.liveness import SilentCheck
from veridical.ocr import DocumentReadCheck, DocumentSpecimenCheck
from veridical.result import Measurement
from veridical.verification.analysis import Analysis
from veridical.verification.checks import CHECKS

__all__ = ["Checks", "Step", "build_steps"]

NOT_BUILT = "not_built"
MISSING_INPUT = "missing_input"

Step = Callable[[Analysis], Measurement]
"""Measures one check of an analysed transaction."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The rooms' checks an installation has; None where a model is missing.

    Attributes:
        document_read: See `DocumentReadCheck`.
        document_specimen: See `DocumentSpecimenCheck`.
        face_match: See `FaceMatchCheck`.
        same_person: See `SamePersonCheck`.
        silent: See `SilentCheck`.
    """

    document_read: DocumentReadCheck | None
    document_specimen: DocumentSpecimenCheck | None
    face_match: FaceMatchCheck | None
    same_person: SamePersonCheck | None
    silent: SilentCheck | None


def build_steps(checks: Checks) -> Mapping[str, Step]:
    """One step for every known check, in the order in which they run.

    A check whose model is missing answers `model_missing`, one whose room is not built yet
    `not_built`: no check is ever silently left out.
    """
    built: dict[str, Step | None] = {
        "document.read": _document_read(checks.document_read),
        "document.specimen": _document_specimen(checks.document_specimen),
        "face.match": _face_match(checks.face_match),
        "face.same_person": _same_person(checks.same_person),
        "liveness.silent": _silent(checks.silent),
    }
    steps = {}
    for check in CHECKS:
        reason = "model_missing" if check in built else NOT_BUILT
        steps[check] = built.get(check) or _unable(check, reason)
    return steps


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
        return check(reference, analysis.views)

    return run


def _same_person(check: SamePersonCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.transaction.clip is None:
            return Measurement("face.same_person", None, MISSING_INPUT)
        return check(analysis.views)

    return run


def _silent(check: SilentCheck | None) -> Step | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if not analysis.views:
            return Measurement("liveness.silent", None, MISSING_INPUT)
        return check(analysis.views, analysis.transaction.clip)

    return run
