"""How much do two workers gain on one, and what does Ray cost?

Verifies the demo's genuine card and photograph again and again under policy `demo`, and counts
rows a second once the workers are at work: loading models and starting a cluster are left out.
Wants two idle cores; wall time means nothing on a busy machine.

    python benchmarks/bench_batch.py --rows 60
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from veridical.service.batch import BatchSummary, local_workers, run_batch
from veridical.service.batch.rows import StartEngine
from veridical.service.cli.demo import make_samples
from veridical.service.pictures import to_jpeg
from veridical.verification import Settings


def rate(manifest: Path, out: Path, settings: Settings, start: StartEngine, skip: int) -> float:
    """Rows a second, the first `skip` left out: workers load their models at different times."""
    times: list[float] = []

    def note(_: BatchSummary) -> None:
        times.append(time.perf_counter())

    run_batch(manifest, out, settings, start=start, resume=False, progress=note)
    return (len(times) - 1 - skip) / (times[-1] - times[skip])


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60)
    rows = parser.parse_args().rows
    settings = Settings(policy="demo")
    sample = make_samples(settings)[0].transaction
    if sample.document_front is None or sample.selfie is None:
        raise SystemExit("the sample has a document and a selfie")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "card.jpg").write_bytes(to_jpeg(sample.document_front))
        (folder / "selfie.jpg").write_bytes(to_jpeg(sample.selfie))
        manifest = folder / "manifest.jsonl"
        line = {"document_front": "card.jpg", "selfie": "selfie.jpg"}
        manifest.write_text(
            "".join(json.dumps({"id": f"t{i}", **line}) + "\n" for i in range(rows))
        )
        starts = {"one": local_workers(1), "two": local_workers(2)}
        try:
            from veridical.service.batch.cluster import ray_workers

            starts["ray_two"] = ray_workers(2, "local")
        except ImportError:
            pass
        rates = {
            word: rate(manifest, folder / word, settings, start, rows // 5)
            for word, start in starts.items()
        }
    figures = {"rows": rows, "rows_per_s": {word: round(r, 3) for word, r in rates.items()}}
    figures["speed_up"] = round(rates["two"] / rates["one"], 3)
    if "ray_two" in rates:
        figures["ray_overhead"] = round(rates["two"] / rates["ray_two"] - 1, 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
