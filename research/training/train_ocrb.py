"""Train `ocrb-line`: reads a line of OCR-B (A to Z, 0 to 9 and the filler).

    python research/training/train_ocrb.py OUT.onnx [--steps 2500] [--seed 7]

Everything it sees is drawn on the fly with fonts of Debian's packages fonts-ocr-b, fonts-dejavu and
fonts-liberation: random strings at random pitch, size and slant, on uneven paper with waves, ruled
lines and parts of neighbouring lines, then shrunk to few pixels a character, blurred, saved as
JPEG, lit badly. The characters are drawn one by one, so it is known where each stands: every step
of the net is taught the character whose middle is near, or the blank; no alignment has to be
learned.
torch==2.13.0, one thread, about a quarter of an hour of CPU time.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
HEIGHT, WIDTH, STEP = 32, 256, 4
GLYPH_PX = 64
FONTS = (
    ("opentype/ocr-b/OCRB.otf", 5),
    ("opentype/ocr-b/OCRBS.otf", 3),
    ("opentype/ocr-b/OCRBF.otf", 2),
    ("truetype/dejavu/DejaVuSansMono.ttf", 1),
    ("truetype/liberation/LiberationMono-Regular.ttf", 1),
    ("truetype/liberation/LiberationMono-Bold.ttf", 1),
)
BATCH = 32
REACH = 0.28
"""Share of the pitch around a character's middle in which a step is taught the character."""


class LineNet(nn.Module):
    """(n, 1, 32, w) float32, 0 (black) to 1, to (n, w / 4, 38) logits; class 0 is the blank."""

    def __init__(self) -> None:
        super().__init__()

        def block(taken: int, given: int, stride: tuple[int, int]) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(taken, given, 3, stride, 1, bias=False),
                nn.BatchNorm2d(given),
                nn.ReLU(inplace=True),
            )

        self.body = nn.Sequential(
            block(1, 16, (2, 2)),
            block(16, 32, (2, 2)),
            block(32, 48, (1, 1)),
            block(48, 64, (2, 1)),
            block(64, 96, (2, 1)),
            nn.Conv2d(96, 128, (2, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 128, (1, 5), padding=(0, 2), bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
        )
        self.head = nn.Conv2d(128, len(CHARACTERS) + 1, 1)

    def forward(self, line: Tensor) -> Tensor:
        """Logits of each step."""
        return self.head(self.body(line)).squeeze(2).transpose(1, 2)


class Reader(nn.Module):
    """The net with probabilities in place of logits, as it is shipped."""

    def __init__(self, net: LineNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, line: Tensor) -> Tensor:
        """Probabilities of each step."""
        return self.net(line).softmax(2)


def glyphs(folder: Path) -> list[tuple[int, list[NDArray[np.float32]]]]:
    """Ink of every character in every font, centred in its cell, with the font's weight."""
    found = []
    for name, weight in FONTS:
        path = folder / name
        if not path.is_file():
            print(f"{path} is not there: training goes on without it")
            continue
        font = ImageFont.truetype(str(path), GLYPH_PX)
        cells = []
        for character in CHARACTERS:
            cell = Image.new("L", (GLYPH_PX, GLYPH_PX + 16), 0)
            ImageDraw.Draw(cell).text((GLYPH_PX / 2, GLYPH_PX), character, 255, font, anchor="ms")
            cells.append(np.asarray(cell, np.float32) / np.float32(255))
        found.append((weight, cells))
    return found


def draw_string(rng: Generator, count: int) -> list[int]:
    """Characters as zones have them: words, digits, and runs of fillers."""
    out: list[int] = []
    while len(out) < count:
        length, kind = int(rng.integers(1, 9)), rng.random()
        if kind < 0.35:
            out += rng.integers(10, 36, length).tolist()
        elif kind < 0.65:
            out += rng.integers(0, 10, length).tolist()
        elif kind < 0.85:
            out += [36] * length
        else:
            out += rng.integers(0, 37, length).tolist()
    return out[:count]


def draw_line(
    rng: Generator, fonts: list[tuple[int, list[NDArray[np.float32]]]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """One training line and what each step shows."""
    weights = np.array([weight for weight, _ in fonts], np.float64)
    cells = fonts[rng.choice(len(fonts), p=weights / weights.sum())][1]
    # At GLYPH_PX = 64 OCR-B is about 46 px high and 39 px wide: lay out at that size, then shrink.
    size = rng.uniform(0.42, 0.8) * HEIGHT / 46  # scale to the net's input
    pitch = rng.uniform(37, 52)
    count = int(WIDTH / size / pitch) + 3
    start = rng.uniform(-1.5, 2.5) * pitch
    length = count if rng.random() < 0.6 else int(rng.integers(3, count + 1))
    text = draw_string(rng, length)
    wide = int(WIDTH / size) + 8
    high = int(HEIGHT / size) + 8
    ink = np.zeros((high + 160, wide + 160), np.float32)
    base = (high + 160) // 2 + 23 - GLYPH_PX  # top of a cell whose digits stand in the middle
    rows = [(0.0, text)]
    rows += [
        (side * rng.uniform(66, 110), draw_string(rng, count))
        for side in (-1, 1)
        if rng.random() < 0.4
    ]
    for shift, row in rows:
        for place, character in enumerate(row):
            x = round(80 + start + place * pitch - GLYPH_PX / 2)
            y = round(base + shift)
            if 0 <= x < wide + 160 - GLYPH_PX and 0 <= y < high + 160 - GLYPH_PX - 16:
                spot = ink[y : y + GLYPH_PX + 16, x : x + GLYPH_PX]
                np.maximum(spot, cells[character], out=spot)
    if rng.random() < 0.4:
        side = int(rng.integers(2, 5))
        kernel = np.ones((side, side), np.uint8)
        ink = (cv2.dilate if rng.random() < 0.6 else cv2.erode)(ink, kernel)
    # Slant, shift and shrink in one warp; x of a middle follows the same matrix.
    turn, shear = rng.normal(0, 0.012), rng.normal(0, 0.08)
    centre = np.array([80 + wide / 2, (high + 160) / 2])
    matrix = np.array([[1, shear], [turn, 1]]) * size
    offset = np.array([WIDTH / 2, HEIGHT / 2 + rng.normal(0, 1.6)]) - matrix @ centre
    warp = np.hstack([matrix, offset[:, None]])
    coarse = rng.uniform(0.28, 1.0) if rng.random() < 0.6 else 1.0
    small = (max(8, round(WIDTH * coarse)), max(6, round(HEIGHT * coarse)))
    ink = cv2.GaussianBlur(ink, (0, 0), 0.45 / size)
    to_small = np.diag([small[0] / WIDTH, small[1] / HEIGHT])
    ink = cv2.warpAffine(ink, to_small @ warp, small, flags=cv2.INTER_LINEAR)
    line = cv2.resize(ink, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    line = spoil(line, rng)
    target = np.zeros(WIDTH // STEP, np.int64)
    steps = (np.arange(WIDTH // STEP) + 0.5) * STEP
    for place, character in enumerate(text):
        x = (warp @ np.array([80 + start + place * pitch, (high + 160) / 2, 1]))[0]
        target[np.abs(steps - x) < max(REACH * pitch * size, STEP * 0.51)] = character + 1
    return line, target


def spoil(ink: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Put ink on paper, and photograph it badly."""
    cells = (int(rng.integers(2, 5)), int(rng.integers(3, 20)))
    paper = 0.75 + rng.normal(0, 0.07, cells).astype(np.float32)
    paper = cv2.resize(paper, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    if rng.random() < 0.5:
        slope, period = rng.normal(0, 1), rng.uniform(2.5, 14)
        waves = np.sin((x * slope + y) / period * 6.28 + 2 * np.sin(x / rng.uniform(8, 40)))
        paper = paper + rng.uniform(0.01, 0.09) * waves
    if rng.random() < 0.1:
        cv2.line(paper, (0, int(rng.integers(32))), (WIDTH, int(rng.integers(32))), 0.4, 1)
    dark = rng.uniform(0.05, 0.45)
    line = paper * (1 - ink) + dark * ink
    if rng.random() < 0.4:
        line = cv2.GaussianBlur(line, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.2:
        line = cv2.blur(line, (int(rng.integers(2, 6)), 1))
    if rng.random() < 0.15:
        line = line + rng.uniform(0.2, 0.6) * np.exp(
            -((x - rng.uniform(0, WIDTH)) ** 2) / (2 * rng.uniform(15, 50) ** 2)
        )
    line = line * rng.uniform(0.5, 1.25) + rng.normal(0, rng.uniform(0, 0.05), line.shape)
    grey = np.clip(line * 255, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))]
        grey = cv2.imdecode(cv2.imencode(".jpg", grey, quality)[1], cv2.IMREAD_GRAYSCALE)
    return stretched(grey)


def stretched(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Between the 2nd and the 98th percentile of the line, as the reader does at run time."""
    low, high = np.percentile(grey, (2, 98))
    line = (grey.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 8))
    return np.clip(line, 0, 1).astype(np.float32)


def main() -> None:
    """Train, test on lines not seen, export."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("out", type=Path)
    asked.add_argument("--steps", type=int, default=2500)
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    given = asked.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    fonts = glyphs(given.fonts)
    net = LineNet()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, given.steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    mean = 0.0
    for step in range(given.steps):
        drawn = [draw_line(rng, fonts) for _ in range(BATCH)]
        lines = torch.from_numpy(np.stack([line for line, _ in drawn])[:, None])
        target = torch.from_numpy(np.stack([target for _, target in drawn]))
        loss = loss_of(net(lines).flatten(0, 1), target.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        mean += (loss.item() - mean) * (0.05 if step else 1.0)
        if step % 50 == 49:
            print(f"step {step + 1} loss {mean:.4f} cpu {time.process_time():.0f} s", flush=True)
        if step % 500 == 499 or step + 1 == given.steps:
            export(net, given.out)
            net.train()


def export(net: LineNet, out: Path) -> None:
    """Write the ONNX file, its alphabet in the metadata."""
    import onnx

    net.eval()
    torch.onnx.export(
        Reader(net),
        (torch.zeros(1, 1, HEIGHT, WIDTH),),
        str(out),
        input_names=["line"],
        output_names=["probability"],
        dynamic_axes={"line": {0: "n", 3: "w"}, "probability": {0: "n", 1: "t"}},
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(str(out))
    entry = model.metadata_props.add()
    entry.key, entry.value = "character", "\n".join(CHARACTERS)
    onnx.save(model, str(out))


if __name__ == "__main__":
    main()
