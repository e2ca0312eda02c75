"""Each signal, tied to what it reads of a transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from veridical.liveness import CaptureFacts
from veridical.result import Measurement
from veridical.verification.analysis import Analysis
from veridical.verification.signals.device import DeviceCheck
from veridical.verification.signals.faces import FaceIdentityCheck, IdentityFaceCheck
from veridical.verification.signals.listed import ListsCheck, allowed
from veridical.verification.signals.provider import ProviderCheck, Question
from veridical.verification.signals.region import RegionCheck
from veridical.verification.signals.velocity import VelocityCheck

__all__ = ["Signals", "signal_steps"]

NO_STORE = "no_store"


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals an installation has.

    Attributes:
        device: See `DeviceCheck`.
        region: See `RegionCheck`.
        velocity: See `VelocityCheck`.
        lists: See `ListsCheck`.
        face_identity: See `FaceIdentityCheck`; None where the recogniser has no measured curve.
        identity_face: See `IdentityFaceCheck`; None without a recogniser.
        compared: Newest transactions of one identity whose faces are compared.
        provider: See `ProviderCheck`; None where no service outside is set up.
    """

    device: DeviceCheck
    region: RegionCheck
    velocity: VelocityCheck
    lists: ListsCheck
    compared: int
    face_identity: FaceIdentityCheck | None = None
    identity_face: IdentityFaceCheck | None = None
    provider: ProviderCheck | None = None


def signal_steps(
    signals: Signals | None,
) -> dict[str, Callable[[Analysis], Measurement] | None]:
    """One step a signal; None for what the installation lacks."""
    if signals is None:
        return {}
    return {
        "signals.face_identity": _face_identity(signals.face_identity),
        "signals.identity_face": _identity_face(signals.identity_face, signals.compared),
        "signals.velocity": _velocity(signals.velocity, signals.face_identity),
        "signals.device": _device(signals.device),
        "signals.region": _region(signals.region),
        "signals.lists": _lists(signals.lists),
        "signals.provider": _provider(signals.provider),
    }


def _face_identity(
    check: FaceIdentityCheck | None,
) -> Callable[[Analysis], Measurement] | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.sighting is None:
            return Measurement(check.name, None, NO_STORE)
        return check(analysis.sighting, analysis.seen_faces)

    return run


def _identity_face(
    check: IdentityFaceCheck | None, compared: int
) -> Callable[[Analysis], Measurement] | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        if analysis.ledger is None or analysis.sighting is None:
            return Measurement(check.name, None, NO_STORE)
        face = analysis.face_template
        earlier = analysis.ledger.faces_of(analysis.sighting, face.model, compared) if face else []
        return check(analysis.sighting, face, earlier)

    return run


def _velocity(
    check: VelocityCheck, faces: FaceIdentityCheck | None
) -> Callable[[Analysis], Measurement]:
    def run(analysis: Analysis) -> Measurement:
        ledger, sighting = analysis.ledger, analysis.sighting
        if ledger is None or sighting is None:
            return Measurement(check.name, None, NO_STORE)
        counts = ledger.counts(sighting)
        if faces is not None and (seen := analysis.seen_faces) is not None:
            counts |= ledger.face_counts(sighting, faces.same_face(seen))
        return check(counts, analysis.velocity, allowed(analysis.listed), _source(sighting.keys))

    return run


def _device(check: DeviceCheck) -> Callable[[Analysis], Measurement]:
    def run(analysis: Analysis) -> Measurement:
        transaction = analysis.transaction
        capture = CaptureFacts.from_metadata(transaction.metadata)
        return check(transaction.signals, capture.camera_label)

    return run


def _region(check: RegionCheck) -> Callable[[Analysis], Measurement]:
    def run(analysis: Analysis) -> Measurement:
        number, issuer = analysis.citizen_number, analysis.issuer
        return check(number, issuer, analysis.transaction.signals)

    return run


def _lists(check: ListsCheck) -> Callable[[Analysis], Measurement]:
    def run(analysis: Analysis) -> Measurement:
        sighting = analysis.sighting
        if sighting is None:
            return Measurement(check.name, None, NO_STORE)
        return check(len(sighting.keys), analysis.listed, _source(sighting.keys))

    return run


def _provider(check: ProviderCheck | None) -> Callable[[Analysis], Measurement] | None:
    if check is None:
        return None

    def run(analysis: Analysis) -> Measurement:
        facts, front = analysis.transaction.signals, analysis.front
        known = {
            "document": analysis.document_number,
            "name": (front.value("name") or "") if front is not None else "",
            "subject": facts.subject,
            "device": facts.device,
            "phone": facts.phone,
            "network": facts.network,
            "country": facts.country,
            "region": facts.region,
        }
        values = {name: value for name, value in known.items() if value}
        return check(Question(analysis.transaction.id, facts.tenant, values))

    return run


def _source(keys: Mapping[str, bytes]) -> str:
    """Where keys come from, and the store in which they were looked up."""
    from_document = ["document"] if "document" in keys else []
    from_outside = ["sdk"] if keys.keys() - {"document"} else []
    return ",".join(["store", *from_document, *from_outside])
