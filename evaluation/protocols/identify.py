"""How often does a search name an innocent person, and how often does it miss the right one?"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.calibration.intervals import Rate
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, stamp_run
from veridical.evaluation.index import hash_data
from veridical.evaluation.plots import histogram
from veridical.evaluation.protocols.face import (
    FaceMaker,
    Sample,
    embed_samples,
    read_samples,
    templates_of,
)
from veridical.evaluation.request import Evaluation, Request, Section
from veridical.gallery import FmrCurve
from veridical.gallery.index import Rows, TemplateIndex
from veridical.verification.settings import Settings

__all__ = ["distractors", "evaluate_identify", "search_all", "split"]

COLUMNS = (
    "entries", "row", "enrolled", "rank", "own_score", "best_other_score", "query_ms",
)  # fmt: skip
DEPTH = 50
TARGETS = {"1e-2": 1e-2, "1e-1": 1e-1}
"""Shares of innocent people that may meet a hit: thresholds are set by them for each list."""
MIN_HITS = 10
CHUNK = 20_000


def evaluate_identify(
    request: Request,
    settings: Settings,
    sizes: Sequence[int] = (),
    maker: Maker[Path] | None = None,
) -> Evaluation:
    """Evaluate 1:N search over an index, in lists of several sizes.

    The first picture of everybody who has several is enrolled; their others are mated probes. Of
    people with one picture half are enrolled besides, half search without being enrolled. Every
    probe is a stranger to all entries but its own: with its own left out, it counts as a
    non-mated probe too.

    Args:
        request: What was asked.
        settings: The installation.
        sizes: Entries of the lists, made up with synthetic ones; a list of those enrolled alone
            is searched always.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used, or holds no mated probe.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    names = [profile.roles[role][0] for role in ("detector", "mesh")]
    cards = [store.card(name) for name in (*names, *profile.roles["recogniser"])]
    models = tuple(card.ref for card in cards)
    samples = read_samples(request)
    data = hash_data(request.index, [sample.path for sample in samples])
    wanted = sorted(set(sizes))
    stamp_run(
        request.out,
        {
            "kind": "identify",
            "data": data,
            "options": [*wanted, request.seed],
            "limit": request.limit,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    path = request.out / "scores.csv"
    parts = split(samples, request.seed)
    if not path.exists() or not list(ScoreFile(path, COLUMNS).rows()):
        work, rows = embed_samples(request, maker or FaceMaker(settings), samples)
        vectors = templates_of([row["probe"] for row in rows])
        search_all(path, vectors, samples, parts, wanted, request.seed)
        work.path.unlink()
    evaluation = identify_figures(ScoreFile(path, COLUMNS), FmrCurve.from_card(cards[-1]))
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(samples)
    evaluation.options = {"entries asked": str(wanted), "enrolled": len(parts[0])}
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


def distractors(
    templates: NDArray[np.float32], count: int, seed: int
) -> Iterator[NDArray[np.float32]]:
    """Synthetic templates spread as the given ones are: same mean and covariance, unit length.

    They are no persons: they fill the search and its time, and their similarity to a probe follows
    that of strangers only as far as two moments tell.

    Yields:
        (n, d) float32, `CHUNK` rows or, at the end, fewer.
    """
    known = templates[~np.isnan(templates).any(axis=1)].astype(np.float64)
    mean = known.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(known.T))
    scatter = (np.sqrt(np.maximum(values, 0))[:, None] * axes.T).astype(np.float32)
    rng = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        drawn = rng.standard_normal((min(CHUNK, count - start), len(mean)), dtype=np.float32)
        vectors = drawn @ scatter + mean.astype(np.float32)
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def search_all(
    path: Path,
    vectors: NDArray[np.float32],
    samples: Sequence[Sample],
    parts: tuple[Sequence[int], Sequence[int], Sequence[int]],
    sizes: Sequence[int],
    seed: int,
) -> None:
    """Enrol, search every probe in the list of each size, and write what was found."""
    enrolled, mated, strangers = parts
    with_mate = set(mated)
    known = [number for number in enrolled if not np.isnan(vectors[number]).any()]
    largest = max((len(known), *sizes))
    index = TemplateIndex(vectors.shape[1], capacity=largest)
    _put(index, vectors[known])
    entry_of = {samples[number].subject: place for place, number in enumerate(known)}
    more = distractors(vectors, largest - len(known), seed)
    rest = np.empty((0, vectors.shape[1]), np.float32)
    scores = ScoreFile(path, COLUMNS)
    for size in sorted({len(known), *(size for size in sizes if size > len(known))}):
        while len(index) < size:
            rest = rest if len(rest) else next(more)
            short = size - len(index)
            _put(index, rest[:short])
            rest = rest[short:]
        for number in (*mated, *strangers):
            own = entry_of.get(samples[number].subject)
            row: dict[str, object] = {
                "entries": size,
                "row": samples[number].row,
                "enrolled": int(number in with_mate),
            }
            if not np.isnan(vectors[number]).any():
                row |= _searched(index, vectors[number], own)
            scores.add(f"{size}/{number}", [row])


def _put(index: TemplateIndex, vectors: NDArray[np.float32]) -> None:
    count = len(vectors)
    index.put(
        Rows(
            np.arange(len(index), len(index) + count, dtype=np.int64),
            vectors,
            np.zeros(count, np.int16),
            np.zeros(count, np.uint8),
            index.encode(vectors),
        )
    )


def _searched(
    index: TemplateIndex, vector: NDArray[np.float32], own: int | None
) -> dict[str, object]:
    """What one search found: the place of the own entry, and the best of all others."""
    start = time.process_time()
    found = index.search(vector, DEPTH)
    row: dict[str, object] = {"query_ms": (time.process_time() - start) * 1e3}
    ids = found.ids.tolist()
    others = [float(s) for i, s in zip(ids, found.similarities, strict=True) if i != own]
    row["best_other_score"] = others[0] if others else None
    if own is not None and own in ids:
        row["rank"] = ids.index(own) + 1
        row["own_score"] = float(found.similarities[ids.index(own)])
    return row


def identify_figures(scores: ScoreFile, curve: FmrCurve | None) -> Evaluation:
    """Work the figures out of searches; no model is needed.

    The figures of the largest list stand at the top, at the threshold that the recogniser's curve
    sets for an FPIR of 1e-2 in a list of its size; those of every list under `lists`.

    Args:
        scores: What was found.
        curve: What sets thresholds in service; None where the recogniser's was not measured.
    """
    figures = Figures("identify")
    by_size: dict[int, list[Mapping[str, str]]] = {}
    for row in scores.rows():
        by_size.setdefault(int(row["entries"]), []).append(row)
    lists = {size: _List.of(rows) for size, rows in sorted(by_size.items())}
    for size, one in lists.items():
        _put_list(figures, f"lists|{size}|", one, size, curve)
    size, one = max(lists.items())
    figures.put("gallery_size", size)
    figures.put("n_mated", one.n_mated)
    figures.put("n_non_mated", len(one.others))
    threshold = curve.threshold(TARGETS["1e-2"], size) if curve else None
    figures.put("threshold", threshold)
    figures.rate("fnir|rank1", Rate(one.n_mated - one.first, one.n_mated))
    figures.rate("fpir", None if threshold is None else one.fpir(threshold))
    figures.rate("fnir|threshold", None if threshold is None else one.fnir(threshold))
    _put_times(figures, "", one)
    figures.notes += [
        "a threshold is set by the FPIR wanted in a list of that size: `foretold` by the "
        "recogniser's curve, as in service, `counted` on these very probes where ten or more of "
        "them may hit",
        "query_ms is CPU time of the search in memory on one thread. Probes without a template "
        "count as missed; as strangers they are left out",
        "entries beyond those enrolled are synthetic: they follow real ones in mean and covariance "
        "only, and the false hits among them are no evidence of people's",
    ]
    if curve is None:
        figures.notes.append("the recogniser's card holds no FMR curve, so there is no threshold")
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
                f"Scores in a list of {size}",
                "Of the right entry for those enrolled; of the most alike other entry for all.",
                histogram(
                    {"right entry": one.own, "best of others": one.others},
                    {"threshold": threshold} if threshold is not None else {},
                    "similarity",
                ),
            )
        ],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _List:
    """What all probes found in the list of one size.

    Attributes:
        n_mated: Mated probes, those without a template included.
        first: Mated probes whose own entry came first.
        own: Similarity of the own entry, where it was found.
        others: Similarity of the most alike other entry, of every probe.
        query_ms: CPU time of each search.
    """

    n_mated: int
    first: int
    own: NDArray[np.float64]
    others: NDArray[np.float64]
    query_ms: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, str]]) -> "_List":
        mated = [row for row in rows if row["enrolled"] == "1"]
        return cls(
            len(mated),
            sum(row["rank"] == "1" for row in mated),
            np.array([float(row["own_score"]) for row in mated if row["own_score"]]),
            np.array([float(row["best_other_score"]) for row in rows if row["best_other_score"]]),
            np.array([float(row["query_ms"]) for row in rows if row["query_ms"]]),
        )

    def fpir(self, threshold: float) -> Rate:
        return Rate(int((self.others >= threshold).sum()), len(self.others))

    def fnir(self, threshold: float) -> Rate:
        return Rate(self.n_mated - int((self.own >= threshold).sum()), self.n_mated)


def _put_list(figures: Figures, path: str, one: _List, size: int, curve: FmrCurve | None) -> None:
    figures.rate(f"{path}fnir_rank1", Rate(one.n_mated - one.first, one.n_mated))
    for name, target in TARGETS.items():
        at = f"{path}at_fpir|{name}|"
        if curve is not None:
            threshold = curve.threshold(target, size)
            figures.put(f"{at}foretold|threshold", threshold)
            figures.rate(f"{at}foretold|fpir", one.fpir(threshold))
            figures.rate(f"{at}foretold|fnir", one.fnir(threshold))
        if target * len(one.others) >= MIN_HITS:
            threshold = float(np.quantile(one.others, 1 - target))
            figures.put(f"{at}counted|threshold", threshold)
            figures.rate(f"{at}counted|fnir", one.fnir(threshold))
    _put_times(figures, path, one)


def _put_times(figures: Figures, path: str, one: _List) -> None:
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value = float(np.quantile(one.query_ms, share)) if len(one.query_ms) else None
        figures.put(f"{path}query_ms|{name}", value)
