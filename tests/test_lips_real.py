"""Lips and sound of real clips (GRID, CC BY 4.0), of speakers the networks never saw."""

import csv
from pathlib import Path

import numpy as np
import pytest

from veridical.face import FaceDetector, FaceMesher
from veridical.face.track import FaceTracker
from veridical.liveness.lips import Heard, LipsCheck, MouthTrack, follow_mouth
from veridical.media import read_clip
from veridical.models import ModelStore
from veridical.rehearsal.simulate import Attack, simulate
from veridical.types import Audio, Challenge, Clip

pytestmark = [pytest.mark.models, pytest.mark.shared]

SPEAKERS = ("grid_s20", "grid_s22", "grid_s26", "grid_s32")


@pytest.fixture(scope="module")
def tracker(store: ModelStore) -> FaceTracker:
    roles = store.profile("registry").roles
    return FaceTracker(
        FaceDetector(store.session(roles["detector"][0])),
        FaceMesher(store.session(roles["mesh"][0])),
    )


@pytest.fixture(scope="module")
def check(store: ModelStore) -> LipsCheck:
    return LipsCheck.load(store, store.profile("registry"))


@pytest.fixture(scope="module")
def clips(shared: Path, tracker: FaceTracker) -> list[tuple[Clip, MouthTrack, str]]:
    """Clip, mouth and sentence of four people."""
    folder = shared / "data" / "lips"
    if not folder.is_dir():
        pytest.skip("no lips data in shared/")
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["speaker"]: row for row in csv.DictReader(file)}
    found = []
    for speaker in SPEAKERS:
        clip = read_clip(folder / rows[speaker]["file"])
        found.append((clip, follow_mouth(clip, tracker), rows[speaker]["text"]))
    return found


def heard(audio: Audio | None) -> Heard:
    assert audio is not None
    return Heard(audio, ((0.4, 2.6),))


def test_every_frame_shows_the_mouth(clips: list[tuple[Clip, MouthTrack, str]]) -> None:
    for clip, track, _ in clips:
        assert len(track.times_ms) == len(clip.frames) == 75
        assert track.seen_share == 1.0
        assert track.fps == pytest.approx(25, abs=0.1)
        assert 0.008 < track.motion < 0.2


def test_own_sound_beats_that_of_the_others(
    clips: list[tuple[Clip, MouthTrack, str]], check: LipsCheck
) -> None:
    scores = np.array(
        [
            [check(track, heard(other.audio)).score for other, _, _ in clips]
            for _, track, _ in clips
        ],
        float,
    )
    own = np.diagonal(scores)
    others = scores[~np.eye(len(clips), dtype=bool)]
    assert np.mean(own[:, None] > others) > 0.9  # 12 dubs by 4: one lost pair costs 1/48
    assert own.mean() > others.mean() + 3


def test_shifted_reversed_and_frozen_clips_lose(
    clips: list[tuple[Clip, MouthTrack, str]], check: LipsCheck, tracker: FaceTracker
) -> None:
    lost = []
    for clip, track, _ in clips:
        own = check(track, heard(clip.audio)).score
        assert own is not None
        assert clip.audio is not None
        late = np.roll(clip.audio.samples, 8_000)
        moved = check(track, heard(Audio(late, 16_000))).score
        backwards = MouthTrack(track.times_ms, track.seen, track.shape[::-1], track.inter_eye_px)
        turned = check(backwards, heard(clip.audio)).score
        assert moved is not None
        assert turned is not None
        lost += [moved < own, turned < own]
    assert np.mean(lost) >= 7 / 8
    clip, _, _ = clips[0]
    photo = simulate(Attack.PRINT, clip, seed=1)
    assert check(follow_mouth(photo, tracker), heard(clip.audio)).score == -10


def test_a_slow_stream_is_sent_back(
    clips: list[tuple[Clip, MouthTrack, str]], check: LipsCheck
) -> None:
    clip, track, _ = clips[0]
    slow = MouthTrack(track.times_ms[::3], track.seen[::3], track.shape[::3], track.inter_eye_px)
    found = check(slow, heard(clip.audio))
    assert (found.score, found.reason) == (None, "frame_rate_low")


def test_the_sentence_is_read_better_than_another(
    clips: list[tuple[Clip, MouthTrack, str]], check: LipsCheck
) -> None:
    told, wrong = [], []
    for clip, track, text in clips:
        for _, _, other in clips:
            asked = Challenge("", phrase=other)
            score = check.examine(track, heard(clip.audio), asked).text
            assert score is not None
            (told if other == text else wrong).append(score)
    assert np.mean(told) > np.mean(wrong) + 0.5
