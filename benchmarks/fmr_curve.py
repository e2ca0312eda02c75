"""Which similarity do strangers reach, and how rarely?

    python benchmarks/fmr_curve.py INDEX.csv

Prints the points that a recogniser's card holds as `fmr_similarities` and `fmr_rates`. INDEX has
columns `file,identity`, paths relative to it. The face nearest the picture's centre counts. A rate
is printed as long as ten comparisons or more stand behind it.
"""

import argparse
import csv
import json
from pathlib import Path

import cv2
import numpy as np

from veridical.face import FaceDetector, FaceEmbedder, FaceMesher, look
from veridical.media import read_image
from veridical.types import Face, View
from veridical.verification import Settings

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
MIN_HITS = 10


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
    store = Settings().model_store()
    roles = store.profile().roles
    detector = FaceDetector(store.session(roles["detector"][0]))
    mesher = FaceMesher(store.session(roles["mesh"][0]))
    name = roles["recogniser"][0]
    embedder = FaceEmbedder.from_card(store.session(name), store.card(name))
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
    strangers = similar[first, second][names[first] != names[second]]
    points = {
        f"{rate:g}": round(float(np.quantile(strangers, 1 - rate)), 4)
        for rate in RATES
        if rate * len(strangers) >= MIN_HITS
    }
    print(
        json.dumps(
            {
                "model": embedder.template_model,
                "pictures": len(names),
                "identities": len(set(identities)),
                "non_mated": len(strangers),
                "similarity_at_fmr": points,
            }
        )
    )


if __name__ == "__main__":
    main()
