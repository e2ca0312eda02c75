"""What would a known attack on this capture look like?

Rehearsal attacks made from a genuine picture, clip or sound: for trying out a deployment and for
regression tests. They imitate the optics and the signal path of an attack by simple formulas; how
often a real artefact passes can only be measured with real artefacts. Whatever is made here is
labelled `simulated`, and no figure from it is an APCER.

Everything follows from the seed: the same input and seed give the same output.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.rehearsal.attack import Attack, describe
from veridical.rehearsal.cuts import interleaved, portrait_as_selfie, spliced
from veridical.types import Audio, Box, Clip, Image

__all__ = ["Attack", "describe", "simulate"]

Pixels = NDArray[np.uint8]
Frames = list[Pixels]
Media = TypeVar("Media", Image, Clip, Audio)

DISPLAY_GAMMA = 2.2
TELEPHONE_RATE_HZ = 8000
TELEPHONE_BAND_HZ = (300.0, 3400.0)  # ITU-T G.712
MU = 255.0  # ITU-T G.711, mu-law
CONSTANT_FPS = 30.0


def simulate(
    attack: Attack | str,
    media: Media,
    seed: int,
    *,
    face: Box | None = None,
    dub: Audio | None = None,
    other: Clip | Image | None = None,
) -> Media:
    """Make one simulated attack from genuine media.

    Args:
        attack: Which attack, by enum or by name.
        media: A picture, a clip or a sound. Attacks on optics take pictures and clips, attacks on
            time take clips, `dubbed_audio` and `time_shift` clips with sound, `telephone` clips
            with sound and plain sound, `portrait_selfie` the picture of a document.
        seed: Decides every random choice.
        face: Where the face is, for the two cut-outs and `portrait_selfie`; without it a face in
            the middle is assumed.
        dub: The foreign sound for `dubbed_audio`; without it the clip's own sound in another order
            and pitch.
        other: The other person of `interleave`.

    Returns:
        Media of the same type and, for clips, with as many frames.

    Raises:
        InputError: The attack is unknown (`simulate.unknown`) or cannot be made from such media
            (`simulate.unfit`).
    """
    try:
        kind = Attack(attack)
    except ValueError:
        raise InputError(
            f"no simulated attack is named {str(attack)!r}; there are {', '.join(Attack)}",
            "simulate.unknown",
        ) from None
    rng = np.random.default_rng([list(Attack).index(kind), seed])
    if isinstance(media, Image):
        if kind is Attack.PORTRAIT_SELFIE:
            return portrait_as_selfie(media, face, rng)
        optics = _optics(kind, "a picture")
        return Image(optics([media.pixels], np.zeros(1), rng, face)[0])
    if isinstance(media, Audio):
        if kind is not Attack.TELEPHONE:
            raise _unfit(kind, "sound alone")
        return _telephone(media)
    if kind is Attack.SPLICE:
        return spliced(media, rng)
    if kind is Attack.INTERLEAVE:
        if other is None:
            raise InputError(
                "interleave puts in frames of another person: give a clip or picture of one with "
                "--other",
                "simulate.unfit",
            )
        return interleaved(media, other, rng)
    return _clip(kind, media, rng, face, dub)


def _clip(kind: Attack, clip: Clip, rng: Generator, face: Box | None, dub: Audio | None) -> Clip:
    """Make an attack from a clip."""
    frames, times_ms, audio = clip.frames, clip.times_ms, clip.audio
    if kind is Attack.FROZEN_FRAME:
        order = _frozen(len(frames), rng)
    elif kind is Attack.LOOPED_FRAMES:
        order = _looped(len(frames), rng)
    elif kind is Attack.REVERSED_VIDEO:
        order = np.arange(len(frames))[::-1]
    elif kind is Attack.CONSTANT_RATE:
        even_ms = times_ms[0] + np.arange(len(frames)) * 1000.0 / CONSTANT_FPS
        return Clip(frames, even_ms, audio)
    elif kind in (Attack.DUBBED_AUDIO, Attack.TIME_SHIFT, Attack.TELEPHONE):
        if audio is None or not len(audio.samples):
            raise _unfit(kind, "a clip without sound")
        if kind is Attack.TELEPHONE:
            return Clip(frames, times_ms, _telephone(audio))
        changed = _shifted(audio, rng) if kind is Attack.TIME_SHIFT else _dubbed(audio, dub, rng)
        return Clip(frames, times_ms, changed)
    else:
        pixels = [frame.pixels for frame in frames]
        made = _optics(kind, "a clip")(pixels, times_ms / 1000.0, rng, face)
        return Clip(tuple(Image(one) for one in made), times_ms, audio)
    return Clip(tuple(frames[index] for index in order), times_ms, audio)


def _unfit(kind: Attack, got: str) -> InputError:
    """Say that an attack cannot be made from such media."""
    return InputError(
        f"the simulated attack {kind.value!r} ({describe(kind)}) cannot be made from {got}",
        "simulate.unfit",
    )


# --- time: which frame is shown when -------------------------------------------------------------


def _frozen(count: int, rng: Generator) -> NDArray[np.intp]:
    """Indices that stand still from a point in the first half on."""
    stop = int(rng.integers(0, max(1, count // 2)))
    return np.minimum(np.arange(count), stop)


def _looped(count: int, rng: Generator) -> NDArray[np.intp]:
    """Indices that repeat a stretch of a quarter to a half of the clip."""
    length = max(1, int(rng.integers(max(1, count // 4), max(2, count // 2 + 1))))
    start = int(rng.integers(0, max(1, count - length + 1)))
    return start + np.arange(count) % length


# --- sound ---------------------------------------------------------------------------------------


def _shifted(audio: Audio, rng: Generator) -> Audio:
    """Sound 200 to 600 ms early or late; silence fills the gap."""
    shift = int(rng.choice([-1, 1]) * rng.uniform(0.2, 0.6) * audio.rate_hz)
    moved = np.zeros_like(audio.samples)
    if shift >= 0:
        moved[shift:] = audio.samples[: max(0, len(moved) - shift)]
    else:
        moved[:shift] = audio.samples[-shift:]
    return Audio(moved, audio.rate_hz)


def _dubbed(audio: Audio, dub: Audio | None, rng: Generator) -> Audio:
    """The foreign sound, or the own one in pieces of 0.3 to 0.6 s, reordered and re-pitched."""
    length = len(audio.samples)
    if dub is not None and len(dub.samples):
        foreign = _resampled(dub.samples, round(len(dub.samples) * audio.rate_hz / dub.rate_hz))
        return Audio(np.resize(foreign, length).astype(np.float32), audio.rate_hz)
    pitch = float(rng.choice([0.84, 0.9, 1.12, 1.2]))
    voice = np.resize(_resampled(audio.samples, max(1, round(length / pitch))), length)
    cuts = np.cumsum(rng.uniform(0.3, 0.6, size=2 + int(audio.duration_s / 0.3))) * audio.rate_hz
    pieces = np.split(voice, cuts[cuts < length].astype(int))
    order = rng.permutation(len(pieces))
    if len(pieces) > 1 and (order == np.arange(len(pieces))).all():
        order = np.roll(order, 1)
    return Audio(np.concatenate([pieces[i] for i in order]).astype(np.float32), audio.rate_hz)


def _telephone(audio: Audio) -> Audio:
    """Band limit, go down to 8 kHz, through mu-law steps of 8 bits, and back up."""
    length = len(audio.samples)
    narrow = _resampled(audio.samples, max(1, round(length * TELEPHONE_RATE_HZ / audio.rate_hz)))
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1.0 / TELEPHONE_RATE_HZ)
    low, high = TELEPHONE_BAND_HZ
    shoulders = np.clip((hertz - low / 2) / (low / 2), 0, 1) * np.clip(
        (3700 - hertz) / (3700 - high), 0, 1
    )
    heard = np.clip(np.fft.irfft(spectrum * shoulders, len(narrow)), -1.0, 1.0)
    code = np.round(np.sign(heard) * np.log1p(MU * np.abs(heard)) / np.log1p(MU) * 127.0) / 127.0
    decoded = np.sign(code) * np.expm1(np.abs(code) * np.log1p(MU)) / MU
    return Audio(_resampled(decoded, length).astype(np.float32), audio.rate_hz)


def _resampled(samples: NDArray[np.floating], length: int) -> NDArray[np.float64]:
    """Band-limited change of length by cutting or padding the spectrum."""
    if not len(samples) or length == len(samples):
        return np.asarray(samples, dtype=np.float64)
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(length // 2 + 1, dtype=complex)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return np.fft.irfft(kept, length) * (length / len(samples))


# --- optics --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pose:
    """How the hand holds an artefact at one moment, relative to filling the picture."""

    shift_x: float
    shift_y: float
    angle_deg: float
    scale: float

    def matrix(self, width: int, height: int) -> NDArray[np.float64]:
        """(2, 3) map from the artefact's pixels to the camera's."""
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), self.angle_deg, self.scale)
        turn[:, 2] += np.array([self.shift_x * width, self.shift_y * height])
        return np.asarray(turn, dtype=np.float64)


def _hand(times_s: NDArray[np.float64], rng: Generator, sway: float) -> list[_Pose]:
    """Slow sway below 1 Hz plus a tremor of 6 to 10 Hz, as an unsupported hand has.

    Args:
        times_s: When the poses are wanted.
        rng: Source of phases and speeds.
        sway: Size of the slow part as a share of the picture.
    """
    speeds = np.concatenate([rng.uniform(0.2, 0.9, (4, 2)), rng.uniform(6, 10, (4, 1))], axis=1)
    phases = rng.uniform(0, 2 * np.pi, (4, 3))
    sizes = np.array([0.6, 0.35, 0.08])
    waves = np.sin(2 * np.pi * speeds[:, :, None] * times_s + phases[:, :, None])
    x, y, angle, scale = np.einsum("s,csn->cn", sizes, waves) * sway
    tilt = rng.uniform(-2.0, 2.0)
    return [
        _Pose(float(x[i]), float(y[i]), tilt + float(angle[i]) * 60.0, 1.0 + float(scale[i]))
        for i in range(len(times_s))
    ]


def _warp(pixels: Pixels, pose: _Pose, border: int = cv2.BORDER_REFLECT_101) -> Pixels:
    """Show a picture under a pose."""
    height, width = pixels.shape[:2]
    warped = cv2.warpAffine(
        pixels,
        pose.matrix(width, height),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=border,
    )
    return np.asarray(warped, dtype=np.uint8)


def _bytes(light: NDArray[np.floating]) -> Pixels:
    """Light of 0..1 as uint8."""
    return np.asarray(np.clip(light * 255.0 + 0.5, 0, 255), dtype=np.uint8)


def _sensor(pixels: Pixels, rng: Generator) -> Pixels:
    """The second camera's own noise, so that no two frames are byte-identical."""
    noise = rng.normal(0.0, 1.6, pixels.shape).astype(np.float32)
    return np.asarray(np.clip(pixels + noise + 0.5, 0, 255), dtype=np.uint8)


def _on_paper(pixels: Pixels, rng: Generator) -> Pixels:
    """Ink on paper: a smaller range of tones, halftone dots, uneven paper, a soft sheen."""
    height, width = pixels.shape[:2]
    light = pixels.astype(np.float32) / np.float32(255)
    grey = light.mean(axis=2, keepdims=True)
    inked = 0.11 + 0.76 * (grey + 0.78 * (light - grey))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pitch = np.float32(rng.uniform(2.2, 3.2))
    for channel, angle in enumerate(np.deg2rad([15.0, 75.0, 45.0])):
        along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
        across = np.float32(np.cos(angle)) * y - np.float32(np.sin(angle)) * x
        turn = np.float32(2 * np.pi) / pitch
        dots = np.cos(turn * along) * np.cos(turn * across)
        inked[:, :, channel] += 0.035 * dots * (1.0 - inked[:, :, channel])
    fibre = rng.normal(0.0, 1.0, (max(2, height // 6), max(2, width // 6))).astype(np.float32)
    paper = cv2.resize(fibre, (width, height), interpolation=cv2.INTER_CUBIC)
    slope_x, slope_y = rng.uniform(-0.06, 0.06, 2)
    sheen = slope_x * (x / width - 0.5) + slope_y * (y / height - 0.5)
    toned = inked * (1.0 + 0.012 * paper + sheen)[:, :, None] * np.array([1.0, 0.985, 0.95])
    soft = cv2.GaussianBlur(toned.astype(np.float32), (0, 0), 0.7)
    return _bytes(np.asarray(soft))


def _print(
    frames: Frames, times_s: NDArray[np.float64], rng: Generator, face: Box | None
) -> Frames:
    """One frame on paper, moved by a hand."""
    sheet = _on_paper(frames[len(frames) // 2], rng)
    poses = _hand(times_s, rng, sway=0.015)
    return [_sensor(_warp(sheet, pose), rng) for pose in poses]


@dataclass(frozen=True, slots=True)
class _Panel:
    """A display as the camera sees it.

    Attributes:
        pitch_px: Camera pixels from one display pixel to the next.
        angle: Turn of the panel against the sensor, in radians.
        black: Light of a black pixel, 0..1.
        gain: Light of a white pixel for red, green and blue.
        contrast: Exponent by which panel and camera together miss the original tones.
    """

    pitch_px: float
    angle: float
    black: float
    gain: tuple[float, float, float]
    contrast: float


def _panel(rng: Generator) -> _Panel:
    """Draw a display: a phone or tablet at arm's length, a little bluish."""
    return _Panel(
        pitch_px=float(rng.uniform(1.35, 2.4)),
        angle=float(np.deg2rad(rng.uniform(-6, 6))),
        black=float(rng.uniform(0.015, 0.04)),
        gain=(float(rng.uniform(0.9, 0.97)), float(rng.uniform(0.94, 1.0)), 1.0),
        contrast=float(rng.uniform(1.05, 1.25)),
    )


def _on_screen(pixels: Pixels, panel: _Panel, pose: _Pose) -> Pixels:
    """A picture lit by red, green and blue stripes and sampled by a sensor of another pitch.

    The moire is not painted: it comes from sampling the stripes of the panel with the sensor's
    own grid, four samples a pixel.
    """
    height, width = pixels.shape[:2]
    shown = _warp(pixels, pose).astype(np.float32) / np.float32(255)
    light = np.float32(panel.black) + np.float32(1 - panel.black) * shown ** np.float32(
        DISPLAY_GAMMA * panel.contrast
    )
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cos, sin = np.float32(np.cos(panel.angle)), np.float32(np.sin(panel.angle))
    mask = np.zeros((height, width, 3), dtype=np.float32)
    for offset_x, offset_y in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        sample_x = x + np.float32(offset_x - pose.shift_x * width)
        sample_y = y + np.float32(offset_y - pose.shift_y * height)
        column = (cos * sample_x + sin * sample_y) / np.float32(panel.pitch_px * pose.scale)
        row = (cos * sample_y - sin * sample_x) / np.float32(panel.pitch_px * pose.scale)
        lit_row = (np.abs(row - np.floor(row) - 0.5) < 0.44).astype(np.float32)
        for channel in range(3):
            place = column - np.float32((channel + 0.5) / 3)
            near = np.abs(place - np.round(place)) < 1 / 6
            mask[:, :, channel] += near * lit_row
    stripes = mask / np.float32(4) * np.float32(3 / 0.88)
    # The lens does not resolve the stripes fully: most of the light arrives evened out.
    spread = np.asarray(cv2.GaussianBlur(stripes, (0, 0), 0.8), dtype=np.float32)
    seen = light * (0.55 + 0.45 * spread) * np.asarray(panel.gain, dtype=np.float32)
    glow = np.asarray(cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 6), dtype=np.float32)
    return _bytes(np.clip(0.94 * seen + 0.06 * glow, 0, 1) ** (1 / DISPLAY_GAMMA))


def _screen_replay(
    frames: Frames, times_s: NDArray[np.float64], rng: Generator, face: Box | None
) -> Frames:
    """The frames on a display that fills the view, slightly enlarged, moved by a hand."""
    panel = _panel(rng)
    poses = _hand(times_s, rng, sway=0.006)
    return [
        _sensor(_on_screen(frame, panel, pose), rng)
        for frame, pose in zip(frames, poses, strict=True)
    ]


def _room(height: int, width: int, rng: Generator) -> Pixels:
    """A dim, out-of-focus room behind an artefact."""
    grey = rng.uniform(40, 140, (4, 5, 1))
    blobs = (grey + rng.uniform(-14, 14, (4, 5, 3))).astype(np.float32)
    room = cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(room, 0, 255), dtype=np.uint8)


def _bordered_tablet(
    frames: Frames, times_s: NDArray[np.float64], rng: Generator, face: Box | None
) -> Frames:
    """A tablet with a dark frame, smaller than the view, before a room."""
    height, width = frames[0].shape[:2]
    share = rng.uniform(0.68, 0.8)
    inner_w, inner_h = max(8, round(width * share)), max(8, round(height * share))
    rim = max(2, round(0.035 * min(width, height)))
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    panel, room = _panel(rng), _room(height, width, rng)
    still = _Pose(0.0, 0.0, 0.0, 1.0)
    outline = np.zeros((height, width, 1), dtype=np.uint8)
    outline[max(0, top - rim) : top + inner_h + rim, max(0, left - rim) : left + inner_w + rim] = (
        255
    )
    made: Frames = []
    for frame, pose in zip(frames, _hand(times_s, rng, sway=0.012), strict=True):
        small = cv2.resize(frame, (inner_w, inner_h), interpolation=cv2.INTER_AREA)
        tablet = np.full_like(frame, 18)
        tablet[top : top + inner_h, left : left + inner_w] = _on_screen(
            np.asarray(small, dtype=np.uint8), panel, still
        )
        shown = _warp(tablet, pose, cv2.BORDER_CONSTANT)
        cover = _warp(outline, pose, cv2.BORDER_CONSTANT).reshape(height, width, 1) / 255.0
        made.append(_sensor(np.asarray(shown * cover + room * (1 - cover), dtype=np.uint8), rng))
    return made


def _face_ellipse(
    shape: tuple[int, ...], face: Box | None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centre and half axes of the face; in the middle of the picture when nobody says where."""
    height, width = shape[:2]
    if face is None:
        return (width * 0.5, height * 0.48), (min(width, height) * 0.27, min(width, height) * 0.36)
    return face.centre, (face.width * 0.56, face.height * 0.6)


def _ellipse_cover(
    shape: tuple[int, ...], centre: tuple[float, float], axes: tuple[float, float], edge_px: float
) -> NDArray[np.float32]:
    """(height, width, 1) float32, 1 inside an ellipse and 0 outside, over a soft edge."""
    height, width = shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = np.hypot((x - centre[0]) / axes[0], (y - centre[1]) / axes[1])
    inside = (1.0 - radius) * min(axes) / edge_px + 0.5
    return np.asarray(np.clip(inside, 0, 1)[:, :, None], dtype=np.float32)


def _paper_cutout(
    frames: Frames, times_s: NDArray[np.float64], rng: Generator, face: Box | None
) -> Frames:
    """A face cut out of a print, with a white rim and a shadow, before a room."""
    middle = frames[len(frames) // 2]
    height, width = middle.shape[:2]
    sheet = _on_paper(middle, rng)
    centre, axes = _face_ellipse(middle.shape, face)
    room = _room(height, width, rng)
    rim = 1.0 + rng.uniform(0.015, 0.05)
    cover = _ellipse_cover(middle.shape, centre, (axes[0] * rim, axes[1] * rim), 1.0)
    printed = _ellipse_cover(middle.shape, centre, axes, 1.0)
    sheet = np.asarray(sheet * printed + 232.0 * (1 - printed), dtype=np.uint8)
    made: Frames = []
    for pose in _hand(times_s, rng, sway=0.02):
        held = _warp(sheet, pose)
        where = _warp(_bytes(cover), pose, cv2.BORDER_CONSTANT).reshape(height, width, 1) / 255.0
        shadow = cv2.GaussianBlur(np.roll(where, (height // 60, width // 60), (0, 1)), (0, 0), 6)
        wall = room * (1.0 - 0.35 * np.asarray(shadow).reshape(height, width, 1))
        made.append(_sensor(np.asarray(held * where + wall * (1 - where), dtype=np.uint8), rng))
    return made


def _mouth_cutout(
    frames: Frames, times_s: NDArray[np.float64], rng: Generator, face: Box | None
) -> Frames:
    """A printed face held still before a speaker, whose own mouth shows through a hole."""
    middle = frames[len(frames) // 2]
    height, width = middle.shape[:2]
    sheet = _on_paper(middle, rng)
    centre, axes = _face_ellipse(middle.shape, face)
    mouth = (centre[0], centre[1] + 0.48 * axes[1])
    hole = _ellipse_cover(middle.shape, mouth, (axes[0] * 0.48, axes[1] * 0.24), 1.2)
    # Another person in another light: the live mouth differs in colour and brightness.
    tint = np.array([1.0, 0.93, 0.9]) * rng.uniform(0.78, 0.95)
    made: Frames = []
    for frame, pose in zip(frames, _hand(times_s, rng, sway=0.006), strict=True):
        held = _warp(sheet, pose)
        gap = _warp(_bytes(hole), pose, cv2.BORDER_CONSTANT).reshape(height, width, 1) / 255.0
        edge = cv2.GaussianBlur(gap, (0, 0), 2.5)
        depth = 1.0 - 0.3 * (1.0 - np.asarray(edge).reshape(height, width, 1))
        live = np.clip(frame * tint * depth, 0, 255)
        made.append(_sensor(np.asarray(live * gap + held * (1 - gap), dtype=np.uint8), rng))
    return made


Optics = Callable[[Frames, NDArray[np.float64], Generator, Box | None], Frames]

_OPTICS: dict[Attack, Optics] = {
    Attack.PRINT: _print,
    Attack.SCREEN_REPLAY: _screen_replay,
    Attack.BORDERED_TABLET: _bordered_tablet,
    Attack.PAPER_CUTOUT: _paper_cutout,
    Attack.MOUTH_CUTOUT: _mouth_cutout,
}


def _optics(kind: Attack, got: str) -> Optics:
    """The function that makes an attack on optics."""
    if kind not in _OPTICS:
        raise _unfit(kind, got)
    return _OPTICS[kind]
