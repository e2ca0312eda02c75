"""One stock library of the verification chain, in an environment of its own (`make peers`).

    python peer_chain.py NAME FOLDER

Called by `bench_chain.py`, which left the inputs in the folder. Every line on standard input asks
for one run; the answer is one JSON line: `ms`, the processor time of this process, and `found`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # some of these libraries print


def rapidocr(folder: Path) -> Callable[[], str]:
    """Every line of the card."""
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    engine = RapidOCR(
        params={
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "error",
        }
    )
    card = cv2.imread(str(folder / "card.png"))
    return lambda: f"{len(engine(card).txts or ())} lines"


def face_recognition(folder: Path) -> Callable[[], str]:
    """Find and embed the faces of card and selfie."""
    import face_recognition as library

    pictures = [library.load_image_file(str(folder / name)) for name in ("card.png", "selfie.png")]

    def run() -> str:
        vectors = [library.face_encodings(p, library.face_locations(p)) for p in pictures]
        return f"faces in {sum(map(bool, vectors))} of 2 pictures"

    return run


def mediapipe(folder: Path) -> Callable[[], str]:
    """Face mesh on every frame, in its mode for video."""
    import numpy as np
    from mediapipe.python.solutions.face_mesh import FaceMesh

    frames = np.load(folder / "frames.npy")

    def run() -> str:
        with FaceMesh(static_image_mode=False, max_num_faces=1) as mesh:
            seen = [mesh.process(frame).multi_face_landmarks for frame in frames]
        return f"mesh in {sum(map(bool, seen))} of {len(seen)} frames"

    return run


def resemblyzer(folder: Path) -> Callable[[], str]:
    """Cut silence off and embed."""
    import numpy as np
    import torch
    from resemblyzer import VoiceEncoder, preprocess_wav

    torch.set_num_threads(1)
    encoder = VoiceEncoder("cpu", verbose=False)
    sound = np.load(folder / "sound.npy")

    def run() -> str:
        wav = preprocess_wav(sound)
        encoder.embed_utterance(wav)
        return f"{len(wav) / 16_000:.1f} s of speech"

    return run


PEERS = {peer.__name__: peer for peer in (rapidocr, face_recognition, mediapipe, resemblyzer)}


def main() -> None:
    """Load one, then run it as often as asked."""
    run = PEERS[sys.argv[1]](Path(sys.argv[2]))
    for _ in sys.stdin:
        start = time.process_time()
        found = run()
        ms = (time.process_time() - start) * 1e3
        ANSWERS.write(json.dumps({"ms": ms, "found": found}) + "\n")
        ANSWERS.flush()


if __name__ == "__main__":
    main()
