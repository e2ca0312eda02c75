"""Write specimens of every kind and profile, with an index for `veridical evaluate document`.

    python research/benchmarks/render_documents.py OUT --n 100 [--seed 500000]
    veridical evaluate document OUT/index.jsonl --out OUT/scores

Every picture follows from its number, so that a run broken off goes on where it stopped; kinds and
profiles take turns, so that one broken off is balanced too. Seeds are none of the tests' or the
training's. Every second zone is written in oblique OCR-B, which `ocrb-line` was not trained with;
the others are in the upright cut, of which there is but one. Chinese fonts are all that the machine
has; the general recogniser was trained by others. The pictures are kept as JPEG of quality 97,
after what their profile did to them.
"""

import argparse
import json
from pathlib import Path

import cv2

from veridical.rehearsal.specimens import (
    DRAWERS,
    PROFILES,
    Fonts,
    Truth,
    render_mrz,
    render_prc_back,
    render_prc_front,
    render_specimen,
    system_fonts,
    untrained_fonts,
)
from veridical.types import Image

KINDS = ("prc_id_front", "td3", "prc_id_back", "td1", "td2")
ZONES = ("td1", "td2", "td3")


def main() -> None:
    """Write what is missing."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("out", type=Path)
    asked.add_argument("--n", type=int, default=100, help="pictures of each kind and profile")
    asked.add_argument("--seed", type=int, default=500_000)
    asked.add_argument("--kinds", nargs="+", default=KINDS, help="which, of all there are")
    given = asked.parse_args()
    cv2.setNumThreads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    index = given.out / "index.jsonl"
    done = len(index.read_text(encoding="utf-8").splitlines()) if index.exists() else 0
    usual, untrained = system_fonts(), untrained_fonts()
    cells = [(kind, profile) for profile in PROFILES for kind in given.kinds]
    with index.open("a", encoding="utf-8") as out:
        for number in range(done, given.n * len(cells)):
            kind, profile = cells[number % len(cells)]
            fonts = untrained if kind in ZONES and number // len(cells) % 2 else usual
            written = fonts[number // len(cells) % len(fonts)]
            image, truth = render(kind, profile, given.seed + number, written)
            name = f"{number:05}.jpg"
            bgr = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(given.out / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, 97])
            row = {
                "file": name,
                "kind": kind,
                "profile": profile,
                "fields": dict(truth.fields),
                "quad": truth.quad.tolist(),
                "font": f"{written.text.name} {written.machine.name}",
                "today": "2026-01-01",
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()


def render(kind: str, profile: str, seed: int, fonts: Fonts) -> tuple[Image, Truth]:
    """One picture."""
    if kind == "prc_id_front":
        return render_prc_front(None, None, seed, profile, fonts=fonts)
    if kind == "prc_id_back":
        return render_prc_back(None, seed, profile, fonts=fonts)
    if kind in DRAWERS:
        return render_specimen(kind, None, seed, profile, fonts=fonts)
    return render_mrz(kind, None, seed, profile, fonts=fonts)


if __name__ == "__main__":
    main()
