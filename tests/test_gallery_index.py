"""The index: the code finds what the exact scan finds, whatever came and went."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.gallery import FmrCurve, index
from veridical.gallery.index import Rows, TemplateIndex
from veridical.gallery.lsh import SignEncoder
from veridical.models import list_cards


def unit(rng: np.random.Generator, count: int, dimensions: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((count, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def near(
    rng: np.random.Generator, vectors: NDArray[np.float32], cosine: float
) -> NDArray[np.float32]:
    """Vectors at one cosine from the given ones."""
    noise = unit(rng, *vectors.shape)
    noise -= (noise * vectors).sum(1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (cosine * vectors + np.sqrt(1 - cosine**2) * noise).astype(np.float32)


def rows(
    made: TemplateIndex, ids: list[int] | NDArray[np.int64], vectors: NDArray[np.float32]
) -> Rows:
    n = len(ids)
    return Rows(
        np.asarray(ids, np.int64),
        vectors,
        np.zeros(n, np.int16),
        np.zeros(n, np.uint8),
        made.encode(vectors),
    )


@pytest.mark.parametrize("dimensions", [64, 128, 512, 700])
def test_bits_differ_by_the_angle(dimensions: int) -> None:
    rng = np.random.default_rng(3)
    vectors = unit(rng, 400, dimensions)
    code = SignEncoder(dimensions)
    for cosine in (0.2, 0.5, 0.9):
        differing = np.unpackbits(code(vectors) ^ code(near(rng, vectors, cosine)), axis=1)
        expected = np.arccos(cosine) / np.pi
        assert float(differing.mean()) == pytest.approx(expected, abs=0.01)


def test_the_sketch_scan_finds_the_mate_that_the_exact_scan_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(index, "SCAN_ALL_BELOW", 0)
    rng = np.random.default_rng(4)
    made = TemplateIndex(128, candidates=400)
    vectors = unit(rng, 20_000, 128)
    made.put(rows(made, np.arange(20_000), vectors))
    mates = rng.integers(0, 20_000, 200)
    for mate, probe in zip(mates, near(rng, vectors[mates], 0.6), strict=True):
        found, exact = made.search(probe, 5), made.search_exactly(probe, 5)
        assert found.ids[0] == exact.ids[0] == mate
        assert found.similarities[0] == pytest.approx(exact.similarities[0], abs=1e-5)


@pytest.mark.parametrize("candidates", [0, 30])
def test_after_any_changes_the_answers_are_those_of_a_plain_list(
    candidates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "SCAN_ALL_BELOW", 0)
    rng, dice = np.random.default_rng(5), random.Random(5)
    made = TemplateIndex(32, candidates=candidates)
    truth: dict[int, NDArray[np.float32]] = {}
    next_id = 1
    for _ in range(300):
        match dice.choice(("add", "add", "update", "remove")):
            case "add":
                count = dice.randint(1, 40)
                ids, vectors = [*range(next_id, next_id + count)], unit(rng, count, 32)
                next_id += count + dice.randint(0, 3)
            case "update" if truth:
                ids = sorted(dice.sample(sorted(truth), min(3, len(truth))))
                vectors = unit(rng, len(ids), 32)
            case "remove" if truth:
                gone = dice.sample(sorted(truth), min(dice.randint(1, 30), len(truth)))
                made.remove(np.asarray([*gone, next_id + 7]))
                for number in gone:
                    del truth[number]
                continue
            case _:
                continue
        made.put(rows(made, ids, vectors))
        truth.update(zip(ids, vectors, strict=True))
        assert len(made) == len(truth)
        wanted = dice.choice(sorted(truth))
        found = made.search(truth[wanted], 3)
        assert found.ids[0] == wanted
        exact = made.search_exactly(truth[wanted], len(truth) + 5)
        assert sorted(exact.ids.tolist()) == sorted(truth)
        assert (np.diff(exact.similarities) <= 0).all()


def test_a_removed_entry_leaves_no_trace_in_memory() -> None:
    made = TemplateIndex(16)
    vectors = unit(np.random.default_rng(6), 10, 16)
    made.put(rows(made, np.arange(10), vectors))
    made.remove(np.asarray([4]))
    assert not made.rows().vectors[4].any()
    assert not made.rows().codes[4].any()
    assert 4 not in made.search(vectors[4], 10).ids


def test_an_entry_out_of_order_is_refused_rather_than_put_in_anothers_place() -> None:
    made = TemplateIndex(16)
    vectors = unit(np.random.default_rng(6), 2, 16)
    made.put(rows(made, [1, 9], vectors))
    with pytest.raises(ValueError, match="order"):
        made.put(rows(made, [5], vectors[:1]))


def test_without_faiss_every_entry_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "has_fast_scan", lambda: False)
    made = TemplateIndex(64, candidates=10)
    vectors = unit(np.random.default_rng(7), 30_000, 64)
    made.put(rows(made, np.arange(30_000), vectors))
    assert made.code_bytes == 0
    assert made.search(vectors[12_345], 1).ids.tolist() == [12_345]


CURVE = FmrCurve([0.2, 0.3, 0.4], [1e-1, 1e-2, 1e-4])


def test_a_curve_goes_through_its_points_and_straight_on() -> None:
    assert CURVE.fmr(0.3) == pytest.approx(1e-2)
    assert CURVE.fmr(0.35) == pytest.approx(1e-3)
    assert CURVE.fmr(0.5) == pytest.approx(1e-6)
    assert CURVE.fmr(-1) == 1.0


def test_the_threshold_of_a_list_rises_with_its_size_and_gives_its_rate() -> None:
    before = 0.0
    for entries in (1, 1_000, 1_000_000):
        at = CURVE.threshold(0.01, entries)
        assert at > before
        assert CURVE.fpir(at, entries) == pytest.approx(0.01, rel=1e-6)
        before = at
    assert CURVE.fpir(0.35, 0) == 0
    assert CURVE.fpir(0.35, 1) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("at", "rates"),
    [([0.1], [0.1]), ([0.2, 0.1], [0.1, 0.01]), ([0.1, 0.2], [0.1, 0.2]), ([0.1, 0.2], [0.1, 0])],
)
def test_a_curve_that_does_not_fall_is_refused(at: list[float], rates: list[float]) -> None:
    with pytest.raises(ValueError, match=r"curve|rates"), np.errstate(divide="ignore"):
        FmrCurve(at, rates)


def test_shipped_curves_are_curves() -> None:
    curves = [curve for card in list_cards() if (curve := FmrCurve.from_card(card))]
    assert curves
    for curve in curves:
        assert 0.2 < curve.threshold(0.01, 1_000) < curve.threshold(0.01, 1_000_000) < 0.9
