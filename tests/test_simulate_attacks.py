"""The rehearsal attacks: determined by their seed, and each doing what its name says."""

import subprocess
import sys

import numpy as np
import pytest

from veridical.errors import InputError
from veridical.rehearsal.simulate import Attack, describe, simulate
from veridical.types import Audio, Box, Clip, Image

RATE_HZ = 16000
OPTICS = [
    Attack.PRINT,
    Attack.SCREEN_REPLAY,
    Attack.PAPER_CUTOUT,
    Attack.MOUTH_CUTOUT,
    Attack.BORDERED_TABLET,
]
TIME = [Attack.FROZEN_FRAME, Attack.LOOPED_FRAMES, Attack.REVERSED_VIDEO, Attack.CONSTANT_RATE]
JOINED = [Attack.SPLICE, Attack.INTERLEAVE]
OF_CLIPS = [attack for attack in Attack if attack is not Attack.PORTRAIT_SELFIE]
SOUND = [Attack.DUBBED_AUDIO, Attack.TIME_SHIFT, Attack.TELEPHONE]


def smooth_picture(phase: float = 0.0) -> Image:
    y, x = np.mgrid[0:120, 0:160]
    waves = [np.sin(x / (19 + c) + phase) + np.cos(y / (23 - c) + phase) for c in range(3)]
    return Image(np.asarray(128 + 50 * np.stack(waves, axis=2), dtype=np.uint8))


def speech(seconds: float = 1.0) -> Audio:
    rng = np.random.default_rng(1)
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * (200 + 150 * time_s) * time_s) + 0.3 * rng.normal(size=len(time_s))
    return Audio((0.2 * tone).astype(np.float32), RATE_HZ)


@pytest.fixture(scope="module")
def clip() -> Clip:
    times_ms = np.cumsum(np.random.default_rng(0).uniform(30, 37, 24))
    return Clip(tuple(smooth_picture(i / 5) for i in range(24)), times_ms, speech())


def same(a: Clip, b: Clip) -> bool:
    assert a.audio is not None
    assert b.audio is not None
    return (
        all(np.array_equal(p.pixels, q.pixels) for p, q in zip(a.frames, b.frames, strict=True))
        and np.array_equal(a.times_ms, b.times_ms)
        and np.array_equal(a.audio.samples, b.audio.samples)
    )


@pytest.mark.parametrize("attack", OF_CLIPS)
def test_the_seed_decides_everything_and_the_clip_changes(attack: Attack, clip: Clip) -> None:
    other = smooth_picture(9)
    first = simulate(attack, clip, 5, other=other)
    assert same(first, simulate(attack.value, clip, 5, other=other))
    assert not same(first, clip)
    assert len(first.frames) == len(clip.frames)
    assert first.frames[0].pixels.shape == clip.frames[0].pixels.shape
    if attack not in (Attack.REVERSED_VIDEO, Attack.CONSTANT_RATE, Attack.TELEPHONE):
        assert not same(first, simulate(attack, clip, 6, other=other))


@pytest.mark.parametrize("attack", OPTICS)
def test_attacks_on_optics_take_pictures(attack: Attack) -> None:
    picture = smooth_picture()
    made = simulate(attack, picture, 2)
    assert made.pixels.shape == picture.pixels.shape
    difference = np.abs(made.pixels.astype(int) - picture.pixels.astype(int)).mean()
    assert 1 < difference < 90


@pytest.mark.parametrize("attack", TIME + SOUND + JOINED)
def test_attacks_on_time_and_sound_refuse_pictures(attack: Attack) -> None:
    with pytest.raises(InputError, match="cannot be made from a picture"):
        simulate(attack, smooth_picture(), 0)


def test_attacks_on_sound_refuse_a_silent_clip(clip: Clip) -> None:
    for attack in SOUND:
        with pytest.raises(InputError) as caught:
            simulate(attack, Clip(clip.frames, clip.times_ms), 0)
        assert caught.value.code == "simulate.unfit"


def test_an_unknown_attack_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="screen_replay"):
        simulate("mind_control", smooth_picture(), 0)


def test_a_print_moves_as_one_sheet_and_forgets_the_motion(clip: Clip) -> None:
    """The print is one still: blurred copies of two frames differ far less than before."""
    made = simulate(Attack.PRINT, clip, 0)

    def spread(frames: tuple[Image, ...]) -> float:
        small = [frame.pixels[20:100, 20:140].mean(axis=(0, 1)) for frame in frames]
        return float(np.std(small, axis=0).mean())

    assert spread(made.frames) < 0.3 * spread(clip.frames)


def test_a_screen_leaves_a_periodic_pattern() -> None:
    flat = Image(np.full((128, 128, 3), 150, dtype=np.uint8))

    def peak_to_median(image: Image) -> float:
        green = image.pixels[:, :, 1].astype(float)
        spectrum = np.abs(np.fft.fft2(green - green.mean()))
        return float(spectrum.max() / np.median(spectrum))

    assert peak_to_median(simulate(Attack.SCREEN_REPLAY, flat, 3)) > 40
    assert peak_to_median(simulate(Attack.PRINT, flat, 3)) > 0


def test_a_tablet_shows_its_dark_frame_and_a_room(clip: Clip) -> None:
    made = simulate(Attack.BORDERED_TABLET, smooth_picture(), 1).pixels.astype(int)
    middle_row = made[60].sum(axis=1)
    assert (middle_row[:60] < 100).any()
    assert (middle_row[100:] < 100).any()


def test_only_the_mouth_goes_on_moving(clip: Clip) -> None:
    face = Box(40, 10, 120, 110)
    made = simulate(Attack.MOUTH_CUTOUT, clip, 4, face=face)
    stack = np.stack([frame.pixels for frame in made.frames]).astype(float)
    change = np.abs(stack - stack.mean(axis=0)).mean(axis=(0, 3))
    mouth, brow = change[84:94, 70:90].mean(), change[20:40, 70:90].mean()
    assert mouth > 2 * brow


def test_frozen_frames_stand_still_to_the_end(clip: Clip) -> None:
    made = simulate(Attack.FROZEN_FRAME, clip, 9)
    assert all(frame is made.frames[-1] for frame in made.frames[len(made.frames) // 2 :])


def test_looped_frames_come_back(clip: Clip) -> None:
    made = simulate(Attack.LOOPED_FRAMES, clip, 9)
    ids = [id(frame) for frame in made.frames]
    period = next(i for i in range(1, len(ids)) if ids[i] == ids[0])
    assert 6 <= period <= 12
    assert ids[period:] == ids[:-period]


def test_reversal_turns_frames_but_not_sound_or_times(clip: Clip) -> None:
    made = simulate(Attack.REVERSED_VIDEO, clip, 0)
    assert made.frames == clip.frames[::-1]
    assert made.audio is clip.audio
    assert made.times_ms is clip.times_ms


def test_a_constant_rate_has_no_jitter(clip: Clip) -> None:
    steps = np.diff(simulate(Attack.CONSTANT_RATE, clip, 0).times_ms)
    assert np.ptp(np.diff(clip.times_ms)) > 1
    assert np.ptp(steps) < 1e-6


def test_a_time_shift_is_found_by_correlation(clip: Clip) -> None:
    made = simulate(Attack.TIME_SHIFT, clip, 2)
    assert made.audio is not None
    assert clip.audio is not None
    product = np.correlate(made.audio.samples, clip.audio.samples, "full")
    lag_s = (int(np.argmax(product)) - (len(clip.audio.samples) - 1)) / RATE_HZ
    assert 0.2 <= abs(lag_s) <= 0.6


def test_a_given_dub_replaces_the_sound_at_the_clip_rate(clip: Clip) -> None:
    assert clip.audio is not None
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    made = simulate(Attack.DUBBED_AUDIO, clip, 0, dub=Audio(tone, 8000))
    assert made.audio is not None
    assert len(made.audio.samples) == len(clip.audio.samples)
    spectrum = np.abs(np.fft.rfft(made.audio.samples))
    assert np.argmax(spectrum) * RATE_HZ / len(made.audio.samples) == pytest.approx(440, abs=2)


def test_a_telephone_carries_its_band_only() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    made = simulate(Attack.TELEPHONE, Audio(noise, RATE_HZ), 0)
    power = np.abs(np.fft.rfft(made.samples)) ** 2
    hertz = np.fft.rfftfreq(len(made.samples), 1 / RATE_HZ)
    inside = power[(hertz > 400) & (hertz < 3300)].mean()
    assert power[hertz > 4100].mean() < 1e-4 * inside
    assert power[hertz < 120].mean() < 0.05 * inside
    assert made.samples.dtype == np.float32


def test_every_attack_is_described() -> None:
    assert all(describe(attack) for attack in Attack)


def test_importing_the_simulator_pulls_in_no_engine() -> None:
    code = (
        "import sys, veridical.rehearsal.simulate; "
        "bad = {'onnxruntime', 'scipy', 'matplotlib', 'av', 'jinja2'} & set(sys.modules); "
        "sys.exit(' '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_splice_keeps_every_frame_with_its_sound(clip: Clip) -> None:
    made = simulate(Attack.SPLICE, clip, 3)
    assert made.audio is not None
    assert clip.audio is not None
    before, after = ([frame.pixels.tobytes() for frame in one.frames] for one in (clip, made))
    assert sorted(before) == sorted(after)
    assert before != after
    assert len(made.audio.samples) == len(clip.audio.samples)


def test_interleaving_puts_the_other_in_a_dozen_places(clip: Clip) -> None:
    other = Image(np.full((30, 50, 3), 200, np.uint8))
    made = simulate(Attack.INTERLEAVE, clip, 3, other=other)
    put_in = [i for i, frame in enumerate(made.frames) if (frame.pixels == 200).all()]
    assert len(put_in) == 12
    with pytest.raises(InputError, match="another person"):
        simulate(Attack.INTERLEAVE, clip, 3)


def test_a_portrait_as_selfie_is_enlarged_before_a_wall() -> None:
    document = smooth_picture()
    made = simulate(Attack.PORTRAIT_SELFIE, document, 1)
    assert min(made.width, made.height) > 2 * document.height
    with pytest.raises(InputError, match="cannot be made from a clip"):
        simulate(Attack.PORTRAIT_SELFIE, Clip((document,), np.zeros(1)), 1)
