"""Which frames are looked at: nobody outside can foresee it, who holds the secret can repeat it."""

import numpy as np
import pytest
from pydantic import SecretStr

from veridical.analysis.draw import FrameDraw
from veridical.types import Clip, Image
from veridical.verification.settings import Settings

WANTED = 12


def noisy(count: int, seed: int = 0) -> Clip:
    noise = np.random.default_rng(seed).integers(0, 256, (count, 24, 32, 3)).astype(np.uint8)
    return Clip(tuple(map(Image, noise)), np.arange(count, dtype=np.float64) * 40.0)


def places(draw: FrameDraw, clip: Clip, transaction: str = "t", attempt: int = 1) -> list[int]:
    return draw(clip, transaction, attempt, range(len(clip.frames)), WANTED)


def test_the_secret_repeats_a_draw_and_another_draws_otherwise() -> None:
    clip = noisy(240)
    draw = FrameDraw(b"a secret of sixteen bytes")
    first = places(draw, clip)
    assert first == places(FrameDraw(b"a secret of sixteen bytes"), clip)
    assert first != places(FrameDraw(), clip)


def test_transaction_attempt_and_content_draw_anew() -> None:
    clip, draw = noisy(240), FrameDraw(b"a secret of sixteen bytes")
    frames = [frame.pixels.copy() for frame in clip.frames]
    frames[7] ^= 1
    other = Clip(tuple(map(Image, frames)), clip.times_ms)
    drawn = [
        places(draw, clip),
        places(draw, clip, "u"),
        places(draw, clip, attempt=2),
        places(draw, other),
    ]
    assert len({tuple(one) for one in drawn}) == 4


def test_one_frame_of_every_stretch_and_each_frame_as_likely_as_the_next() -> None:
    clip, draw = noisy(120), FrameDraw(b"a secret of sixteen bytes")
    drawn = np.array([places(draw, clip, f"t{turn}") for turn in range(400)])
    assert (drawn // 10 == np.arange(WANTED)).all()
    counts = np.bincount(drawn.ravel(), minlength=120)
    assert counts.min() > 15
    assert counts.max() < 70  # 40 expected; the seed is fixed


@pytest.mark.parametrize("count", [1, 5, WANTED, WANTED + 1])
def test_short_clips_show_all_they_have(count: int) -> None:
    drawn = places(FrameDraw(), noisy(count))
    assert len(drawn) == min(count, WANTED)
    assert drawn == sorted(set(drawn))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        FrameDraw(b"short")


def test_where_the_secret_comes_from(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = Settings(data_dir=tmp_path_factory.mktemp("no-keys"), draw_secret=SecretStr(""))
    assert nowhere.frame_draw().version == "1:process"
    assert nowhere.frame_draw().secret != nowhere.frame_draw().secret
    keyed = Settings(data_dir=tmp_path_factory.mktemp("keys"), draw_secret=SecretStr(""))
    keys = keyed.keys()
    draw = keyed.frame_draw()
    assert draw.version == f"1:{keys.current}"
    assert draw.secret == keyed.frame_draw().secret != keys.key(keys.current)
    told = keyed.model_copy(update={"draw_secret": SecretStr("sixteen characters")}).frame_draw()
    assert told.version == "1:setting"
    assert "secret" not in repr(told)
