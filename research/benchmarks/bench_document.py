"""How much CPU time does reading a card take, beside stock rapidocr in the same run?

    python research/benchmarks/bench_document.py ../shared/data/documents/renders.jsonl --kind prc_id_front

One thread each, CPU time, after a warm-up, in turns picture by picture. rapidocr is measured in an
interpreter of its own (--rapidocr PYTHON, any environment with `pip install rapidocr==3.10.0
onnxruntime`), with its own settings but one thread; it reads every line of a picture and knows no
fields, so its exactness is not compared here but whether every value stands in its lines. Prints
one JSON line.
"""

import argparse
import json
import platform
import statistics
import subprocess
import time
import unicodedata
from datetime import date
from pathlib import Path

import cv2

from veridical.analysis.engines import Engines
from veridical.media import read_image

PEER = """
import json, os, sys, time
os.environ["OMP_NUM_THREADS"] = "1"
import cv2
cv2.setNumThreads(1)
from rapidocr import RapidOCR
engine = RapidOCR(params={"EngineConfig.onnxruntime.intra_op_num_threads": 1,
                          "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                          "Global.log_level": "error"})
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    image = cv2.imread(line.strip())
    start = time.process_time()
    result = engine(image)
    spent = (time.process_time() - start) * 1e3
    out.write(json.dumps({"ms": spent, "texts": list(result.txts or ())}) + "\\n")
    out.flush()
"""


def main() -> None:
    """Read every picture with both."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("index", type=Path)
    asked.add_argument("--kind", default="prc_id_front")
    asked.add_argument("--rapidocr", type=Path, help="a Python that has rapidocr")
    asked.add_argument("--limit", type=int, default=1000)
    given = asked.parse_args()
    cv2.setNumThreads(1)
    rows = [json.loads(line) for line in given.index.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["kind"] == given.kind][: given.limit]
    reader = Engines.open().need(Engines.reader)
    peer = None
    if given.rapidocr:
        peer = subprocess.Popen(
            [given.rapidocr, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    ours: list[float] = []
    theirs: list[float] = []
    exact = contained = 0
    for number, row in enumerate([rows[0], *rows]):
        path = given.index.parent / row["file"]
        image = read_image(path)
        start = time.process_time()
        document = reader(image, today=date(2026, 1, 1))
        spent = (time.process_time() - start) * 1e3
        answer = ask(peer, path)
        if number == 0:
            continue  # warm-up
        ours.append(spent)
        exact += all(
            list(document.mrz.lines if document.mrz else ()) == value
            if name == "lines"
            else plain(document.value(name) or "") == plain(value)
            for name, value in row["fields"].items()
        )
        if answer:
            theirs.append(answer["ms"])
            text = plain("".join(answer["texts"]))
            contained += all(standing(name, value, text) for name, value in row["fields"].items())
    print(
        json.dumps(
            {
                "bench": "document",
                "kind": given.kind,
                "n": len(rows),
                "veridical_ms": summary(ours),
                "veridical_all_fields_exact": exact,
                "rapidocr_ms": summary(theirs),
                "rapidocr_values_in_text": contained,
                "ratio_of_means": round(statistics.mean(theirs) / statistics.mean(ours), 2)
                if theirs
                else None,
                "cpu": platform.machine(),
                "python": platform.python_version(),
            }
        )
    )


def ask(peer: "subprocess.Popen[str] | None", path: Path) -> dict[str, object]:
    """One picture through the other engine."""
    if peer is None or peer.stdin is None or peer.stdout is None:
        return {}
    peer.stdin.write(f"{path.resolve()}\n")
    peer.stdin.flush()
    return json.loads(peer.stdout.readline())


def standing(name: str, value: object, text: str) -> bool:
    """Whether a value stands in a text; dates as the card prints them."""
    if isinstance(value, list):
        return all(plain(line) in text for line in value)
    words = str(value)
    if name == "birth":
        year, month, day = words.split("-")
        words = f"{year}年{int(month)}月{int(day)}日"
    elif name.startswith("valid"):
        words = words.replace("-", ".").replace("long.term", "长期")
    return plain(words) in text


def plain(text: str) -> str:
    """After NFKC, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def summary(times: list[float]) -> dict[str, float]:
    """Minimum, median, mean and maximum."""
    if not times:
        return {}
    return {
        "min": round(min(times), 1),
        "median": round(statistics.median(times), 1),
        "mean": round(statistics.mean(times), 1),
        "max": round(max(times), 1),
    }


if __name__ == "__main__":
    main()
