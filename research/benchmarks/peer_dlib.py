"""Embed pictures with `face_recognition` (dlib), in an environment of its own.

    python peer_dlib.py < paths.txt > vectors.json

Called by `bench_face.py match --peer-python`; that environment holds `dlib-bin`,
`face-recognition`, `face-recognition-models`, numpy and pillow. For a picture with several faces
the one nearest the centre counts, as on the other side. Prints one JSON object: `vectors` (null
where no face was found) and `cpu_ms`, one entry a picture.
"""

import json
import sys
import time

import face_recognition


def main() -> None:
    """Read paths, one a line; print what came of them."""
    vectors, cpu_ms = [], []
    for line in sys.stdin:
        image = face_recognition.load_image_file(line.strip())
        start = time.process_time()
        boxes = face_recognition.face_locations(image)
        vector = None
        if boxes:
            y, x = image.shape[0] / 2, image.shape[1] / 2
            box = min(boxes, key=lambda b: abs((b[0] + b[2]) / 2 - y) + abs((b[1] + b[3]) / 2 - x))
            vector = face_recognition.face_encodings(image, [box])[0].tolist()
        cpu_ms.append((time.process_time() - start) * 1e3)
        vectors.append(vector)
    json.dump({"vectors": vectors, "cpu_ms": cpu_ms}, sys.stdout)


if __name__ == "__main__":
    main()
