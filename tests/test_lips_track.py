"""The mouth's movement: blind to the head's, and honest about what was not seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.liveness.lips import Gate, Heard, MouthTrack, follow_mouth, mouth_track
from veridical.liveness.lips.sound import BANDS, log_mel, loudness
from veridical.liveness.lips.track import FEATURES, INNER_LIPS, RIGID, frames_enough
from veridical.types import Audio, Box, Clip, Face, Image, Mesh, View

INNER_TOP, INNER_BOTTOM = 13, 14
PICTURE = Image(np.zeros((480, 640, 3), np.uint8))
Points = NDArray[np.float32]


def face_points() -> Points:
    """A made-up head: eyes level, lips below, everything else scattered behind the face."""
    random = np.random.default_rng(3)
    points = random.uniform(-1, 1, (468, 3)) * (1.2, 1.5, 0.4)
    points[[33, 133]] = (-0.7, 0, 0), (-0.3, 0, 0)
    points[[362, 263]] = (0.3, 0, 0), (0.7, 0, 0)
    points[10], points[152] = (0, -1, 0), (0, 2, 0)
    angles = np.linspace(0, 2 * np.pi, len(INNER_LIPS), endpoint=False)
    points[list(INNER_LIPS)] = np.stack(
        [0.4 * np.cos(angles), 1.2 + 0.15 * np.sin(angles), 0 * angles], 1
    )
    points[INNER_TOP], points[INNER_BOTTOM] = (0, 1.1, 0), (0, 1.3, 0)
    points[0], points[17] = (0, 1.0, -0.1), (0, 1.4, -0.1)
    points[61], points[291] = (-0.5, 1.2, 0), (0.5, 1.2, 0)
    return (points * 80 + (320, 180, 0)).astype(np.float32)


def speaking(frames: int = 50) -> list[Points]:
    """The head still, the lower lip moving."""
    made = []
    for index in range(frames):
        points = face_points()
        points[[INNER_BOTTOM, 17, 152], 1] += 8 * np.sin(index / 3.0)
        made.append(points)
    return made


def view(points: Points | None, time_ms: float, reason: str = "no_face") -> View:
    if points is None:
        return View(PICTURE, (), None, reason, None, time_ms)
    low, high = points.min(0), points.max(0)
    box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    face = Face(box, 1.0, points[:5, :2])
    return View(PICTURE, (face,), face, "", Mesh(points, 1.0), time_ms)


def track_of(frames: list[Points], step_ms: float = 40.0) -> MouthTrack:
    return mouth_track([view(points, index * step_ms) for index, points in enumerate(frames)])


def turned(points: Points, degrees: float, axis: int) -> Points:
    angle = np.deg2rad(degrees)
    matrix = np.eye(3)
    a, b = [k for k in range(3) if k != axis]
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    centre = points[list(RIGID)].mean(0)
    return ((points - centre) @ matrix.T + centre).astype(np.float32)


def test_the_opening_is_measured_in_eye_distances() -> None:
    track = track_of([face_points()] * 10)
    assert track.shape.shape == (10, len(FEATURES))
    assert track.shape[5, 0] == pytest.approx(0.2, abs=1e-3)  # 0.2 of an eye distance of 1.0
    assert track.shape[5, 2] == pytest.approx(1.0, abs=1e-3)
    assert track.inter_eye_px == pytest.approx(80, abs=0.5)
    assert track.motion == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_turning_head_does_not_move_the_mouth(axis: int) -> None:
    still = track_of(speaking())
    frames = [
        turned(points, 15 * np.sin(index / 5.0), axis) for index, points in enumerate(speaking())
    ]
    moved = track_of(frames)
    for feature in (0, 1, 7):
        together = np.corrcoef(still.shape[:, feature], moved.shape[:, feature])[0, 1]
        assert together > 0.999


def test_place_and_distance_do_not_count() -> None:
    plain = track_of(speaking())
    frames = [
        ((p - (320, 240, 0)) * (0.6 + 0.004 * i) + (300 + i, 240 - i, 0)).astype(np.float32)
        for i, p in enumerate(speaking())
    ]
    moved = track_of(frames)
    scale = plain.shape[:, 0].std() / moved.shape[:, 0].std()
    assert scale == pytest.approx(1, abs=0.02)
    assert np.corrcoef(plain.shape[:, 0], moved.shape[:, 0])[0, 1] > 0.999


def test_lips_outside_the_picture_are_not_seen() -> None:
    frames = speaking()
    low = [(p + np.array([0, 250, 0])).astype(np.float32) for p in frames[20:]]
    track = mouth_track([view(p, i * 40.0) for i, p in enumerate([*frames[:20], *low])])
    assert track.seen_share == pytest.approx(0.4)
    assert track.reasons == ("mouth_hidden",)
    assert np.isnan(track.shape[30]).all()
    assert Gate()(mouth_track([view(p, i * 50.0) for i, p in enumerate(low * 2)]), None) == (
        "mouth_hidden"
    )


def test_a_mesh_of_nonsense_is_a_mouth_not_seen() -> None:
    frames = speaking()
    frames[7][400] = np.nan  # far from the lips, and still no face
    track = track_of(frames)
    assert not track.seen[7]
    assert track.seen.sum() == len(frames) - 1
    one_point = [np.full_like(points, 100) for points in frames]
    assert np.isfinite(track_of(one_point).shape).all()


def test_nothing_at_all_is_no_error() -> None:
    empty = mouth_track([])
    assert (empty.fps, empty.duration_ms, empty.seen_share) == (0, 0, 0)
    assert empty.longest_gap_ms == float("inf")
    assert Gate()(empty, None) == "too_short"
    faceless = mouth_track([view(None, i * 40.0) for i in range(80)])
    assert Gate()(faceless, None) == "no_face"
    with pytest.raises(ValueError, match="mouth"):
        faceless.on_grid(np.array([1.0]))


def test_values_between_frames_lie_on_smooth_curves() -> None:
    """A sine of 2.4 Hz seen 15 times a second: straight lines would cut its tops off."""
    step_ms = 1000 / 15
    times = np.arange(60, dtype=np.float64) * np.float64(step_ms)
    wave = np.sin(times / 66.0)
    shape = np.repeat(wave[:, None], len(FEATURES), 1).astype(np.float32)
    track = MouthTrack(times, np.ones(60, bool), shape, 80.0)
    assert track.on_grid(times) == pytest.approx(shape, abs=1e-6)
    between = times[5:-5] + np.float64(step_ms / 2)
    curve = track.on_grid(between)[:, 0]
    lines = np.interp(between, times, wave)
    truth = np.sin(between / 66.0)
    assert np.abs(curve - truth).max() < 0.4 * np.abs(lines - truth).max()
    outside = track.on_grid(np.array([-500.0, times[-1] + 500]))
    assert outside == pytest.approx(shape[[0, -1]], abs=1e-6)
    lone = MouthTrack(times[:1], np.ones(1, bool), shape[:1], 80.0)
    assert lone.on_grid(times[:3]) == pytest.approx(shape[[0, 0, 0]])


def test_jitter_is_smoothed_by_time_not_by_frames() -> None:
    """Beside frames 33 ms apart a lone jump is spread; at 15 a second it is speech, and stays."""
    frames = [face_points() for _ in range(20)]
    frames[10][[INNER_BOTTOM, 17, 152], 1] += 8
    fast, slow = (track_of(frames, step_ms).shape[:, 0] for step_ms in (33.0, 66.7))
    rise = 8 / 80
    assert np.ptp(fast) < 0.7 * rise
    assert np.ptp(slow) > 0.9 * rise


@pytest.mark.parametrize(
    ("fps", "kept"), [(30.0, 91), (29.97, 91), (60.0, 46), (25.0, 180), (15.0, 180), (28.9, 180)]
)
def test_frames_that_lips_do_not_need_are_skipped(fps: float, kept: int) -> None:
    times = np.arange(180, dtype=np.float64) * np.float64(1000 / fps)
    chosen = frames_enough(times)
    assert len(chosen) == kept
    assert (chosen[0], chosen[-1]) == (0, 179)


def test_uneven_clips_lose_no_frame_that_closes_a_gap() -> None:
    random = np.random.default_rng(4)
    times = np.cumsum(random.choice([17.0, 33.0, 50.0, 90.0], 200))
    chosen = times[frames_enough(times)]
    allowed = max(1000 / 14.5, np.diff(times).max())
    assert np.diff(chosen).max() <= allowed
    assert len(chosen) < 160
    assert frames_enough(np.zeros(0)) == []


def test_the_rate_of_the_clip_counts_not_that_of_the_frames_followed() -> None:
    clip = Clip((PICTURE,) * 120, np.arange(120, dtype=np.float64) * np.float64(1000 / 30))
    frames = speaking(120)
    asked: list[float] = []

    def follow(part: Clip) -> list[View]:
        asked.extend(part.times_ms)
        return [view(frames[round(time * 0.03)], time) for time in part.times_ms.tolist()]

    track = follow_mouth(clip, follow)
    assert len(asked) == len(track.times_ms) == 61
    assert track.fps == pytest.approx(30)
    assert Gate()(track, HEARD) == ""


HEARD = Heard(Audio(np.zeros(16_000 * 4, np.float32), 16_000), ((0.5, 3.5),))


def timed(times_ms: list[float], missing: frozenset[int] = frozenset()) -> MouthTrack:
    frames = speaking(len(times_ms))
    return mouth_track(
        [
            view(None if index in missing else points, time_ms)
            for index, (points, time_ms) in enumerate(zip(frames, times_ms, strict=True))
        ]
    )


@pytest.mark.parametrize(
    ("fps", "reason"), [(8.0, "frame_rate_low"), (12.5, "frame_rate_low"), (14.985, ""), (30.0, "")]
)
def test_frame_rate_is_taken_from_the_stamps(fps: float, reason: str) -> None:
    track = timed([index * 1000 / fps for index in range(int(4 * fps))])
    assert track.fps == pytest.approx(fps)
    assert Gate()(track, HEARD) == reason


def test_variable_stamps_count_by_their_mean_and_their_gap() -> None:
    uneven = [index * 33.0 + (index % 3) * 8 for index in range(100)]
    assert Gate()(timed(uneven), HEARD) == ""
    gap = [t + (200 if index >= 50 else 0) for index, t in enumerate(uneven)]
    assert Gate()(timed(gap), HEARD) == "frames_missing"


def test_frames_without_a_mouth_are_a_gap_too() -> None:
    times = [index * 33.0 for index in range(100)]
    assert Gate()(timed(times, frozenset(range(40, 46))), HEARD) == "frames_missing"
    assert Gate()(timed(times, frozenset(range(40, 42))), HEARD) == ""
    assert Gate()(timed(times, frozenset(range(0, 100, 8))), HEARD) == "no_face"


def test_sound_must_be_there_and_hold_speech() -> None:
    track = timed([index * 33.0 for index in range(100)])
    assert Gate()(track, None) == "no_sound"
    silent = Heard(Audio(np.zeros(0, np.float32), 16_000), ())
    assert Gate()(track, silent) == "no_sound"
    short = Heard(HEARD.audio, ((0.5, 1.9),))
    assert Gate()(track, short) == "too_little_speech"
    few = Heard(HEARD.audio, HEARD.segments_s, (600.0, 1500.0, 2400.0))
    assert Gate()(track, few) == "too_little_speech"


def test_small_faces_are_sent_closer() -> None:
    frames = [((p - 300) * 0.3 + 300).astype(np.float32) for p in speaking(100)]
    assert Gate()(track_of(frames), HEARD) == "face_too_small"


def test_log_mel_finds_a_tone_and_its_time() -> None:
    time_s = np.arange(16_000 * 2) / 16_000
    tone = np.where(time_s > 1, np.sin(2 * np.pi * 1000 * time_s), 0).astype(np.float32)
    mel = log_mel(Audio(tone, 16_000))
    assert mel.shape == (201, BANDS)
    loud = loudness(mel)
    assert loud[:97].max() < loud[105:195].min() - 2
    strongest = mel[150].argmax()
    assert np.allclose(mel[110:190].argmax(1), strongest)
    assert log_mel(Audio(np.zeros(0, np.float32), 16_000)).shape == (0, BANDS)
    with pytest.raises(ValueError, match="16 kHz"):
        log_mel(Audio(tone, 8_000))


def test_louder_sound_moves_every_band_alike() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    soft, loud = log_mel(Audio(noise, 16_000)), log_mel(Audio(noise * 4, 16_000))
    assert loud - soft == pytest.approx(np.full(soft.shape, np.log(16)), abs=0.01)
