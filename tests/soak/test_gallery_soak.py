"""A thousand kills during enrolment; broken off, it goes on where it stopped.

State lies in the folder `VERIDICAL_SOAK_DIR`, or in a temporary one without (then it starts anew).
"""

import json
import os
import random
from dataclasses import asdict
from pathlib import Path

from tests.gallery_kills import Promises, Writers, verify
from veridical.store import Database

KILLS = int(os.environ.get("VERIDICAL_SOAK_KILLS", "1000"))
VERIFY_EVERY = 25


def test_a_thousand_kills_during_enrolment(tmp_path: Path) -> None:
    folder = Path(os.environ.get("VERIDICAL_SOAK_DIR", tmp_path)) / "gallery-kills"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "acknowledged.json"
    database = Database(folder / "kill.db")
    database.upgrade()
    database.close()
    promises, done = Promises(), 0
    if log.exists():
        row = json.loads(log.read_text(encoding="utf-8"))
        promises = Promises(set(row["enrolled"]), set(row["deleted"]), set(row["asked"]))
        done = int(row["done"])
    with Writers(folder) as writers:
        for generation in range(done, KILLS):
            writers.kill_one(generation, random.Random(generation), promises)
            row = {name: sorted(words) for name, words in asdict(promises).items()}
            ready = log.with_suffix(".new")
            ready.write_text(json.dumps({**row, "done": generation + 1}), encoding="utf-8")
            ready.replace(log)
            if generation % VERIFY_EVERY == VERIFY_EVERY - 1:
                verify(folder, promises)
    entries = verify(folder, promises)
    figures = {"kills": KILLS, "acknowledged": len(promises.enrolled), "entries": entries}
    (folder / "result.json").write_text(json.dumps(figures), encoding="utf-8")
