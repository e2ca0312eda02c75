"""The values that travel between rooms: validated once at the edge, trusted everywhere inside."""

import math
import re
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.languages import LANGUAGES, spoken

__all__ = [
    "Arrival",
    "Audio",
    "Box",
    "Challenge",
    "Clip",
    "Colours",
    "Face",
    "Image",
    "Mesh",
    "Template",
    "Turns",
    "View",
]


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One picture.

    Attributes:
        pixels: (height, width, 3) uint8, RGB.

    Raises:
        InputError: The array has another shape or type, or no pixels.
    """

    pixels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise InputError(
                "an image must be a non-empty (height, width, 3) uint8 RGB array, "
                f"got {pixels.shape} {pixels.dtype}"
            )

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """One channel of sound.

    Attributes:
        samples: (n,) float32, nominally -1..1.
        rate_hz: Samples per second, above 0.

    Raises:
        InputError: The array has another shape or type, or the rate is not positive.
    """

    samples: NDArray[np.float32]
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1:
            raise InputError(
                f"audio must be (n,) float32, got {self.samples.shape} {self.samples.dtype}"
            )
        if self.rate_hz <= 0:
            raise InputError(f"an audio rate must be above 0 Hz, got {self.rate_hz}")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of one capture, with their own time stamps and the sound recorded with them.

    Attributes:
        frames: In order of capture, all of one size.
        times_ms: (n,) float64, presentation time of each frame, not decreasing.
        audio: The clip's sound track on the same clock, or None.
        ends: (n,) byte of the clip's file by which each frame was whole, 0 where unknown; None for
            frames of no file.

    Raises:
        InputError: No frame, frames of two sizes, or time stamps that do not fit the frames.
    """

    frames: tuple[Image, ...]
    times_ms: NDArray[np.float64]
    audio: Audio | None = None
    ends: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if not self.frames:
            raise InputError("a clip needs at least one frame, got none", "media.no_frames")
        if self.times_ms.shape != (len(self.frames),) or (np.diff(self.times_ms) < 0).any():
            raise InputError("a clip needs one time stamp a frame, none earlier than the last")
        if len({(frame.width, frame.height) for frame in self.frames}) > 1:
            raise InputError("the frames of a clip must be of one size, got several")

    @property
    def duration_ms(self) -> float:
        """Time from the first to the last frame."""
        return float(self.times_ms[-1] - self.times_ms[0])

    @property
    def fps(self) -> float:
        """Mean frames per second by the time stamps; 0 for a single frame."""
        return (len(self.frames) - 1) * 1000.0 / self.duration_ms if self.duration_ms > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours that were shown around the preview while the applicant was recorded.

    Attributes:
        shown: sRGB, each `#rrggbb`, in order.
        starts_ms: When each was to be shown, from the start of the recording; the first at 0.
        end_ms: When the last one ended.
        draw: Version of the rule they were drawn by, so that others can be drawn alike.

    Raises:
        InputError: `challenge.malformed`: no colour, another notation, or times that do not rise.
    """

    shown: tuple[str, ...]
    starts_ms: tuple[float, ...]
    end_ms: float
    draw: int = 1

    def __post_init__(self) -> None:
        if not self.shown or not all(_COLOUR.fullmatch(colour) for colour in self.shown):
            raise InputError("colours are written #rrggbb, one at least", "challenge.malformed")
        _require_times("colours", len(self.shown), self.starts_ms, self.end_ms)


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns of the head that were asked for while the applicant was recorded.

    Attributes:
        directions: Each `left`, `right`, `up` or `down`, as the applicant sees the mirrored
            preview: to the applicant's own left or right.
        starts_ms: When each was asked for, from the start of the recording.
        end_ms: By when the head should be back from the last one.
        draw: Version of the rule they were drawn by.

    Raises:
        InputError: `challenge.malformed`: no turn, an unknown direction, or times that do not rise.
    """

    directions: tuple[str, ...]
    starts_ms: tuple[float, ...]
    end_ms: float
    draw: int = 1

    def __post_init__(self) -> None:
        if not self.directions or not {*self.directions} <= {"left", "right", "up", "down"}:
            raise InputError(
                "turns are left, right, up or down, one at least", "challenge.malformed"
            )
        _require_times("turns", len(self.directions), self.starts_ms, self.end_ms)


_COLOUR = re.compile("#[0-9a-f]{6}")


def _require_times(what: str, count: int, starts_ms: tuple[float, ...], end_ms: float) -> None:
    """Refuse times that are not one for each, from 0 ms on, rising and finite, NaN included."""
    times = (*starts_ms, end_ms)
    if len(starts_ms) != count or not (
        times[0] >= 0 and all(a < b < math.inf for a, b in pairwise(times))
    ):
        raise InputError(
            f"{what} want one rising start in ms for each of the {count} and a later end; "
            f"got {len(starts_ms)} starts",
            "challenge.malformed",
        )


@dataclass(frozen=True, slots=True)
class Arrival:
    """One slice of a recording that was sent while it was made.

    Attributes:
        until_ms: Up to where the slice shows the recording, from its start.
        arrived_ms: When it was here whole, from the same start by the server's own clock.
    """

    until_ms: float
    arrived_ms: float


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the applicant was asked to do: to read aloud, to be lit, to turn the head.

    Attributes:
        digits: The prompt, 4 to 8 characters 0-9; empty when a phrase is asked for, or turns and
            nothing spoken.
        language: `en` or `zh`.
        schedule_ms: When each digit or word was shown, from the start of the recording; empty when
            they were shown all at once.
        phrase: The prompt when it is words instead of digits: 3 to 12, parted by blanks.
        colours: What was shown around the preview; None when nothing was.
        turns: What the head was asked to do; None when nothing was.

    Raises:
        InputError: Other characters, another length, an unknown language, or a schedule that does
            not fit the prompt.
    """

    digits: str
    language: str = "en"
    schedule_ms: tuple[float, ...] = ()
    phrase: str = ""
    colours: Colours | None = None
    turns: Turns | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What is spoken one after the other: the digits, or the words of the phrase."""
        return tuple(self.phrase.split()) if self.phrase else tuple(self.digits)

    def __post_init__(self) -> None:
        if self.phrase:
            if self.digits or not 3 <= len(self.words) <= 12:
                raise InputError(
                    "a challenge is digits or a phrase of 3 to 12 words, "
                    f"got {len(self.digits)} digits and {len(self.words)} words",
                    "challenge.malformed",
                )
        elif not self.digits and (self.turns is not None or self.colours is not None):
            pass  # for those who cannot read aloud
        elif not (4 <= len(self.digits) <= 8 and self.digits.isascii() and self.digits.isdigit()):
            raise InputError(
                f"a challenge is 4 to 8 digits 0-9, got {len(self.digits)} characters",
                "challenge.malformed",
            )
        if self.language not in LANGUAGES:
            raise InputError(
                f"a challenge is in {spoken()}, got {self.language!r}", "challenge.malformed"
            )
        times = self.schedule_ms
        if not times:
            return
        # Written so that NaN, which no comparison holds for, is refused too.
        rising = times[0] >= 0 and all(a <= b < math.inf for a, b in pairwise(times))
        if len(times) != len(self.words) or not rising:
            raise InputError(
                f"a schedule gives one time from 0 ms on for each of the {len(self.words)} "
                f"digits or words, none earlier than the last; got {len(times)}",
                "challenge.malformed",
            )

    def as_json(self) -> dict[str, object]:
        """Everything as JSON holds it; what was not asked for is left out.

        `liveness.challenge.challenge_of` reads it.
        """
        told = asdict(self)
        return {name: value for name, value in told.items() if value not in ("", (), None)}


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels; right and bottom are exclusive and may lie outside."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, x before y."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box: Where it is.
        score: The detector's own score, 0..1.
        points: (5, 2) float32 pixels, x before y: the eyes, the nose tip and the mouth corners,
            left to right as seen in the picture.
    """

    box: Box
    score: float
    points: NDArray[np.float32]

    @property
    def inter_eye_px(self) -> float:
        """Distance between the two eye points in pixels."""
        return float(np.linalg.norm(self.points[0] - self.points[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Dense landmarks of one face, numbered as MediaPipe's 468-point face mesh.

    Attributes:
        points: (468, 3) float32: x and y in pixels of the picture, z (depth towards the camera
            negative) on the same scale.
        presence: The net's own score that a face is there, 0..1.
    """

    points: NDArray[np.float32]
    presence: float


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class View:
    """One analysed picture or frame; made once per transaction and read by every check.

    Attributes:
        image: The pixels.
        faces: Every face found, largest first.
        subject: The one face that is judged; None when there is none or no single one.
        reason: Why there is no subject, such as `no_face` or `multiple_faces`; empty with one.
        mesh: Dense landmarks of the subject, when they were asked for.
        time_ms: Presentation time within its clip; 0 for a picture.
    """

    image: Image
    faces: tuple[Face, ...]
    subject: Face | None
    reason: str = ""
    mesh: Mesh | None = None
    time_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A biometric template; comparable only with templates of the same model.

    Attributes:
        vector: (d,) float32 of unit length.
        model: Name of the model that made it, with the sha256 of its source weights:
            `name@sha256[:12]`.
        language: `en` or `zh`: what was spoken when a voice was enrolled; empty when unknown, and
            for faces.
    """

    vector: NDArray[np.float32]
    model: str
    language: str = ""
