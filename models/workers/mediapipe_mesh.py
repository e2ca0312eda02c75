"""MediaPipe's face mesh as a worker: an RGB picture in, the points of every face out.

Runs in the environment that `veridical engines install mediapipe` builds. In: one (h, w, 3) uint8
array. Out: one (faces, 478, 3) float32 array, x and y in pixels of the picture, z on the scale of
x; points 468 to 477 are the irises.
"""

import os
import sys

import numpy as np
from frames import (  # type: ignore[import-not-found]
    FrameError,
    pack_arrays,
    pack_error,
    unpack_arrays,
)

MAX_FACES = 4


def main() -> None:
    """Answer pictures until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    import mediapipe  # type: ignore[import-not-found]

    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=MAX_FACES, refine_landmarks=True
    )
    while True:
        try:
            (picture,) = unpack_arrays(sys.stdin.buffer.read)
            height, width = picture.shape[:2]
            found = mesh.process(np.ascontiguousarray(picture)).multi_face_landmarks or []
            points = [[(p.x * width, p.y * height, p.z * width) for p in f.landmark] for f in found]
            answer = pack_arrays([np.array(points, np.float32).reshape(-1, 478, 3)])
        except EOFError:
            return
        except (FrameError, ValueError, RuntimeError) as error:
            answer = pack_error(f"{type(error).__name__}: {error}")
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
