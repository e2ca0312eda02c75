"""kill -9 during enrolment: nothing acknowledged is lost, nothing is doubled, nothing comes back.

The long form is `tests/soak/test_gallery_soak.py`. Killing a process is not cutting the power.
"""

import random
from pathlib import Path

from tests.gallery_kills import Promises, Writers, verify
from veridical.store import Database

KILLS = 30


def test_thirty_kills_during_enrolment(tmp_path: Path) -> None:
    database = Database(tmp_path / "kill.db")
    database.upgrade()
    database.close()
    dice, promises = random.Random(13), Promises()
    with Writers(tmp_path) as writers:
        for generation in range(KILLS):
            writers.kill_one(generation, dice, promises)
    assert len(promises.enrolled) >= KILLS
    assert verify(tmp_path, promises) >= len(promises.enrolled - promises.asked)
