"""Does PaddleOCR's own code read what ours reads out of the same networks, and for how much CPU?

    veridical engines install paddleocr
    python research/benchmarks/bench_paddleocr.py ../shared/data/documents/renders.jsonl

Each picture is read by the document reader over either, one thread each, after a warm-up; then
both read every line that our detector finds at 960 pixels, turned upright. CPU time of the engine
is that of its process and of ours together (Linux). Prints one JSON line.
"""

import argparse
import json
import os
import statistics
import time
import unicodedata
from datetime import date
from pathlib import Path

import cv2

from veridical.analysis.engines import Engines
from veridical.media import read_image
from veridical.ocr import Document, DocumentReader, TextDetector, TextDirection, TextRecogniser
from veridical.ocr.geometry import edge_lengths, turn_quad
from veridical.ocr.paddle import PaddleRecogniser, load_paddle_text, reader_over
from veridical.ocr.page import reading_angle
from veridical.types import Image
from veridical.verification import Settings

SIDE_PX = 960
LONG_LINE = 1.5
"""Below this length over height nobody knows which way a line runs."""
TODAY = date(2026, 1, 1)


def main() -> None:
    """Read every picture with both."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("index", type=Path)
    asked.add_argument("--limit", type=int, default=1000)
    given = asked.parse_args()
    cv2.setNumThreads(1)
    rows = [json.loads(line) for line in given.index.read_text(encoding="utf-8").splitlines()]
    rows = rows[: given.limit]
    engines = Engines.open(Settings(ocr_engine=""))
    store, profile = engines.store, engines.profile
    find = TextDetector(engines.session("ocr_detector"))
    read = TextRecogniser(engines.session("ocr_recogniser"))
    direction = TextDirection(engines.session("ocr_direction"))
    engine = load_paddle_text(store, profile)
    their_read = PaddleRecogniser(engine.read, read.ref)
    readers = engines.need(Engines.reader), reader_over(engine, store, profile)
    times: tuple[list[float], list[float]] = [], []
    exact = [0, 0]
    lines = same_lines = fields = same_fields = 0
    for number, row in enumerate([rows[0], *rows]):
        image = read_image(given.index.parent / row["file"])
        spent = [timed(reader, image) for reader in readers]
        if number == 0:
            continue  # warm-up
        for side, (document, cpu_ms) in enumerate(spent):
            times[side].append(cpu_ms)
            exact[side] += is_exact(document, row["fields"])
        ours, theirs = (values(document) for document, _ in spent)
        fields += len(ours)
        same_fields += sum(theirs.get(name) == value for name, value in ours.items())
        boxes = find(image, SIDE_PX)
        angle_deg = reading_angle(image, boxes, direction)
        for quad in (turn_quad(box.quad, angle_deg) for box in boxes):
            length, height = edge_lengths(quad)
            if length >= LONG_LINE * height:
                lines += 1
                one, other = read(image, quad).text, their_read(image, quad).text
                same_lines += plain(one) == plain(other)
    engine.close()
    print(
        json.dumps(
            {
                "bench": "paddleocr",
                "n": len(rows),
                "lines": lines,
                "lines_equal": same_lines,
                "fields": fields,
                "fields_equal": same_fields,
                "documents_exact": dict(zip(("veridical", "paddleocr"), exact, strict=True)),
                "veridical_ms": summary(times[0]),
                "paddleocr_ms": summary(times[1]),
                "ratio_of_means": round(statistics.mean(times[1]) / statistics.mean(times[0]), 2),
            }
        )
    )


def timed(reader: DocumentReader, image: Image) -> tuple[Document, float]:
    """What it reads, and the CPU milliseconds it took here and in the children of this process."""
    before = cpu_s()
    document = reader(image, today=TODAY)
    return document, (cpu_s() - before) * 1e3


def cpu_s() -> float:
    """CPU seconds of this process and of its living children, from /proc."""
    spent, me = time.process_time(), os.getpid()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(words[1]) == me:
            spent += (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def values(document: Document) -> dict[str, str]:
    """The fields of a document, after NFKC."""
    return {name: plain(field.value) for name, field in document.fields.items()}


def is_exact(document: Document, fields: dict[str, object]) -> bool:
    """Whether every printed value was read."""
    return all(
        list(document.mrz.lines if document.mrz else ()) == value
        if name == "lines"
        else plain(document.value(name) or "") == plain(str(value))
        for name, value in fields.items()
    )


def plain(text: str) -> str:
    """After NFKC, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def summary(times: list[float]) -> dict[str, float]:
    """Median, mean and maximum."""
    return {
        "median": round(statistics.median(times), 1),
        "mean": round(statistics.mean(times), 1),
        "max": round(max(times), 1),
    }


if __name__ == "__main__":
    main()
