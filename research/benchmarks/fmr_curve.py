"""Which similarity do strangers reach, and how rarely?

    python research/benchmarks/fmr_curve.py INDEX.csv

Prints the points that a recogniser's card holds as `fmr_similarities` and `fmr_rates`, the share of
mated comparisons that the curve's threshold for a list of each size misses (FNIR), and, for a list
of one picture of every identity, the rate of false hits that the curve foretells beside the rate
that is counted. INDEX has
columns `file,identity`, paths relative to it. The face nearest the picture's centre counts. A rate
is printed as long as ten comparisons or more stand behind it.
"""

import argparse
import csv
import json
from pathlib import Path

import cv2
import numpy as np

from veridical.analysis.engines import Engines
from veridical.face import look
from veridical.gallery import FmrCurve
from veridical.media import read_image
from veridical.types import Face, View

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
MIN_HITS = 10
FPIRS = (0.01, 0.1, 0.3)
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def central(view: View) -> Face | None:
    """The subject, or the face nearest the centre of a group."""
    if view.subject is not None or not view.faces:
        return view.subject
    x, y = view.image.width / 2, view.image.height / 2
    return min(view.faces, key=lambda f: (f.box.centre[0] - x) ** 2 + (f.box.centre[1] - y) ** 2)


def main() -> None:
    """Embed every picture, compare all pairs of two people, print the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    path: Path = parser.parse_args().index
    cv2.setNumThreads(1)
    engines = Engines.open()
    detector, mesher = engines.need(Engines.detector), engines.need(Engines.mesher)
    embedder = engines.need(Engines.embedder)
    vectors, identities = [], []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            view = look(read_image(path.parent / row["file"]), detector, mesher)
            face = central(view)
            if face is not None:
                vectors.append(embedder(view, face).vector)
                identities.append(row["identity"])
    names = np.asarray(identities)
    first, second = np.triu_indices(len(names), 1)
    similar = np.stack(vectors) @ np.stack(vectors).T
    pairs, same = similar[first, second], names[first] == names[second]
    strangers, mated = pairs[~same], pairs[same]
    points = {
        f"{rate:g}": round(float(np.quantile(strangers, 1 - rate)), 4)
        for rate in RATES
        if rate * len(strangers) >= MIN_HITS
    }
    curve = FmrCurve([*points.values()], [float(rate) for rate in points])
    listed, places = np.unique(names, return_index=True)
    others = np.where(listed[:, None] == names[None], -1.0, similar[places])
    best = others.max(axis=0)
    counted = {
        f"{rate:g}": round(float((best >= curve.threshold(rate, len(listed) - 1)).mean()), 4)
        for rate in FPIRS
    }
    missed = {
        f"{size:g}": {
            f"{rate:g}": round(float((mated < curve.threshold(rate, size)).mean()), 3)
            for rate in FPIRS[:2]
        }
        for size in SIZES
    }
    print(
        json.dumps(
            {
                "model": embedder.template_model,
                "pictures": len(names),
                "identities": len(set(identities)),
                "non_mated": len(strangers),
                "mated": len(mated),
                "similarity_at_fmr": points,
                "fnir_by_list_size_at_fpir": missed,
                "list": {"entries": len(listed) - 1, "probes": len(names), "fpir": counted},
            }
        )
    )


if __name__ == "__main__":
    main()
