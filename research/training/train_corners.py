"""Train `document-mask`: which pixels of a picture belong to an identity document? Not shipped.

    python research/training/train_corners.py OUT.onnx [--steps 450] [--seed 11]

The four corners follow from the outline of the mask. Everything it sees is drawn: flat specimens of
this project's own renderer, laid with strong perspective on invented surfaces with clutter, lit
badly, blurred, and brought down to the size the net works at. One picture in eight shows clutter
and no document. torch==2.13.0, one thread, about three minutes of CPU time.

After 450 steps its corners overlap the true ones by 0.78 on the independent renders (0.93 for the
corners that the layout predicts and the edges in the picture mend), so the reader does without it;
longer training was not tried (docs/measurements/documents.md).
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from veridical.rehearsal.specimens.cards import (
    draw_card_back,
    draw_card_front,
    draw_travel_document,
)
from veridical.rehearsal.specimens.fonts import system_fonts
from veridical.rehearsal.specimens.people import draw_back, draw_front, draw_traveller

SIDE_PX = 128
MASK_PX = 64
DRAWINGS, FLAT_PX = 48, 300
BATCH = 16


class MaskNet(nn.Module):
    """(n, 3, 128, 128) float32, RGB, -1..1, to (n, 1, 64, 64) logits."""

    def __init__(self) -> None:
        super().__init__()

        def block(taken: int, given: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(taken, given, 3, stride, 1, bias=False),
                nn.BatchNorm2d(given),
                nn.ReLU(inplace=True),
            )

        self.down64 = nn.Sequential(block(3, 12, 2), block(12, 16))
        self.down32 = nn.Sequential(block(16, 32, 2), block(32, 32))
        self.down16 = nn.Sequential(block(32, 48, 2), block(48, 48))
        self.down8 = nn.Sequential(block(48, 64, 2), block(64, 64))
        # A document may fill the picture: the deepest part must see all of it.
        self.down4 = nn.Sequential(block(64, 96, 2), block(96, 96), block(96, 64))
        self.up8 = block(64 + 64, 48)
        self.up16 = block(48 + 48, 32)
        self.up32 = block(32 + 32, 24)
        self.up64 = nn.Sequential(block(24 + 16, 16), nn.Conv2d(16, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """Logits of each pixel."""

        def larger(small: Tensor) -> Tensor:
            return nn.functional.interpolate(small, scale_factor=2.0, mode="nearest")

        at64 = self.down64(picture)
        at32 = self.down32(at64)
        at16 = self.down16(at32)
        at8 = self.down8(at16)
        up = self.up8(torch.cat([larger(self.down4(at8)), at8], 1))
        up = self.up16(torch.cat([larger(up), at16], 1))
        up = self.up32(torch.cat([larger(up), at32], 1))
        return self.up64(torch.cat([larger(up), at64], 1))


class Shipped(nn.Module):
    """The net with probabilities in place of logits."""

    def __init__(self, net: MaskNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> Tensor:
        """Probabilities of each pixel."""
        return torch.sigmoid(self.net(picture))


def flat_documents(rng: Generator) -> list[NDArray[np.float32]]:
    """Specimens of every kind, as they are drawn, `FLAT_PX` wide."""
    fonts = system_fonts()
    flat = []
    for number in range(DRAWINGS):
        written = fonts[number % len(fonts)]
        kind = ("front", "back", "td1", "td2", "td3", "mrva")[number % 6]
        if kind == "front":
            drawing = draw_card_front(draw_front(rng), None, written, rng)
        elif kind == "back":
            drawing = draw_card_back(draw_back(rng), written, rng)
        else:
            drawing = draw_travel_document(kind, draw_traveller(rng, kind), None, written, rng)
        pixels = drawing.image.pixels
        size = (FLAT_PX, round(FLAT_PX * pixels.shape[0] / pixels.shape[1]))
        flat.append(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32))
    return flat


def surface(rng: Generator) -> NDArray[np.float32]:
    """Something a document may lie on, with clutter: patches, stripes, straight edges, writing."""
    side = SIDE_PX
    spread = 25 if rng.random() < 0.65 else 90  # most tables are nearly grey or brown
    base = np.clip(rng.uniform(15, 240) + rng.normal(0, spread, 3), 5, 250)
    canvas = np.ones((side, side, 3), np.float32) * base.astype(np.float32)
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    if rng.random() < 0.6:
        cells = int(rng.integers(2, 24))
        patches = rng.uniform(-70, 70, (cells, cells, 3)).astype(np.float32)
        if rng.random() < 0.75:
            patches = patches.mean(axis=2, keepdims=True).repeat(3, axis=2)
        canvas += cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.35:
        turn, period = rng.uniform(0, np.pi), rng.uniform(3, 30)
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) / period * 6.28 + 2 * np.sin(y / 20))
        canvas += rng.uniform(5, 40) * wave[:, :, None]
    canvas = np.clip(canvas, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 6)) if rng.random() < 0.6 else 0):
        colour = rng.uniform(0, 255, 3).tolist()
        kind = rng.random()
        centre = tuple(int(v) for v in rng.integers(-20, side + 20, 2))
        if kind < 0.4:
            size = rng.uniform(10, 140, 2)
            box = cv2.boxPoints((centre, tuple(size), float(rng.uniform(0, 90))))
            cv2.fillPoly(canvas, [box.astype(np.int32)], colour, cv2.LINE_AA)
        elif kind < 0.7:
            end = tuple(int(v) for v in rng.integers(-20, side + 20, 2))
            cv2.line(canvas, centre, end, colour, int(rng.integers(1, 5)), cv2.LINE_AA)
        else:
            for row in range(int(rng.integers(1, 7))):
                place = (centre[0], centre[1] + 6 * row)
                cv2.putText(canvas, "mnopqr usvw", place, cv2.FONT_HERSHEY_PLAIN, 0.5, colour, 1)
    return canvas.astype(np.float32)


def corners(
    width: float, height: float, rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A document seen by a camera, tilted and turned, and the part of the square it shows."""
    tilt_x, tilt_y = np.deg2rad(rng.normal(0, 16, 2)).clip(-0.75, 0.75)
    turn = rng.uniform(-np.pi, np.pi) if rng.random() < 0.3 else rng.normal(0, 0.15)
    turn += rng.choice([0, 0, 0, np.pi / 2, np.pi])
    points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64) / 2
    points *= [1.0, height / width]
    across = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = points @ across.T
    depth = 1 + (points[:, 0] * np.sin(tilt_y) + points[:, 1] * np.sin(tilt_x)) * rng.uniform(
        0.3, 0.9
    )
    points = points * [np.cos(tilt_y), np.cos(tilt_x)] / depth[:, None]
    points -= (points.max(0) + points.min(0)) / 2
    reach = points.max(0) - points.min(0)
    # A photograph is wider than tall, or taller than wide: a part of the square stays empty.
    room = np.array([1.0, rng.choice([0.75, 0.75, 0.5625, 1.0])])
    if rng.random() < 0.4:
        room = room[::-1]
    points *= rng.uniform(0.28, 1.0) * (room / reach).min()
    free = np.maximum(room - (points.max(0) - points.min(0)), 0)
    shift = (rng.random(2) - 0.5) * free
    if rng.random() < 0.12:
        shift += rng.normal(0, 0.08, 2)
    return ((points + shift + 0.5) * SIDE_PX).astype(np.float32), room


def scene(
    flat: list[NDArray[np.float32]], rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One training picture, (128, 128, 3) uint8-valued, and its mask, (64, 64) 0..1."""
    canvas = surface(rng)
    mask = np.zeros((SIDE_PX * 2, SIDE_PX * 2), np.float32)
    page = flat[rng.integers(len(flat))]
    height, width = page.shape[:2]
    quad, room = corners(width, height, rng)
    if rng.random() < 0.88:
        page = page.mean(axis=2, keepdims=True).repeat(3, 2) if rng.random() < 0.15 else page
        # The drawings' paper is pale: tint and darken it, so that contrast is no rule.
        page = page * rng.uniform(0.55, 1.05) * rng.uniform(0.8, 1.05, 3).astype(np.float32)
        outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        double = cv2.getPerspectiveTransform(outline, quad * 2)
        card = np.zeros((height, width), np.float32)
        radius = int(height * rng.uniform(0, 0.06)) + 1
        cv2.rectangle(card, (radius, 0), (width - radius, height), 1.0, -1)
        cv2.rectangle(card, (0, radius), (width, height - radius), 1.0, -1)
        for x in (radius, width - radius):
            for y in (radius, height - radius):
                cv2.circle(card, (x, y), radius, 1.0, -1)
        wide = (SIDE_PX * 2, SIDE_PX * 2)
        laid = cv2.warpPerspective(page, double, wide, flags=cv2.INTER_LINEAR)
        laid = cv2.resize(laid, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        cover = cv2.warpPerspective(card, double, wide, flags=cv2.INTER_LINEAR)
        mask = cv2.warpPerspective(np.ones_like(card), double, wide, flags=cv2.INTER_LINEAR)
        cover = cv2.resize(cover, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)[:, :, None]
        if rng.random() < 0.7:
            moved = np.float32([[1, 0, rng.normal(0, 2)], [0, 1, rng.normal(0, 2)]])
            shadow = cv2.warpAffine(cover[:, :, 0], moved, (SIDE_PX, SIDE_PX))
            shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.8, 4))[:, :, None]
            canvas *= 1 - rng.uniform(0.1, 0.5) * shadow
        canvas = canvas * (1 - cover) + laid * cover
        if rng.random() < 0.3:  # fingers
            for _ in range(int(rng.integers(1, 4))):
                spot = quad[rng.integers(4)] + rng.normal(0, 6, 2)
                skin = np.array([205, 160, 135]) * rng.uniform(0.4, 1.1)
                axes = (int(rng.integers(6, 16)), int(rng.integers(3, 6)))
                place = tuple(int(v) for v in spot)
                turn = float(rng.uniform(0, 180))
                cv2.ellipse(canvas, place, axes, turn, 0, 360, skin.tolist(), -1, cv2.LINE_AA)
    x, y = np.meshgrid(np.linspace(-1, 1, SIDE_PX), np.linspace(-1, 1, SIDE_PX))
    light = 1 + rng.uniform(-0.4, 0.4) * x + rng.uniform(-0.4, 0.4) * y
    canvas = canvas * light[:, :, None] * rng.uniform(0.25, 1.25)
    if rng.random() < 0.25:
        spot = np.exp(
            -((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2)
            / rng.uniform(0.02, 0.3)
        )
        canvas = canvas + 255 * rng.uniform(0.3, 1.0) * spot[:, :, None]
    if rng.random() < 0.4:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.3, 1.4))
    canvas = canvas + rng.normal(0, rng.uniform(0, 10), canvas.shape)
    # Outside the photograph the square is empty, as at run time.
    low = np.round((0.5 - room / 2) * SIDE_PX).astype(int)
    high = np.round((0.5 + room / 2) * SIDE_PX).astype(int)
    seen = np.zeros((SIDE_PX, SIDE_PX, 1), np.float32)
    seen[low[1] : high[1], low[0] : high[0]] = 1
    canvas = np.where(seen > 0, np.clip(canvas, 0, 255), 127.5)
    small = cv2.resize(mask, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
    small *= cv2.resize(seen[:, :, 0], (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
    return canvas.astype(np.float32), small


def batch_of(flat: list[NDArray[np.float32]], rng: Generator, count: int) -> tuple[Tensor, Tensor]:
    """Pictures and masks as the net takes them."""
    drawn = [scene(flat, rng) for _ in range(count)]
    pictures = np.stack([picture for picture, _ in drawn]).transpose(0, 3, 1, 2)
    masks = np.stack([mask for _, mask in drawn])[:, None]
    return (
        torch.from_numpy(pictures / np.float32(127.5) - np.float32(1)),
        torch.from_numpy(masks.astype(np.float32)),
    )


def loss_of(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy, the outline counted more, and what the two areas do not share."""
    soft = nn.functional.avg_pool2d(masks, 5, 1, 2)
    weight = 1 + 4 * (4 * soft * (1 - soft))
    cross = nn.functional.binary_cross_entropy_with_logits(logits, masks, weight)
    found = torch.sigmoid(logits)
    shared = (found * masks).sum((1, 2, 3))
    dice = 1 - (2 * shared + 1) / (found.sum((1, 2, 3)) + masks.sum((1, 2, 3)) + 1)
    return cross + dice.mean()


def main() -> None:
    """Train, test on scenes of another seed, export."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("out", type=Path)
    asked.add_argument("--steps", type=int, default=450)
    asked.add_argument("--seed", type=int, default=11)
    given = asked.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    flat = flat_documents(rng)
    net = MaskNet()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, given.steps)
    mean = 0.0
    for step in range(given.steps):
        pictures, masks = batch_of(flat, rng, BATCH)
        loss = loss_of(net(pictures), masks)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        mean += (loss.item() - mean) * (0.05 if step else 1.0)
        if step % 50 == 49:
            print(f"step {step + 1} loss {mean:.4f} cpu {time.process_time():.0f} s", flush=True)
        if step % 150 == 149 or step + 1 == given.steps:
            export(net, given.out)
            print(f"step {step + 1} overlap {overlap(net, flat, given.seed + 1):.4f}", flush=True)
            net.train()


def overlap(net: MaskNet, flat: list[NDArray[np.float32]], seed: int) -> float:
    """Mean intersection over union on 100 scenes of another seed; an empty one counts fully."""
    rng = np.random.default_rng(seed)
    net.eval()
    shares = []
    with torch.no_grad():
        for _ in range(4):
            pictures, masks = batch_of(flat, rng, 25)
            found = net(pictures) > 0
            real = masks > 0.5
            both = (found & real).sum((1, 2, 3)).float()
            either = (found | real).sum((1, 2, 3)).float()
            shares.append(torch.where(either > 0, both / either.clamp(min=1), 1.0))
    return float(torch.cat(shares).mean())


def export(net: MaskNet, out: Path) -> None:
    """Write the ONNX file."""
    net.eval()
    torch.onnx.export(
        Shipped(net),
        (torch.zeros(1, 3, SIDE_PX, SIDE_PX),),
        str(out),
        input_names=["picture"],
        output_names=["document"],
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    main()
