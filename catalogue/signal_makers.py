"""Which signals does an installation have?"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from veridical.analysis.engines import Engines
from veridical.catalogue.steps import Makers
from veridical.liveness import InjectionSettings
from veridical.signals.device import DeviceCheck
from veridical.signals.faces import FaceIdentityCheck, IdentityFaceCheck
from veridical.signals.listed import ListsCheck
from veridical.signals.provider import Provider, ProviderCheck
from veridical.signals.region import RegionCheck
from veridical.signals.settings import SignalSettings
from veridical.signals.velocity import VelocityCheck

if TYPE_CHECKING:
    from veridical.signals.ledger import Ledger

__all__ = ["signal_makers"]


def _given(check: object) -> Callable[[], object]:
    """Gives a check that needs no loading."""
    return lambda: check


def signal_makers(engines: Engines, ledger: "Ledger | None", provider: Provider | None) -> Makers:
    """The signals of an installation: those that need a database answer `no_store` without one."""
    settings = SignalSettings.read()
    face_identity: FaceIdentityCheck | None = None
    identity_face: IdentityFaceCheck | None = None
    if ledger is not None and engines.has("recogniser"):
        model, curve = engines.recogniser_ref, engines.fmr_curve
        identity_face = IdentityFaceCheck(model, settings.compared)
        if curve is not None:
            face_identity = FaceIdentityCheck(curve, model, settings.same_face_fpir)
    return {
        "signals.device": _given(
            DeviceCheck(settings.flags, InjectionSettings.read().virtual_cameras)
        ),
        "signals.region": _given(RegionCheck(settings.region)),
        "signals.velocity": _given(VelocityCheck(settings.velocity, face_identity)),
        "signals.lists": _given(ListsCheck()),
        "signals.face_identity": _given(face_identity),
        "signals.identity_face": _given(identity_face),
        "signals.provider": _given(ProviderCheck(provider) if provider is not None else None),
    }
