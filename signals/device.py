"""Does the device say anything of itself that speaks against it?"""

from collections.abc import Mapping, Sequence

from veridical.result import EvidenceValue, Measurement
from veridical.signals.facts import SignalFacts

__all__ = ["DeviceCheck"]

VIRTUAL_CAMERA = "virtual_camera"


class DeviceCheck:
    """Weighs what the capture application found about its device.

    Whoever controls a device controls what it says: a sign counts, its absence proves nothing.

    Args:
        flags: Score that is left by flag; others that a device sends are not looked at.
        virtual_cameras: Parts of software cameras' labels, lower case.
    """

    name = "signals.device"

    def __init__(self, flags: Mapping[str, float], virtual_cameras: Sequence[str]) -> None:
        self._flags = flags
        self._virtual_cameras = tuple(virtual_cameras)

    def __call__(self, facts: SignalFacts, camera_label: str = "") -> Measurement:
        """Look at one device.

        Args:
            facts: What was handed in.
            camera_label: Name of the camera as the platform gives it.

        Returns:
            `signals.device`, with reason `device_flagged` for what a low score means; not assessed
            with `missing_input` when nothing is known of the device.
        """
        if not (facts.device or facts.flags or camera_label):
            return Measurement(self.name, None, "missing_input")
        label = camera_label.lower()
        said = set(facts.flags)
        if any(part in label for part in self._virtual_cameras):
            said.add(VIRTUAL_CAMERA)
        found = sorted(said & self._flags.keys())
        evidence: dict[str, EvidenceValue] = dict.fromkeys(found, True)
        evidence |= {"flags": len(found), "source": "sdk"}
        score = min((self._flags[flag] for flag in found), default=1.0)
        return Measurement(self.name, score, "device_flagged", evidence)
