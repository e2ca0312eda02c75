"""How fast, how complete and how large is the search of a list of a million?

    python research/benchmarks/bench_identify.py --size 1000000 --out identify.jsonl

Stages that stand in the output file are not run again, so that a run that was broken off goes on.
One thread; times are CPU milliseconds. Templates are synthetic, made as SFace makes those of
people: on 1,554 pictures of 663 identities (LFW) its unit vectors have a common mean of length
0.32, identities scatter around it with a trace of 0.78 over an effective dimension of 93, and two
pictures of one person have a cosine of 0.67 +- 0.11. Identities are drawn around 20 cluster
centres that hold a tenth of the scatter, with a linearly falling spectrum in 128 dimensions and an
exponential one of effective dimension 120 in 512; pictures of one person scatter by a length that
varies from picture to picture, so that the measured cosine and its spread come out.
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import faiss  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.stats import beta  # noqa: E402

from veridical.gallery import Enrolment, Gallery  # noqa: E402
from veridical.gallery.index import CANDIDATES, Rows, TemplateIndex  # noqa: E402
from veridical.store import Database, MasterKeys  # noqa: E402
from veridical.store.keys import new_key  # noqa: E402
from veridical.types import Template  # noqa: E402

SEED = 7
MODEL = "synthetic@000000000000"
CLUSTERS = 20
MEAN, BETWEEN, WITHIN, WITHIN_SPREAD = 0.32, 0.78, 0.38, 0.45
CHUNK = 20_000
FPIR = 0.01


class People:
    """Draws identities and pictures of them."""

    def __init__(self, dimensions: int) -> None:
        rng = np.random.default_rng(SEED)
        rank = np.arange(dimensions, dtype=np.float64)
        spectrum = 1.06 - rank / dimensions if dimensions <= 128 else np.exp(-rank / 60)
        spectrum *= BETWEEN / spectrum.sum()
        turn = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0]
        self._scale = (np.sqrt(0.9 * spectrum)[:, None] * turn).astype(np.float32)
        mean = rng.standard_normal(dimensions)
        mean *= MEAN / np.linalg.norm(mean)
        centres = rng.standard_normal((CLUSTERS, dimensions)) * np.sqrt(0.1 * spectrum) @ turn
        self._centres = (centres + mean).astype(np.float32)
        self._dimensions = dimensions

    def identities(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Draw people; not of unit length."""
        scatter = rng.standard_normal((count, self._dimensions), dtype=np.float32) @ self._scale
        return scatter + self._centres[rng.integers(0, CLUSTERS, count)]

    def pictures(
        self, rng: np.random.Generator, identities: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Draw one template of each."""
        noise = rng.standard_normal(identities.shape, dtype=np.float32)
        length = np.sqrt(WITHIN / self._dimensions) * rng.lognormal(
            -(WITHIN_SPREAD**2) / 2, WITHIN_SPREAD, (len(identities), 1)
        )
        seen = identities + noise * length.astype(np.float32)
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        return seen


def gallery_parts(people: People, size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The list, part by part, the same in every run."""
    for start in range(0, size, CHUNK):
        rng = np.random.default_rng((SEED, 1, start))
        count = min(CHUNK, size - start)
        yield start, people.pictures(rng, people.identities(rng, count))


def mated_probes(
    people: People, size: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Second pictures of people on the list: their places, and the templates."""
    per_part = -(-count // -(-size // CHUNK))
    places, probes = [], []
    for start in range(0, size, CHUNK):
        rng = np.random.default_rng((SEED, 1, start))
        identities = people.identities(rng, min(CHUNK, size - start))[:per_part]
        probes.append(people.pictures(np.random.default_rng((SEED, 2, start)), identities))
        places.append(start + np.arange(len(identities)))
    return np.concatenate(places)[:count], np.concatenate(probes)[:count]


def timed(work: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def spread(times: list[float]) -> dict[str, float]:
    """Percentiles of times in milliseconds."""
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "n": len(times)}


def lower_95(hits: int, n: int) -> float:
    """Lower end of the one-sided 95 % Clopper-Pearson interval."""
    return float(beta.ppf(0.05, hits, n - hits + 1)) if hits else 0.0


def bench_search(dimensions: int, arguments: argparse.Namespace) -> dict[str, object]:
    """Search by code against exact search and against faiss's flat index."""
    size, exact = arguments.size, arguments.exact
    mated, non_mated, few = arguments.mated, arguments.non_mated, arguments.flat
    people = People(dimensions)
    index = TemplateIndex(dimensions, capacity=size)
    flat = faiss.IndexFlatIP(dimensions)
    build_ms = flat_build_ms = 0.0
    for start, vectors in gallery_parts(people, size):
        count = len(vectors)

        def put(start: int = start, vectors: NDArray[np.float32] = vectors) -> None:
            ids = np.arange(start + 1, start + 1 + len(vectors))
            index.put(
                Rows(
                    ids,
                    vectors,
                    np.zeros(len(ids), np.int16),
                    np.zeros(len(ids), np.uint8),
                    index.encode(vectors),
                )
            )

        build_ms += timed(put)
        flat_build_ms += timed(lambda vectors=vectors: flat.add(vectors))
        assert len(index) == start + count
    places, mates = mated_probes(people, size, mated)
    rng = np.random.default_rng((SEED, 3))
    strangers = people.pictures(rng, people.identities(rng, non_mated))
    faiss.omp_set_num_threads(1)

    times, stranger_best = [], np.empty(non_mated, np.float32)
    index.search(strangers[0], 10)
    for i, probe in enumerate(strangers):
        start_s = time.process_time()
        stranger_best[i] = index.search(probe, 10).similarities[0]
        times.append((time.process_time() - start_s) * 1000)
    threshold = float(np.quantile(stranger_best, 1 - FPIR))

    vectors = index.rows().vectors
    similar = np.einsum("ij,ij->i", vectors[places], mates)
    above = found = first = 0
    mated_times = []
    for i, probe in enumerate(mates):
        start_s = time.process_time()
        hits = index.search(probe, CANDIDATES)
        mated_times.append((time.process_time() - start_s) * 1000)
        if similar[i] >= threshold:
            above += 1
            found += bool((hits.ids == places[i] + 1).any())
        if i < exact:
            first += bool(hits.ids[0] == index.search_exactly(probe, 1).ids[0])
    same_best = sum(
        bool(abs(index.search_exactly(probe, 1).similarities[0] - stranger_best[i]) < 1e-5)
        for i, probe in enumerate(strangers[:exact])
    )
    flat_times = [timed(lambda probe=probe: flat.search(probe[None], 10)) for probe in mates[:few]]
    own_times = [
        timed(lambda probe=probe: index.search_exactly(probe, 10)) for probe in mates[:few]
    ]
    return {
        "query_ms": spread([*times, *mated_times]),
        "faiss_flat_query_ms": spread(flat_times),
        "exact_query_ms": spread(own_times),
        "threshold_at_fpir": {"fpir": FPIR, "similarity": round(threshold, 4), "n": non_mated},
        "mated": {
            "n": len(mates),
            "cosine": [round(float(similar.mean()), 3), round(float(similar.std()), 3)],
            "above_threshold": above,
            "found_above_threshold": found,
            "recall": found / above,
            "recall_lower_95": round(lower_95(found, above), 5),
        },
        "top1_as_exact": {
            "mated": first / exact,
            "non_mated": same_best / exact,
            "n_each": exact,
        },
        "build_s": round(build_ms / 1000, 1),
        "faiss_flat_build_s": round(flat_build_ms / 1000, 1),
        "index_mb": round(index.nbytes / 2**20),
        "faiss_flat_mb": round(size * dimensions * 4 / 2**20),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def bench_store(dimensions: int, size: int) -> dict[str, object]:
    """Enrol everything, then start again from the database and from the snapshot."""
    people, keys = People(dimensions), MasterKeys({"bench": new_key()})
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as folder:
        database = Database(Path(folder) / "bench.db")
        database.upgrade()
        path = Path(folder) / "bench.index"
        gallery = Gallery(database, keys, "bench", MODEL, snapshot=path)
        enrol_ms, probe = 0.0, None
        for start, vectors in gallery_parts(people, size):
            enrolments = [
                Enrolment(f"p{start + i}", Template(vector, MODEL))
                for i, vector in enumerate(vectors)
            ]
            probe = enrolments[0].template
            enrol_ms += timed(lambda batch=enrolments: gallery.enrol_many(batch))
        assert probe is not None
        build_ms = timed(lambda: gallery.search(probe))
        save_ms = timed(gallery.save_snapshot)
        single = [timed(lambda i=i: gallery.enrol(f"late{i}", probe)) for i in range(50)]
        visible = timed(lambda: gallery.search(probe))
        removed = [timed(lambda i=i: gallery.delete(f"late{i}")) for i in range(25)]
        scrubbed = [timed(lambda i=i: gallery.delete(f"p{i * 977}")) for i in range(25)]
        again = Gallery(database, keys, "bench", MODEL, snapshot=path)
        load_ms = timed(lambda: again.search(probe))
        result: dict[str, object] = {
            "enrol_many_us_per_entry": round(enrol_ms * 1000 / size, 1),
            "build_from_database_s": round(build_ms / 1000, 1),
            "save_snapshot_s": round(save_ms / 1000, 1),
            "restart_from_snapshot_s": round(load_ms / 1000, 1),
            "enrol_ms": spread(single),
            "search_after_50_changes_ms": round(visible, 1),
            "delete_ms": spread(removed),
            "delete_in_snapshot_ms": spread(scrubbed),
            "database_mb": round((Path(folder) / "bench.db").stat().st_size / 2**20),
            "snapshot_mb": round(path.stat().st_size / 2**20),
        }
        database.close()
    return result


def main() -> None:
    """Run the stages that the output file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--mated", type=int, default=10_000, help="probes of people on the list")
    parser.add_argument("--non-mated", type=int, default=10_000, help="probes of strangers")
    parser.add_argument("--flat", type=int, default=200, help="probes for the flat searches' times")
    parser.add_argument("--stages", nargs="+", default=["search", "store"])
    parser.add_argument("--exact", type=int, default=500, help="probes searched exactly as well")
    parser.add_argument("--out", type=Path, default=Path("identify.jsonl"))
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        lines = arguments.out.read_text(encoding="utf-8").splitlines()
        done = {(row["stage"], row["dimensions"], row["size"]) for row in map(json.loads, lines)}
    for stage, dimensions in [
        (stage, d) for stage in arguments.stages for d in arguments.dimensions
    ]:
        if (stage, dimensions, arguments.size) in done:
            continue
        start = time.process_time()
        figures = (
            bench_search(dimensions, arguments)
            if stage == "search"
            else bench_store(dimensions, arguments.size)
        )
        row = {
            "bench": "identify",
            "stage": stage,
            "dimensions": dimensions,
            "size": arguments.size,
            "candidates": CANDIDATES,
            **figures,
            "cpu_s": round(time.process_time() - start, 1),
            "cpu": platform.machine(),
            "python": platform.python_version(),
            "faiss": faiss.__version__,
        }
        print(json.dumps(row), flush=True)
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
