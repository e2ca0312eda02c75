"""Long hostile runs against the service; broken off, they go on where they stopped.

State lies in the folder `VERIDICAL_SOAK_DIR`, or in a temporary one without (then they start anew).
"""

import json
import os
import random
import resource
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.service_house import house
from tests.service_kills import Promised, Servers, check_promises, prepare
from tests.service_mutants import mutant, seeds

KILLS = int(os.environ.get("VERIDICAL_SOAK_KILLS", "200"))
UPLOADS = int(os.environ.get("VERIDICAL_SOAK_UPLOADS", "10000"))
CHECK_EVERY = 20
MOST_RSS_KB = 1_000_000


def place(tmp_path: Path, name: str) -> Path:
    folder = Path(os.environ.get("VERIDICAL_SOAK_DIR", tmp_path)) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def written(log: Path, row: Mapping[str, object]) -> None:
    ready = log.with_suffix(".new")
    ready.write_text(json.dumps(row), encoding="utf-8")
    ready.replace(log)


def test_two_hundred_kills_while_transactions_are_handed_in(tmp_path: Path) -> None:
    folder = place(tmp_path, "service-kills")
    log, promised, done, begun = folder / "acknowledged.json", Promised(), 0, 0
    prepare(folder)
    if log.exists():
        row = json.loads(log.read_text(encoding="utf-8"))
        promised = Promised(dict(row["uploaded"]), set(row["submitted"]))
        done, begun = int(row["done"]), int(row["begun"])
    records = 0
    while done < KILLS:
        with Servers(folder) as servers:
            for _ in range(min(CHECK_EVERY, KILLS - done)):
                begun += servers.kill_one(random.Random(done), promised, begun)
                done += 1
                kept = asdict(promised) | {"submitted": sorted(promised.submitted)}
                written(log, {**kept, "done": done, "begun": begun})
            records = check_promises(folder, servers, promised)
    figures = {"kills": done, "submitted": len(promised.submitted), "records": records}
    written(folder / "result.json", figures)


def test_ten_thousand_mutated_uploads(tmp_path: Path) -> None:
    folder = place(tmp_path, "service-mutants")
    log, done, codes = folder / "done.json", 0, {"200": 0, "422": 0}
    whole = seeds(folder)
    if log.exists():
        row = json.loads(log.read_text(encoding="utf-8"))
        done, codes = int(row["done"]), dict(row["codes"])
    (folder / "v.db").unlink(missing_ok=True)
    with house(folder / "v.db", folder) as here:
        key = here.key()
        while done < UPLOADS:
            kind, data = mutant(whole, np.random.default_rng(done))
            field = {"clip": "clip", "sound": "voice", "picture": "selfie"}[kind]
            answer = here.client.post("/v1/verify", files={field: data}, headers=key)
            assert answer.status_code in (200, 422), (done, kind, answer.text)
            codes[str(answer.status_code)] += 1
            done += 1
            if done % 100 == 0:
                most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                assert most < MOST_RSS_KB
                written(log, {"done": done, "codes": codes, "rss_kb": most})
