"""Write fronts with the names and addresses of `rehearsal/specimens/bank.py`, and their index.

    python research/benchmarks/document_bank.py OUT --names 400 --addresses 200
    veridical evaluate document OUT/index.jsonl --out OUT/scores

What is hard about a picture stands where the index has the profile. Every picture follows from its
number; pictures are clean, in perspective, compressed and small in turn, in all of the machine's
fonts. Names and addresses take turns, so that the first ones are balanced too (`--limit`).
"""

import argparse
import json
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from veridical.rehearsal.specimens import render_prc_front, system_fonts
from veridical.rehearsal.specimens.bank import ADDRESSES, NAMES

TAKEN = ("clean", "perspective", "jpeg", "small")


def main() -> None:
    """Write what is missing."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("out", type=Path)
    asked.add_argument("--names", type=int, default=400)
    asked.add_argument("--addresses", type=int, default=200)
    asked.add_argument("--seed", type=int, default=700_000)
    given = asked.parse_args()
    cv2.setNumThreads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    fonts = system_fonts()
    jobs = sorted(_jobs("name", NAMES, given.names) + _jobs("address", ADDRESSES, given.addresses))
    with (given.out / "index.jsonl").open("w", encoding="utf-8") as index:
        for number, (_, field, kind) in enumerate(jobs):
            draw = (NAMES if field == "name" else ADDRESSES)[kind]
            value = draw(np.random.default_rng(given.seed + number))
            taken = TAKEN[number // len(NAMES) % len(TAKEN)]
            written = fonts[number % len(fonts)]
            image, truth = render_prc_front(
                {field: value}, None, given.seed + number, taken, fonts=written
            )
            name = f"{number:04}.jpg"
            bgr = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(given.out / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, 97])
            row = {
                "file": name,
                "kind": "prc_id_front",
                "profile": f"{field}_{kind}",
                "fields": dict(truth.fields),
                "font": written.text.name,
                "today": "2026-01-01",
            }
            index.write(json.dumps(row, ensure_ascii=False) + "\n")


def _jobs(field: str, kinds: Collection[str], count: int) -> list[tuple[float, str, str]]:
    """So many pictures of one field, spread evenly between 0 and 1."""
    names = list(kinds)
    return [(at / count, field, names[at % len(names)]) for at in range(count)]


if __name__ == "__main__":
    main()
