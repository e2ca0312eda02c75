"""How do PassportEye and fastmrz read the zones that veridical reads?

    python research/benchmarks/bench_mrz_peers.py ../shared/data/documents/specimens.jsonl --peers PYTHON

PYTHON belongs to an environment of its own with `pip install passporteye==2.2.2 fastmrz==2.1.2
"numpy<2"`; both also need the program tesseract with its English data (Debian: tesseract-ocr).
fastmrz is AGPL and stays out of this project's environment. It asks for `mrz.traineddata`, which no
package carries: it then runs with --fastmrz-language eng, and not as its authors mean it to. Each
reads the same files; a reading counts when the kind is right and when every line is exact. CPU time
includes that of the tesseract processes. Prints one JSON line a reader, and the wrong pictures.
"""

import argparse
import json
import subprocess
import time
from datetime import date
from pathlib import Path

import cv2

from veridical.analysis.engines import Engines
from veridical.media import read_image

PEER = """
import json, os, resource, sys
os.environ["OMP_THREAD_LIMIT"] = "1"
which, language = sys.argv[1:3]
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
def spent():
    own, kids = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in (own, kids)) * 1e3
if which == "passporteye":
    from passporteye import read_mrz
    def read(path):
        found = read_mrz(path)
        if found is None:
            return []
        return found.aux["text"].replace(" ", "").split("\\n")
else:
    import pytesseract, fastmrz.fastmrz as module
    if language != "mrz":
        plain = pytesseract.image_to_string
        def image_to_string(image, lang=None, config="", **more):
            return plain(image, lang=language, config=config, **more)
        pytesseract.image_to_string = image_to_string
        module.pytesseract.image_to_string = image_to_string
    reader = module.FastMRZ()
    def read(path):
        text = reader.get_details(path, ignore_parse=True) or ""
        return [line for line in text.split("\\n") if line]
for line in sys.stdin:
    before, error = spent(), ""
    try:
        lines = read(line.strip())
    except Exception as why:
        lines, error = [], type(why).__name__ + ": " + str(why)[:200]
    out.write(json.dumps({"ms": spent() - before, "lines": lines, "error": error}) + "\\n")
    out.flush()
"""
SHAPES = {(3, 30): ("td1",), (2, 36): ("td2", "mrvb"), (2, 44): ("td3", "mrva")}


def main() -> None:
    """Read every picture with each."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("index", type=Path)
    asked.add_argument("--peers", type=Path, help="a Python that has both")
    asked.add_argument("--fastmrz-language", default="eng")
    given = asked.parse_args()
    cv2.setNumThreads(1)
    rows = [json.loads(line) for line in given.index.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if "lines" in row["fields"]]
    reader = Engines.open().need(Engines.reader)
    ours = []
    for row in rows:
        image = read_image(given.index.parent / row["file"])
        start = time.process_time()
        document = reader(image, today=date(2026, 1, 1))
        spent = (time.process_time() - start) * 1e3
        lines = list(document.mrz.lines) if document.mrz else []
        ours.append({"ms": spent, "lines": lines, "kind": document.kind, "error": ""})
    report("veridical", rows, ours)
    for peer in ("passporteye", "fastmrz") if given.peers else ():
        ask = [given.peers, "-c", PEER, peer, given.fastmrz_language]
        paths = "".join(f"{(given.index.parent / row['file']).resolve()}\n" for row in rows)
        answers = subprocess.run(ask, input=paths, capture_output=True, text=True, check=False)
        found = [json.loads(line) for line in answers.stdout.splitlines()]
        if len(found) == len(rows):
            report(peer, rows, found)
        else:
            print(json.dumps({"reader": peer, "failed": answers.stderr[-600:]}))


def report(name: str, rows: list[dict[str, object]], found: list[dict[str, object]]) -> None:
    """Count, and name what is wrong."""
    right_kind = right_lines = 0
    wrong = []
    for row, answer in zip(rows, found, strict=True):
        fields = row["fields"]
        assert isinstance(fields, dict)
        lines = answer["lines"]
        assert isinstance(lines, list)
        shape = (len(lines), len(lines[0]) if lines else 0)
        kind = answer.get("kind") or kind_of(shape, lines)
        right_kind += kind == row["kind"]
        right_lines += lines == fields["lines"]
        if lines != fields["lines"]:
            wrong.append(f"{Path(str(row['file'])).stem}:{kind}:{answer['error']}".rstrip(":"))
    times = [float(str(answer["ms"])) for answer in found]
    print(
        json.dumps(
            {
                "reader": name,
                "n": len(rows),
                "kind_right": right_kind,
                "every_line_exact": right_lines,
                "cpu_ms_mean": round(sum(times) / len(times), 1),
                "not_exact": wrong,
            }
        )
    )


def kind_of(shape: tuple[int, int], lines: list[str]) -> str:
    """The kind that the shape of a zone tells."""
    kinds = SHAPES.get(shape, ("none",))
    return kinds[-1] if lines and lines[0].startswith("V") else kinds[0]


if __name__ == "__main__":
    main()
