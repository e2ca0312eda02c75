"""Assemble a manifest of whole transactions from pictures of people who appear several times.

    python research/benchmarks/assemble_transactions.py ../shared/data/faces/colour.csv OUT --policy demo
    veridical evaluate transactions OUT/manifest.jsonl --json transactions.json

For each person one picture becomes the portrait of a specimen identity card, the others are
selfies. Beside genuine transactions (two attempts each) there are:

* impostor: another person's selfie with the card;
* altered_number: one digit of the printed number changed;
* simulated:ATTACK: the genuine selfie through the attack simulator. A simulation is no artefact;
  its share accepted is no IAPAR.

The cards are drawn with a specimen mark, so that only a policy with allow_specimens can accept.
Everything follows from the seed. The pictures that are written show the persons of the index:
personal data, for local use.
"""

import argparse
import csv
import json
from pathlib import Path

import cv2
import numpy as np

from veridical.analysis.engines import Engines
from veridical.media import read_image
from veridical.rehearsal.compose.people import head_and_shoulders
from veridical.rehearsal.recording import write_image
from veridical.rehearsal.simulate import Attack, simulate
from veridical.rehearsal.specimens import PROFILES, render_prc_front, system_fonts

ATTACKS = (Attack.PRINT, Attack.SCREEN_REPLAY, Attack.BORDERED_TABLET, Attack.PAPER_CUTOUT)
GENUINE_PER_PERSON = 4
IMPOSTORS_PER_PERSON = 3
ALTERED_AT = 15


def main() -> None:
    """Write the manifest and its media."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path, help="CSV file,identity")
    parser.add_argument("out", type=Path)
    parser.add_argument("--policy", default="demo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profiles", default="clean,jpeg,perspective,low_light")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(arguments.seed)
    profiles = arguments.profiles.split(",")
    if unknown := set(profiles) - PROFILES.keys():
        parser.error(f"no profiles {sorted(unknown)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    detector = Engines.open().need(Engines.detector)
    fonts = system_fonts()

    people: dict[str, list[Path]] = {}
    with arguments.index.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            people.setdefault(row["identity"], []).append(arguments.index.parent / row["file"])
    people = {name: files for name, files in people.items() if len(files) > 2}
    names = list(people)
    rows: list[dict[str, object]] = []

    def add(
        transaction: str, attempt: int, card: str, selfie: Path, attack: str, cause: str = ""
    ) -> None:
        outcome = "reject" if attack else "accept"
        rows.append(
            {
                "id": transaction,
                "attempt": attempt,
                "policy": arguments.policy,
                "document_front": card,
                "selfie": str(selfie.resolve()),
                "expect": {"outcome": outcome, **({"first_cause": cause} if cause else {})},
                **({"attack": attack} if attack else {}),
            }
        )

    for number, name in enumerate(names):
        pictures = [people[name][i] for i in rng.permutation(len(people[name]))]
        first = read_image(pictures[0])
        faces = detector(first)
        if not faces:
            continue
        portrait = head_and_shoulders(first, faces[0].box)
        profile = profiles[number % len(profiles)]
        seed = arguments.seed * 1000 + number
        cards = {}
        for kind, altered in (("genuine", None), ("altered", ALTERED_AT)):
            card, _ = render_prc_front(
                None,
                portrait,
                seed,
                profile,
                fonts=fonts[number % len(fonts)],
                altered_digit=altered,
            )
            cards[kind] = f"card_{number:03}_{kind}.jpg"
            write_image(arguments.out / cards[kind], card, "specimen, drawn")
        selfies = pictures[1:]
        for turn in range(min(GENUINE_PER_PERSON, len(selfies) // 2)):
            for attempt in (1, 2):
                selfie = selfies[2 * turn + attempt - 1]
                add(f"genuine_{number}_{turn}", attempt, cards["genuine"], selfie, "")
        add(f"altered_{number}", 1, cards["altered"], selfies[0], "altered_number", "document.read")
        for turn in range(IMPOSTORS_PER_PERSON):
            other = names[(number + 1 + int(rng.integers(len(names) - 1))) % len(names)]
            stranger = people[other][int(rng.integers(len(people[other])))]
            add(
                f"impostor_{number}_{turn}", 1, cards["genuine"], stranger, "impostor", "face.match"
            )
        genuine = read_image(selfies[0])
        found = detector(genuine)
        for attack in ATTACKS:
            made = simulate(attack, genuine, seed, face=found[0].box if found else None)
            path = arguments.out / f"selfie_{number:03}_{attack.value}.png"
            write_image(path, made, f"simulated attack: {attack.value}, seed {seed}")
            label = f"simulated:{attack.value}"
            add(f"{attack.value}_{number}", 1, cards["genuine"], path, label)
    with (arguments.out / "manifest.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    print(f"{len(rows)} rows, {len(names)} people: {arguments.out / 'manifest.jsonl'}")


if __name__ == "__main__":
    main()
