"""Signs of injected streams: what must be found, what must not, and what nobody can know."""

from collections.abc import Sequence

import numpy as np
import pytest

from veridical.errors import InputError
from veridical.liveness import (
    CaptureFacts,
    InjectionCheck,
    InjectionSettings,
    distance_bits,
    fingerprint,
)
from veridical.liveness.fingerprint import RADIUS_BITS
from veridical.liveness.repeats import find_repeats, longest_stand_ms
from veridical.types import Clip, Image

SETTINGS = InjectionSettings.read()
FRAMES = 90


def alive(seed: int = 0, count: int = FRAMES, jitter_ms: float = 4.0) -> Clip:
    """A scene that moves without ever coming back, seen by a noisy camera with its own clock."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(40, 210, (2, 12, 16, 3))
    grown = [np.kron(part, np.ones((10, 10, 1))) for part in coarse]
    frames = []
    for i in range(count):
        moved = np.roll(grown[0], (i // 2, i), axis=(0, 1)) * 0.6 + grown[1] * 0.4
        shot = moved + rng.normal(0, 2, moved.shape)
        frames.append(Image(np.clip(shot, 0, 255).astype(np.uint8)))
    times = np.arange(count) * 33.3 + rng.uniform(0, jitter_ms, count)
    return Clip(tuple(frames), times)


def reordered(clip: Clip, order: Sequence[int]) -> Clip:
    return Clip(tuple(clip.frames[i] for i in order), clip.times_ms[: len(order)])


def encoded_again(clip: Clip) -> Clip:
    import cv2

    frames = []
    for frame in clip.frames:
        _, data = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, 60])
        frames.append(Image(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)))
    return Clip(tuple(frames), clip.times_ms)


class Memory:
    """An index over given clips."""

    def __init__(self, *clips: Clip) -> None:
        self.known = {f"t{number}": list(fingerprint(clip)) for number, clip in enumerate(clips)}

    def remember(self, transaction: str, codes: Sequence[bytes]) -> None:
        self.known.setdefault(transaction, []).extend(codes)

    def best_share(self, codes: Sequence[bytes], radius_bits: int, besides: str = "") -> float:
        def share(known: Sequence[bytes]) -> float:
            return sum(
                min(distance_bits(code, other) for other in known) <= radius_bits for code in codes
            ) / len(codes)

        others = [known for name, known in self.known.items() if name != besides]
        return max((share(known) for known in others), default=0.0)


def test_a_plain_clip_shows_no_sign_and_is_only_partly_assessed() -> None:
    found = InjectionCheck(SETTINGS)(alive(), CaptureFacts())
    assert found.check == "liveness.injection"
    assert found.score == 1.0
    assert found.reason == ""
    assert found.evidence["assessment"] == "not_fully_assessed"
    assert found.evidence["attestation"] == "none"


@pytest.mark.parametrize(
    "order",
    [
        [*range(30)] * 3,
        [*range(45), *range(44, -1, -1)],
    ],
    ids=["loop", "there and back"],
)
def test_a_repeated_stretch_is_found_also_when_encoded_again(order: list[int]) -> None:
    clip = reordered(alive(), order)
    for version in (clip, encoded_again(clip)):
        found = InjectionCheck(SETTINGS)(version, CaptureFacts())
        assert found.score == 0.0
        assert found.reason == "looped_frames"


def test_a_standing_picture_is_found() -> None:
    clip = reordered(alive(), [*range(20), *[20] * 70])
    found = InjectionCheck(SETTINGS)(clip, CaptureFacts())
    assert (found.score, found.reason) == (0.0, "frozen_frames")


def test_the_times_of_repeats_are_told() -> None:
    looped = find_repeats(reordered(alive(jitter_ms=0.0), [*range(30)] * 2))
    assert looped is not None
    assert looped.loop_ms == pytest.approx(29 * 33.3, abs=70)
    plain = find_repeats(alive())
    assert plain is not None
    assert (plain.loop_ms, plain.mirror_ms, plain.still_ms) == (0.0, 0.0, 0.0)
    assert find_repeats(reordered(alive(), [0, 1])) is None
    assert longest_stand_ms(reordered(alive(), [0, 1])) is None
    stands = reordered(alive(), [*range(20), *[20] * 30, *range(20, 40)])
    found = find_repeats(stands)
    assert found is not None
    assert longest_stand_ms(stands) == found.still_ms > 900


def test_a_few_frames_shown_twice_are_no_sign() -> None:
    # A camera in dim light delivers half of its frames twice.
    clip = reordered(alive(), [i // 2 * 2 for i in range(FRAMES)])
    assert InjectionCheck(SETTINGS)(clip, CaptureFacts()).score == 1.0


def test_an_earlier_clip_is_recognised_and_another_is_not() -> None:
    first, other = alive(1), alive(2)
    check, seen = InjectionCheck(SETTINGS), Memory(first)
    again = check(encoded_again(first), CaptureFacts(), seen=seen)
    assert again.reason == "replayed_clip"
    assert again.score == 0.0
    assert check(other, CaptureFacts(), seen=seen).score == 1.0
    assert (
        check(first, CaptureFacts(), "t0", seen).score == 1.0
    )  # its own transaction, judged again
    assert check(first, CaptureFacts(), seen=Memory()).score == 1.0


def test_fingerprints_outlive_encoding() -> None:
    mine, copy = fingerprint(alive(3)), fingerprint(encoded_again(alive(3)))
    assert {len(code) for code in mine} == {32}
    assert np.median([distance_bits(*pair) for pair in zip(mine, copy, strict=True)]) <= RADIUS_BITS
    assert distance_bits(mine[0], fingerprint(alive(4))[0]) > 3 * RADIUS_BITS


def test_stamps_no_camera_makes_are_found() -> None:
    clip = alive()
    rushed = Clip(clip.frames, np.linspace(0.0, FRAMES - 1.0, FRAMES))
    assert InjectionCheck(SETTINGS)(rushed, CaptureFacts()).reason == "impossible_time"


def test_a_machine_cadence_counts_only_where_a_browser_recorded() -> None:
    clip = alive()
    even = Clip(clip.frames, np.linspace(0.0, (FRAMES - 1) * 1000 / 30, FRAMES))
    check = InjectionCheck(SETTINGS)
    assert check(even, CaptureFacts(source="file")).score == 1.0
    found = check(even, CaptureFacts(source="browser"))
    assert (found.score, found.reason) == (0.5, "constant_time")
    assert check(clip, CaptureFacts(source="browser")).score == 1.0


def test_a_clip_cannot_be_longer_than_the_session_it_was_made_in() -> None:
    check = InjectionCheck(SETTINGS)
    assert check(alive(), CaptureFacts(session_ms=800)).reason == "longer_than_session"
    assert check(alive(), CaptureFacts(session_ms=9000)).score == 1.0


def test_the_size_is_compared_upright_and_lying() -> None:
    check = InjectionCheck(SETTINGS)
    assert check(alive(), CaptureFacts(width=160, height=120)).score == 1.0
    assert check(alive(), CaptureFacts(width=120, height=160)).score == 1.0
    found = check(alive(), CaptureFacts(width=1280, height=720))
    assert (found.score, found.reason) == (0.5, "other_size")


@pytest.mark.parametrize(
    ("label", "score"),
    [("OBS Virtual Camera", 0.5), ("ManyCam", 0.5), ("FaceTime HD Camera", 1.0), ("", 1.0)],
)
def test_software_cameras_are_a_weak_sign(label: str, score: float) -> None:
    assert InjectionCheck(SETTINGS)(alive(), CaptureFacts(camera_label=label)).score == score


def test_only_an_attestation_that_holds_makes_the_assessment_full() -> None:
    check = InjectionCheck(SETTINGS, attestor=lambda token, nonce: token == f"signed:{nonce}")
    good = check(alive(), CaptureFacts(nonce="n1", attestation="signed:n1"))
    assert (good.score, good.evidence["assessment"]) == (1.0, "full")
    bad = check(alive(), CaptureFacts(nonce="n2", attestation="signed:n1"))
    assert (bad.score, bad.reason) == (0.0, "bad_attestation")
    assert bad.evidence["assessment"] == "not_fully_assessed"
    none = check(alive(), CaptureFacts(nonce="n1"))
    assert none.evidence["attestation"] == "none"


def test_more_frames_than_the_camera_delivers_are_found_and_fewer_are_not() -> None:
    check = InjectionCheck(SETTINGS)
    assert check(alive(), CaptureFacts(frame_rate=60)).score == 1.0
    assert check(alive(), CaptureFacts(frame_rate=30)).score == 1.0
    found = check(alive(), CaptureFacts(frame_rate=15))
    assert found.reason == "other_rate"
    assert found.score is not None
    assert found.score < 0.1


@pytest.mark.parametrize(
    ("said", "found", "score"),
    [
        ("video/webm;codecs=vp9,opus", "video/x-matroska", 1.0),
        ("video/mp4", "video/mp4", 1.0),
        ("video/quicktime", "video/mp4", 1.0),
        ("video/webm", "video/mp4", 0.5),
        ("Video/WebM", "video/x-msvideo", 0.5),
        ("", "video/mp4", 1.0),
        ("video/webm", "", 1.0),
    ],
)
def test_a_file_of_another_kind_than_its_recorder_writes(
    said: str, found: str, score: float
) -> None:
    facts = CaptureFacts(recorder_type=said, file_type=found)
    answer = InjectionCheck(SETTINGS)(alive(), facts)
    assert answer.score == score
    assert answer.reason == ("other_type" if score < 1 else "")


def test_an_answer_to_another_request_is_refused() -> None:
    check = InjectionCheck(SETTINGS)
    assert check(alive(), CaptureFacts(nonce="a", returned_nonce="a")).score == 1.0
    found = check(alive(), CaptureFacts(nonce="a", returned_nonce="b"))
    assert (found.score, found.reason) == (0.0, "other_nonce")
    assert check(alive(), CaptureFacts(nonce="a")).evidence["sign_other_nonce"] is None


def test_facts_are_read_from_metadata() -> None:
    facts = CaptureFacts.from_metadata(
        {"source": "browser", "width": "640", "height": "480", "session_ms": "5e3", "x": "y"}
        | {"frame_rate": "29.97", "recorder_type": "video/webm", "returned_nonce": "n"}
    )
    assert facts == CaptureFacts(
        "browser", "", 640, 480, 5000.0, 29.97, "video/webm", returned_nonce="n"
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {"width": "wide"},
        {"session_ms": "soon"},
        {"session_ms": "nan"},
        {"width": "-1"},
        {"frame_rate": "-3"},
    ],
)
def test_facts_that_are_none_are_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        CaptureFacts.from_metadata(metadata)
    assert caught.value.code == "metadata.invalid"
