"""kill -9 during enrolment: nothing acknowledged is lost, nothing is doubled, nothing comes back.

The long form is `tests/soak/test_gallery_soak.py`. Killing a process is not cutting the power.
"""

import random
from pathlib import Path

from tests.gallery_kills import Promises, kill_writer, verify
from veridical.store import Database


def test_ten_kills_during_enrolment(tmp_path: Path) -> None:
    database = Database(tmp_path / "kill.db")
    database.upgrade()
    database.close()
    dice, promises = random.Random(13), Promises()
    for generation in range(10):
        kill_writer(tmp_path, generation, dice, promises)
    assert len(promises.enrolled) >= 10
    assert verify(tmp_path, promises) >= len(promises.enrolled - promises.asked)
