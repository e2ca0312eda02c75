"""How often does a search name an innocent person, and how often does it miss the right one?"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, stamp_run
from veridical.evaluation.index import hash_data
from veridical.evaluation.intervals import Rate
from veridical.evaluation.plots import histogram
from veridical.evaluation.protocols.face import (
    FaceMaker,
    Sample,
    embed_samples,
    read_samples,
    templates_of,
)
from veridical.evaluation.request import Evaluation, Request, Section
from veridical.gallery.index import Rows, TemplateIndex
from veridical.verification.settings import Settings

__all__ = ["distractors", "evaluate_identify", "search_all", "split"]

COLUMNS = ("row", "enrolled", "rank", "own_score", "best_score", "best_other_score", "query_ms")
DEPTH = 50


def evaluate_identify(
    request: Request, settings: Settings, gallery: int = 0, maker: Maker[Path] | None = None
) -> Evaluation:
    """Evaluate 1:N search over an index.

    The first picture of everybody who has several is enrolled; their others are mated probes. Of
    people with one picture half are enrolled besides, half search without being enrolled.

    Args:
        request: What was asked.
        settings: The installation.
        gallery: Synthetic entries added to the enrolled ones.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used, or holds no mated probe.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    models = tuple(
        store.card(profile.roles[role][0]).ref for role in ("detector", "mesh", "recogniser")
    )
    samples = read_samples(request)
    data = hash_data(request.index, [sample.path for sample in samples])
    stamp_run(
        request.out,
        {
            "kind": "identify",
            "data": data,
            "options": [gallery, request.seed],
            "limit": request.limit,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    path = request.out / "scores.csv"
    enrolled, mated, strangers = split(samples, request.seed)
    if not path.exists() or not list(ScoreFile(path, COLUMNS).rows()):
        work, rows = embed_samples(request, maker or FaceMaker(settings), samples)
        vectors = templates_of([row["probe"] for row in rows])
        search_all(path, vectors, samples, (enrolled, mated, strangers), gallery, request.seed)
        work.path.unlink()
    points = store.operating_points(profile)
    point = points.get("watchlist.search") or points.get("face.match")
    evaluation = identify_figures(
        ScoreFile(path, COLUMNS), len(enrolled) + gallery, point.point.accept_at if point else None
    )
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(samples)
    evaluation.options = {"synthetic entries": gallery, "enrolled": len(enrolled)}
    return evaluation


def split(samples: Sequence[Sample], seed: int) -> tuple[list[int], list[int], list[int]]:
    """Samples that are enrolled, that search their own entry, and that have none to find."""
    of: dict[int, list[int]] = {}
    for number, sample in enumerate(samples):
        of.setdefault(sample.subject, []).append(number)
    rng = np.random.default_rng(seed)
    enrolled: list[int] = []
    mated: list[int] = []
    strangers: list[int] = []
    for members in of.values():
        if len(members) > 1:
            enrolled.append(members[0])
            mated += members[1:]
        else:
            (enrolled if rng.random() < 0.5 else strangers).append(members[0])
    if not mated:
        raise InputError(
            "an identification needs somebody with two pictures, the index has nobody",
            "index.malformed",
        )
    return enrolled, mated, strangers


def distractors(templates: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Synthetic templates spread as the given ones are: same mean and covariance, unit length.

    They are no persons: they fill the search and its time, and their similarity to a probe follows
    that of strangers only as far as two moments tell.
    """
    known = templates[~np.isnan(templates).any(axis=1)].astype(np.float64)
    rng = np.random.default_rng(seed)
    mean = known.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(known.T))
    drawn = rng.normal(size=(count, len(mean))) * np.sqrt(np.maximum(values, 0))
    vectors = mean + drawn @ axes.T
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(unit, dtype=np.float32)


def search_all(
    path: Path,
    vectors: NDArray[np.float32],
    samples: Sequence[Sample],
    parts: tuple[Sequence[int], Sequence[int], Sequence[int]],
    gallery: int,
    seed: int,
) -> None:
    """Enrol, search every probe, and write what was found."""
    enrolled, mated, strangers = parts
    known = [number for number in enrolled if not np.isnan(vectors[number]).any()]
    entries = np.concatenate(
        [vectors[known], distractors(vectors, gallery, seed)] if gallery else [vectors[known]]
    )
    index = TemplateIndex(entries.shape[1], capacity=len(entries))
    size = len(entries)
    index.put(
        Rows(
            np.arange(size, dtype=np.int64),
            entries,
            np.zeros(size, np.int16),
            np.zeros(size, np.uint8),
            index.sketch(entries),
        )
    )
    entry_of = {samples[number].subject: place for place, number in enumerate(known)}
    scores = ScoreFile(path, COLUMNS)
    for number in (*mated, *strangers):
        own = entry_of.get(samples[number].subject)
        row: dict[str, object] = {"row": samples[number].row, "enrolled": int(number in set(mated))}
        if not np.isnan(vectors[number]).any():
            start = time.process_time()
            found = index.search(vectors[number], DEPTH)
            row["query_ms"] = (time.process_time() - start) * 1e3
            ids = found.ids.tolist()
            others = [float(s) for i, s in zip(ids, found.similarities, strict=True) if i != own]
            row["best_score"] = float(found.similarities[0])
            row["best_other_score"] = others[0] if others else None
            if own is not None and own in ids:
                row["rank"] = ids.index(own) + 1
                row["own_score"] = float(found.similarities[ids.index(own)])
        scores.add(str(number), [row])


def identify_figures(scores: ScoreFile, size: int, threshold: float | None) -> Evaluation:
    """Work the figures out of searches; no model is needed.

    Args:
        scores: What was found.
        size: Entries searched.
        threshold: Score from which a hit is reported; None when none is set.
    """
    figures = Figures("identify")
    rows = list(scores.rows())
    mated = [row for row in rows if row["enrolled"] == "1"]
    strangers = [row for row in rows if row["enrolled"] == "0" and row["best_score"]]
    figures.put("gallery_size", size)
    figures.put("n_mated", len(mated))
    figures.put("n_non_mated", len(strangers))
    figures.put("threshold", threshold)
    missed = sum(row["rank"] != "1" for row in mated)
    figures.rate("fnir|rank1", Rate(missed, len(mated)))
    if threshold is None:
        figures.rate("fpir", None)
        figures.rate("fnir|threshold", None)
        figures.notes.append("no operating point is set, so there is no threshold")
    else:
        hits = sum(float(row["best_score"]) >= threshold for row in strangers)
        figures.rate("fpir", Rate(hits, len(strangers)))
        missed = sum(not row["own_score"] or float(row["own_score"]) < threshold for row in mated)
        figures.rate("fnir|threshold", Rate(missed, len(mated)))
    times = [float(row["query_ms"]) for row in rows if row["query_ms"]]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figures.put(f"query_ms|{name}", float(np.quantile(times, share)) if times else None)
    figures.notes.append(
        "query_ms is CPU time of the search in memory on one thread. Probes without a template "
        "count as missed; of strangers they are left out"
    )
    own = np.array([float(row["own_score"]) for row in mated if row["own_score"]])
    others = np.array([float(row["best_score"]) for row in strangers])
    return Evaluation(
        figures,
        headline=(
            ("fnir|rank1", "FNIR at rank 1"),
            ("fnir|threshold", "FNIR at the threshold"),
            ("fpir", "FPIR"),
            ("gallery_size", "entries"),
            ("query_ms|p50", "median CPU ms a query"),
        ),
        sections=[
            Section(
                "Scores",
                "Of the right entry for those enrolled; of the most alike entry for strangers.",
                histogram(
                    {"right entry": own, "stranger's best": others},
                    {"threshold": threshold} if threshold is not None else {},
                    "similarity",
                ),
            )
        ],
    )
