"""Render the voice that leads applicants: sound files beside the page, from the page's own texts.

    apt-get install espeak-ng
    python research/voice_prompts.py

eSpeak NG is GPL-3.0-or-later. That licence covers the program and its data; what it speaks of a
text of ours is ours, under the licence of this project.
"""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import av

PAGES = Path(__file__).parent.parent / "service" / "pages" / "static" / "capture"
VOICES = {"en": "en-us", "zh": "cmn"}
SPOKEN = (
    "document_front", "document_back", "document_hint", "passport_hint", "hold_still", "more_light",
    "fit_frame", "avoid_glare", "hold_steady", "clip_hint", "face_hint", "moves_hint", "lit_hint",
    "looking", "move_away", "into_oval", "face_ready", "too_quiet", "light_title", "light_text",
    "other_way_text", "offline", "slow_device", "device_refused", "device_missing", "device_busy",
    "device_failed", "connection_slow",
)  # fmt: skip
FAMILIES = ("advice.", "ending.")
WORDS_A_MINUTE = "150"
BITS = 24_000


def main() -> int:
    """Write `voice/LANGUAGE/KEY.mp3`, and `voice/LANGUAGE.json`: which keys there are."""
    program = shutil.which("espeak-ng")
    if program is None:
        sys.stderr.write("espeak-ng is not installed: apt-get install espeak-ng\n")
        return 3
    for language, voice in VOICES.items():
        texts = json.loads((PAGES / "languages" / f"{language}.json").read_text("utf-8"))
        keys = sorted(key for key in texts if key in SPOKEN or key.startswith(FAMILIES))
        folder = PAGES / "voice" / language
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for key in keys:
            command = [program, "-v", voice, "-s", WORDS_A_MINUTE, "--stdout", texts[key]]
            spoken = subprocess.run(command, capture_output=True, check=True).stdout
            (folder / f"{key}.mp3").write_bytes(compressed(spoken))
        (PAGES / "voice" / f"{language}.json").write_text(json.dumps(keys) + "\n", "utf-8")
    return 0


def compressed(wave: bytes) -> bytes:
    """One channel of MP3, which every browser plays."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(wave), format="wav") as source,
        av.open(out, "w", format="mp3") as target,
    ):
        sound = source.streams.audio[0]
        stream = target.add_stream("mp3", rate=sound.rate, layout="mono")
        stream.bit_rate = BITS
        for frame in source.decode(sound):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())
