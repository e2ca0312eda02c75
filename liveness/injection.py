"""Did the media come from a camera, now? Signs of a stream that was fed in behind the camera.

Nothing that only looks at the media can prove where they came from. What is measured are
impossibilities and repetitions; the proof has to come from the platform, through `Attestor`.
Without one, a good score means that nothing was found, and the evidence says so.

Terms after CEN/TS 18099:2024, biometric data injection attack detection.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.liveness.cues import Limits
from veridical.liveness.fingerprint import RADIUS_BITS, FingerprintIndex, fingerprint
from veridical.liveness.repeats import find_repeats
from veridical.models.tables import load_table
from veridical.result import EvidenceValue, Measurement
from veridical.types import Clip

__all__ = ["Attestor", "CaptureFacts", "InjectionCheck", "InjectionSettings"]

SETTINGS_FILE = Path(__file__).parent / "injection.toml"
FASTEST_MS = 1000.0 / 130.0
"""Cameras of phones and webcams go up to 120 frames a second."""
JITTER_AT_LEAST_MS = 0.05
"""Browsers stamp live frames as they arrive: the spread of the intervals is milliseconds. Below a
twentieth, the stamps were counted, not measured."""
BROWSER = "browser"
CONTAINERS = {"video/webm": "video/x-matroska", "video/quicktime": "video/mp4"}
"""Types that are of one family, by the name `veridical.media.sniff` gives the family."""
FULL, NOT_FULL = "full", "not_fully_assessed"


class Attestor(Protocol):
    """Checks a platform's attestation; the customer's application brings one.

    Such as a verifier of Play Integrity or App Attest tokens, or of C2PA manifests.
    """

    def __call__(self, token: str, nonce: str) -> bool:
        """Say whether a token was made by a genuine application for this very transaction.

        Args:
            token: As the capture application handed it in.
            nonce: What the token must be bound to.
        """
        ...


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What is known about a capture besides its pixels; what is not known stays empty or 0.

    Attributes:
        source: Who recorded: `browser`, `app` or `file`.
        camera_label: Name of the camera as the platform gives it.
        width: Frame width the camera was said to deliver.
        height: Frame height the camera was said to deliver.
        session_ms: Time from issuing the challenge to the end of the upload, by the server's
            clock.
        frame_rate: Frames a second the camera was said to deliver.
        recorder_type: Media type the recorder said it writes, such as `video/webm;codecs=vp9`.
        file_type: Media type found in the file itself, as `veridical.media.sniff` names it.
        nonce: What the server issued; an attestation must be bound to it.
        returned_nonce: What the capture handed back.
        attestation: The platform's token.

    Raises:
        InputError: A negative size or time.
    """

    source: str = ""
    camera_label: str = ""
    width: int = 0
    height: int = 0
    session_ms: float = 0.0
    frame_rate: float = 0.0
    recorder_type: str = ""
    file_type: str = ""
    nonce: str = ""
    returned_nonce: str = ""
    attestation: str = ""

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 0 or not min(self.session_ms, self.frame_rate) >= 0:
            raise InputError(
                "capture facts need sizes, times and rates of 0 (unknown) or more, got "
                f"{self.width} x {self.height}, {self.session_ms} ms and {self.frame_rate} / s",
                "metadata.invalid",
            )

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Read a transaction's metadata: keys as the attributes; others are ignored.

        Raises:
            InputError: `metadata.invalid`: a number is none.
        """
        try:
            return cls(
                source=metadata.get("source", ""),
                camera_label=metadata.get("camera_label", ""),
                width=int(metadata.get("width", "0")),
                height=int(metadata.get("height", "0")),
                session_ms=float(metadata.get("session_ms", "0")),
                frame_rate=float(metadata.get("frame_rate", "0")),
                recorder_type=metadata.get("recorder_type", ""),
                file_type=metadata.get("file_type", ""),
                nonce=metadata.get("nonce", ""),
                returned_nonce=metadata.get("returned_nonce", ""),
                attestation=metadata.get("attestation", ""),
            )
        except ValueError as error:
            raise InputError(
                "metadata width and height must be whole numbers, session_ms and frame_rate "
                "numbers",
                "metadata.invalid",
            ) from error


@dataclass(frozen=True, slots=True)
class InjectionSettings:
    """What `injection.toml` says.

    Attributes:
        signs: Limits by sign.
        virtual_cameras: Parts of software cameras' labels, lower case.
    """

    signs: Mapping[str, Limits]
    virtual_cameras: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = SETTINGS_FILE) -> Self:
        """Read the settings file.

        Raises:
            ModelError: `model.card`: a key is missing or of the wrong kind.
        """
        table = load_table(path)
        signs = table.table("signs")
        return cls(
            {
                name: Limits(signs.table(name).number("clear"), signs.table(name).number("certain"))
                for name in signs.values
            },
            table.table("virtual_cameras").texts("labels"),
        )


class InjectionCheck:
    """Looks for signs that a clip did not come from a camera, or not now.

    Args:
        settings: Limits of the signs, labels of software cameras.
        attestor: Checks platform attestations; None leaves the capture attested by nobody.
    """

    name = "liveness.injection"

    def __init__(
        self,
        settings: InjectionSettings,
        attestor: Attestor | None = None,
    ) -> None:
        self._settings = settings
        self._attestor = attestor

    def __call__(
        self,
        clip: Clip,
        facts: CaptureFacts,
        transaction: str = "",
        seen: FingerprintIndex | None = None,
    ) -> Measurement:
        """Measure one clip.

        Args:
            clip: The capture.
            facts: What is known about it besides.
            transaction: Its id: a clip is no replay of its own transaction's.
            seen: Fingerprints of earlier clips of the same tenant; None looks for no replay.

        Returns:
            Score 0..1: 1 when nothing was found. Evidence `assessment` is `full` only with a
            platform attestation that holds, `not_fully_assessed` otherwise.
        """
        start = time.perf_counter()
        attested = self._attested(facts)
        signs = self._signs(clip, facts, attested, transaction, seen)
        caps = {name: self._settings.signs[name].cap(value) for name, value in signs.items()}
        worst = min(caps, key=lambda name: caps[name])
        evidence: dict[str, EvidenceValue] = {
            "attestation": {None: "none", True: "valid", False: "invalid"}[attested],
            "assessment": FULL if attested else NOT_FULL,
            "frames": len(clip.frames),
            "replay_search": seen is not None,
        }
        evidence.update({f"sign_{name}": value for name, value in signs.items()})
        return Measurement(
            self.name,
            caps[worst],
            worst if caps[worst] < 1 else "",
            evidence,
            elapsed_ms=(time.perf_counter() - start) * 1000,
        )

    def _attested(self, facts: CaptureFacts) -> bool | None:
        """Whether the attestation holds; None without a token or without anybody to check it."""
        if self._attestor is None or not facts.attestation:
            return None
        return self._attestor(facts.attestation, facts.nonce)

    def _signs(
        self,
        clip: Clip,
        facts: CaptureFacts,
        attested: bool | None,
        transaction: str,
        seen: FingerprintIndex | None,
    ) -> dict[str, float | None]:
        """Strength of every sign; None where it could not be looked for."""
        repeats = find_repeats(clip)
        intervals = np.diff(clip.times_ms)
        label = facts.camera_label.lower()
        said = {facts.width, facts.height}
        first = clip.frames[0]
        return {
            "looped_frames": max(repeats.loop_ms, repeats.mirror_ms) if repeats else None,
            "frozen_frames": repeats.still_ms if repeats else None,
            "replayed_clip": seen.best_share(fingerprint(clip), RADIUS_BITS, transaction)
            if seen is not None
            else None,
            "impossible_time": float((intervals < FASTEST_MS).mean()) if len(intervals) else None,
            "constant_time": _constant(intervals, facts.source),
            "longer_than_session": clip.duration_ms - facts.session_ms
            if facts.session_ms
            else None,
            # A phone held upright swaps the two sides.
            "other_size": float({first.width, first.height} != said) if all(said) else None,
            "other_rate": clip.fps / facts.frame_rate - 1.0 if facts.frame_rate else None,
            "other_type": _other_type(facts.recorder_type, facts.file_type),
            "other_nonce": float(facts.nonce != facts.returned_nonce)
            if facts.nonce and facts.returned_nonce
            else None,
            "virtual_camera": float(any(part in label for part in self._settings.virtual_cameras))
            if label
            else None,
            "bad_attestation": None if attested is None else float(not attested),
        }


def _constant(intervals: NDArray[np.float64], source: str) -> float | None:
    """Whether a browser's stream has no jitter; None where constant intervals are usual."""
    if source != BROWSER or len(intervals) < 10:
        return None
    return float(float(np.std(intervals)) < JITTER_AT_LEAST_MS)


def _other_type(said: str, found: str) -> float | None:
    """Whether a file is of another container than its recorder writes; None when one is unknown."""
    said = said.partition(";")[0].strip().lower()
    if not said or not found:
        return None
    return float(CONTAINERS.get(said, said) != CONTAINERS.get(found, found))
