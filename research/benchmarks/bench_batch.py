"""How much do two workers gain on one, and what does Ray cost?

Verifies the demo's genuine card and photograph again and again under policy `demo`, and counts
rows a second once the workers are at work: loading models and starting a cluster are left out.
Rates want two idle cores; processor time a row, of the driver and all under it, Ray's own
processes included, can be compared on a busy machine too.

    python research/benchmarks/bench_batch.py --rows 60
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from veridical.batch import BatchSummary, local_workers, run_batch
from veridical.batch.rows import StartEngine
from veridical.cli.demo import make_samples
from veridical.verification import Settings
from veridical.verification.pictures import to_jpeg


@dataclass(frozen=True, slots=True)
class Speed:
    """Of rows once the workers are at work."""

    rows_a_second: float
    cpu_s_a_row: float


def speed(manifest: Path, out: Path, settings: Settings, start: StartEngine, skip: int) -> Speed:
    """Of a run, the first `skip` rows left out: workers load their models at different times."""
    marks: list[tuple[float, float]] = []

    def note(summary: BatchSummary) -> None:
        if summary.done in (skip, summary.rows):
            marks.append((time.perf_counter(), sum(cpu_s(os.getpid()))))

    summary = run_batch(manifest, out, settings, start=start, resume=False, progress=note)
    (began, used), (ended, used_in_all) = marks
    rows = summary.rows - skip
    return Speed(rows / (ended - began), (used_in_all - used) / rows)


def cpu_s(pid: int) -> Iterator[float]:
    """Processor seconds of a process, and of every process under it."""
    with suppress(OSError):  # it has ended meanwhile
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        yield (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from cpu_s(int(child))


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
            from veridical.batch.cluster import ray_workers

            starts["ray_two"] = ray_workers(2, "local")
        except ImportError:
            pass
        speeds = {
            word: speed(manifest, folder / word, settings, start, rows // 5)
            for word, start in starts.items()
        }
    figures = {
        "rows": rows,
        "rows_per_s": {word: round(s.rows_a_second, 3) for word, s in speeds.items()},
        "cpu_s_a_row": {word: round(s.cpu_s_a_row, 3) for word, s in speeds.items()},
        "speed_up": round(speeds["two"].rows_a_second / speeds["one"].rows_a_second, 3),
    }
    if "ray_two" in speeds:
        ray, two = speeds["ray_two"], speeds["two"]
        figures["ray_overhead"] = round(two.rows_a_second / ray.rows_a_second - 1, 3)
        figures["ray_cpu_overhead"] = round(ray.cpu_s_a_row / two.cpu_s_a_row - 1, 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
