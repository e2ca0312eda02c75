"""The photograph made to speak: what it says is heard, what it does not hide is found."""

import numpy as np

from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.rehearsal.samples.voice import RATE_HZ, read_digits, spoken_ms
from veridical.verification import Settings, Verdict, load_policy, load_verifier
from veridical.voiceprint import DigitsCheck, analyse_speech


def verdict_of(sample: Sample) -> Verdict:
    return load_verifier(Settings(policy=sample.policy)).verify(
        sample.transaction, load_policy(sample.policy)
    )


def test_digits_sound_when_they_are_read() -> None:
    audio = read_digits("25", (500.0, 1500.0), 2500.0, 1)
    assert audio.rate_hz == RATE_HZ
    level = np.abs(audio.samples).reshape(-1, RATE_HZ // 20).max(1)
    loud = np.flatnonzero(level > 0.05) * 50
    assert 450 <= loud[0] <= 650
    silent = level[int((500 + spoken_ms("2") + 100) // 50) : 1450 // 50]
    assert silent.max() < 0.05
    again = read_digits("25", (500.0, 1500.0), 2500.0, 1)
    assert np.array_equal(audio.samples, again.samples)


def test_the_voice_is_heard_as_what_it_says(store: ModelStore) -> None:
    roles = store.profile().roles
    vad = store.session(roles["speech"][0])
    check = DigitsCheck.load(store, store.profile())
    onsets = (600.0, 1500.0, 2500.0, 3500.0, 4400.0, 5300.0)
    speech = analyse_speech(read_digits("608291", onsets, 6500.0, 2), vad)
    assert check.read(speech, "608291", "en").heard == "608291"


def test_the_lips_of_the_still_move_and_the_frozen_ones_do_not(talkers: dict[str, Sample]) -> None:
    clips = {name: sample.transaction.clip for name, sample in talkers.items()}
    right, frozen = clips["talker-right"], clips["talker-frozen"]
    assert right is not None
    assert frozen is not None
    assert (np.diff(right.times_ms) > 0).all()
    change = []
    for clip in (right, frozen):
        mouths = [frame.pixels[200:320, 90:270].astype(np.float32) for frame in clip.frames[::6]]
        change.append(np.abs(np.diff(np.stack(mouths), axis=0)))
    assert change[0].mean() > 2 * change[1].mean()


def test_what_does_not_fit_is_refused_by_what_it_does_not_fit(talkers: dict[str, Sample]) -> None:
    wrong, old = (verdict_of(talkers[f"talker-{name}"]) for name in ("wrong", "old"))
    assert wrong.outcome == "reject"
    assert "voice.digits:wrong_digits" in wrong.causes
    assert old.outcome in ("reject", "review")  # by which frames are drawn
    assert "liveness.lips:off_schedule" in old.causes


def test_a_still_without_movement_is_refused_by_the_lips(talkers: dict[str, Sample]) -> None:
    frozen = verdict_of(talkers["talker-frozen"])
    assert frozen.outcome == "reject"
    assert "liveness.lips:lips_still" in frozen.causes


def test_frames_of_another_person_break_the_take(talkers: dict[str, Sample]) -> None:
    found = verdict_of(talkers["talker-interleaved"])
    assert found.outcome != "accept"
    continuity = next(r for r in found.results if r.check == "capture.continuity")
    assert continuity.score == 0.0
    right = verdict_of(talkers["talker-right"])
    assert next(r for r in right.results if r.check == "capture.continuity").status == "pass"
