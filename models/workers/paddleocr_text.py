"""PaddleOCR's detection and recognition of text as a worker, on onnxruntime, without paddlepaddle.

Runs in the environment that `veridical engines install paddleocr` builds, with the paths of two
PP-OCRv6 networks as its arguments. Two questions are answered:

* A picture, (h, w, 3) uint8 RGB, and (1,) int32, the longer side the net may see: (n, 4, 2)
  float32 corners in pixels of the picture and (n,) float32 scores.
* A picture of one line, (h, w, 3) uint8 RGB: its text as UTF-8 bytes, (1,) float32 mean probability
  of its characters, and the place of each along the line, (characters,) float32, 0..1.

Nothing is fetched: the `inference.yml` that PaddleOCR wants beside a network, and that the wheels
of these networks lack, is written here out of the network's own metadata.
"""

import os
import sys
import tempfile
from pathlib import Path

# Before the imports that read them: no network is looked for elsewhere, one thread.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
os.environ["PADDLE_PDX_CACHE_HOME"] = str(Path(sys.prefix) / "cache")
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from frames import (  # type: ignore[import-not-found]
    FrameError,
    pack_arrays,
    pack_error,
    unpack_arrays,
)
from numpy.typing import NDArray

DETECTOR = "PP-OCRv6_small_det"
RECOGNISER = "PP-OCRv6_small_rec"
DETECTOR_YML = {
    "Global": {"model_name": DETECTOR},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetLabelEncode": None},
            {"DetResizeForTest": None},
            {
                "NormalizeImage": {
                    "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225],
                    "scale": "1./255.",
                    "order": "hwc",
                }
            },
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
        ]
    },
    "PostProcess": {
        "name": "DBPostProcess",
        "thresh": 0.3,
        # That of veridical's own detector, so that the two differ in their code alone.
        "box_thresh": 0.5,
        "max_candidates": 1000,
        "unclip_ratio": 1.5,
    },
}
RECOGNISER_YML = {
    "Global": {"model_name": RECOGNISER},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
            {"RecResizeImg": {"image_shape": [3, 48, 320]}},
            {"KeepKeys": {"keep_keys": ["image"]}},
        ]
    },
}
ENGINE = {
    "engine": "onnxruntime",
    "engine_config": {"intra_op_num_threads": 1, "inter_op_num_threads": 1},
}


class Text:
    """PaddleOCR's two steps over two networks.

    Args:
        detector: Path of PP-OCRv6 small detection as ONNX.
        recogniser: Path of PP-OCRv6 small recognition as ONNX, with its characters as metadata.
    """

    def __init__(self, detector: str, recogniser: str) -> None:
        import onnxruntime
        from paddleocr import TextDetection, TextRecognition  # type: ignore[import-not-found]

        metadata = onnxruntime.InferenceSession(recogniser).get_modelmeta().custom_metadata_map
        decode = {"name": "CTCLabelDecode", "character_dict": metadata["character"].split("\n")}
        # Gone before the first question: a worker that is killed leaves nothing behind.
        with tempfile.TemporaryDirectory() as folder:
            self._detector = TextDetection(
                model_name=DETECTOR,
                model_dir=_model_dir(Path(folder, "det"), detector, DETECTOR_YML),
                **ENGINE,
            )
            self._recogniser = TextRecognition(
                model_name=RECOGNISER,
                model_dir=_model_dir(
                    Path(folder, "rec"), recogniser, {**RECOGNISER_YML, "PostProcess": decode}
                ),
                **ENGINE,
            )

    def find(self, picture: NDArray[np.uint8], side_px: int) -> list[NDArray[np.generic]]:
        """Corners and scores of the lines in a picture."""
        blue_first = np.ascontiguousarray(picture[:, :, ::-1])
        (found,) = self._detector.predict(blue_first, limit_side_len=side_px, limit_type="max")
        quads = np.array(found["dt_polys"], np.float32).reshape(-1, 4, 2)
        return [quads, np.array(found["dt_scores"], np.float32).reshape(-1)]

    def read(self, line: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
        """Text, score and places of the characters of one line."""
        blue_first = np.ascontiguousarray(line[:, :, ::-1])
        (found,) = self._recogniser.predict(blue_first, return_word_box=True)
        text, (columns, words, places, _) = found["rec_text"]
        centres: list[float] = []
        for word, word_places in zip(words, places, strict=True):
            for characters, place in zip(word, word_places, strict=True):
                centres.extend([(place + 0.5) / columns] * len(characters))
        return [
            np.frombuffer(text.encode(), np.uint8),
            np.array([found["rec_score"]], np.float32),
            np.clip(np.array(centres, np.float32), 0, 1),
        ]


def _model_dir(folder: Path, network: str, config: dict[str, object]) -> str:
    """A network in the way PaddleOCR wants it."""
    import yaml  # type: ignore[import-untyped]

    folder.mkdir()
    (folder / "inference.onnx").symlink_to(Path(network).resolve())
    text = yaml.safe_dump(config, allow_unicode=True)
    (folder / "inference.yml").write_text(text, encoding="utf-8")
    return str(folder)


def main() -> None:
    """Answer pictures until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    import cv2

    cv2.setNumThreads(1)
    text = Text(sys.argv[1], sys.argv[2])
    while True:
        try:
            sent, *side = unpack_arrays(sys.stdin.buffer.read)
            picture = np.asarray(sent, np.uint8)
            found = text.find(picture, int(side[0][0])) if side else text.read(picture)
            answer = pack_arrays(found)
        except EOFError:
            return
        # Whatever a picture brings about over there is told, and the next one is answered.
        except (FrameError, ValueError, TypeError, RuntimeError, IndexError, cv2.error) as error:
            answer = pack_error(f"{type(error).__name__}: {error}")
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
