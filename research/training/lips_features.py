"""Measure lips and sound of every clip of an index once, for the two trainings.

    python research/training/lips_features.py INDEX.csv FOLDER

INDEX.csv has the columns file, speaker, text, train_ok; FOLDER gets one .npz per clip that may
train what is shipped (`train_ok` is yes): `lips` (n, 12) every 40 ms, `sound` (n, 128) four log-mel
frames a place, not standardised, and `places_ms`. Clips in which the mouth is missing too often are
left out, and named.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.errors import InputError
from veridical.face.track import FaceTracker
from veridical.liveness.lips.sound import STEP_MS, log_mel
from veridical.liveness.lips.sync import sound_at
from veridical.liveness.lips.track import GRID_MS, MouthTrack, follow_mouth
from veridical.media import read_clip
from veridical.types import Clip

SEEN_SHARE_AT_LEAST = 0.9
LEAST_PLACES = 25


def main(index: Path, folder: Path) -> None:
    """Measure every clip that may train and is not there yet."""
    engines = Engines.open()
    tracker = FaceTracker(engines.need(Engines.detector), engines.need(Engines.mesher))
    folder.mkdir(parents=True, exist_ok=True)
    with index.open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["train_ok"] == "yes"]
    for name in names:
        target = folder / f"{Path(name).stem}.npz"
        if target.exists():
            continue
        try:
            clip = read_clip(index.parent / name)
        except InputError as error:
            print(f"{name}: {error.code}")
            continue
        arrays = measure(clip, follow_mouth(clip, tracker))
        if arrays is None:
            print(f"{name}: no sound, or the mouth is missing")
            continue
        lips, sound, places_ms = arrays
        np.savez(target, lips=lips, sound=sound, places_ms=places_ms)


def measure(
    clip: Clip, track: MouthTrack
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]] | None:
    """Lips, sound and their places in time; None when there is too little of either."""
    if clip.audio is None or track.seen_share < SEEN_SHARE_AT_LEAST:
        return None
    mel = log_mel(clip.audio)
    seen = track.times_ms[track.seen]
    places_ms = np.arange(seen[0], min(seen[-1], len(mel) * STEP_MS - GRID_MS), GRID_MS)
    if len(places_ms) < LEAST_PLACES:
        return None
    return track.on_grid(places_ms), sound_at(mel, places_ms), places_ms


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
