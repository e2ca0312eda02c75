"""What does each part of silent liveness do, on real, simulated and generated presentations?

    python research/benchmarks/bench_silent.py measure PAD.csv LIPS_PAD.csv LIPS.csv OUT.jsonl [--own NET]
    python research/benchmarks/bench_silent.py tables OUT.jsonl

`measure` looks at every presentation once, with the gate open, and keeps numbers only: what each
view offers, each network's score, every cue. Broken off, it goes on where it stopped. `tables`
works out from them what each profile, gate and cue makes of it; it asks no network.

Simulated attacks are made of the very views that are judged, 12 frames of a clip: enough for every
cue but those of repeated frames, which are measured on whole clips in the tests.
"""

import argparse
import csv
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from onnxruntime import InferenceSession

from veridical.analysis.analysis import Analysis, spread
from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.liveness.cues import ALL_CUES
from veridical.liveness.ensemble import read_settings
from veridical.liveness.quality import Quality, QualityGate, assess_quality
from veridical.liveness.scorer import FrameScorer, ScorerInput
from veridical.liveness.silent import doubt, spread_views, vote
from veridical.media import Limits, read_clip, read_image
from veridical.models.session import OnnxSession
from veridical.rehearsal.attack import Attack
from veridical.rehearsal.simulate import simulate
from veridical.result import ModelRef
from veridical.types import Box, Clip, Image, View
from veridical.verification import Settings, Transaction

OPTICS = (
    Attack.SCREEN_REPLAY, Attack.PRINT, Attack.BORDERED_TABLET, Attack.PAPER_CUTOUT,
    Attack.MOUTH_CUTOUT,
)  # fmt: skip
NETWORKS = ("minifasnet-v2", "minifasnet-v1se", "faceplugin-liveness")
PICTURES = {".jpg", ".jpeg", ".png"}
VIEWS = 12
BASES, BASES_OF_OTHERS = 50, 25
"""Bona fide clips of which screens, and of which the other attacks are simulated."""
TIGHT = 2.0
"""Below these surroundings the views are judged once more with reflected margins."""
ACCEPT_AT, REJECT_BELOW = 0.6, 0.4


# --- what is measured -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One presentation to measure."""

    part: str
    name: str
    label: str
    species: str
    file: Path


Change = Callable[[Image, np.random.Generator], Image]


def _jpeg(image: Image, _: np.random.Generator) -> Image:
    return _coded(image.pixels, 20)


def _coded(pixels: np.ndarray[Any, Any], quality: int) -> Image:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Image(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))


def _quarter(image: Image, _: np.random.Generator) -> Image:
    small = cv2.resize(image.pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return Image(np.asarray(cv2.resize(small, (image.width, image.height)), np.uint8))


def _half_size(image: Image, _: np.random.Generator) -> Image:
    return Image(np.asarray(cv2.resize(image.pixels, None, fx=0.5, fy=0.5), np.uint8))


def _gamma(power: float) -> Change:
    return lambda image, _: Image(
        np.uint8(255 * (image.pixels / 255.0) ** power)  # type: ignore[arg-type]
    )


def _noise(sigma: float) -> Change:
    return lambda image, rng: Image(
        np.clip(image.pixels + rng.normal(0, sigma, image.pixels.shape), 0, 255).astype(np.uint8)
    )


def _grey(image: Image, _: np.random.Generator) -> Image:
    flat = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    return Image(np.asarray(cv2.cvtColor(flat, cv2.COLOR_GRAY2RGB), np.uint8))


CHANGES: dict[str, Change] = {
    "JPEG quality 20": _jpeg,
    "quarter resolution": _quarter,
    "half size": _half_size,
    "gamma 0.6": _gamma(0.6),
    "gamma 1.8": _gamma(1.8),
    "noise, sigma 3": _noise(3),
    "noise, sigma 8": _noise(8),
    "grey": _grey,
}
CROPS = {f"cropped to {share} times the face": share for share in (2.2, 1.6, 1.4, 1.2)}
BOXES = {
    "box 15 % smaller": (0.85, 0.0),
    "box 20 % larger": (1.2, 0.0),
    "box shifted 10 %": (1.0, 0.1),
}


def cropped(views: list[View], clip: Clip, share: float) -> Clip | None:
    """Every frame cut to `share` times the median face box, in both directions."""
    boxes = [view.subject.box for view in views if view.subject is not None]
    if not boxes:
        return None
    x, y = np.median([box.centre for box in boxes], axis=0)
    width = float(np.median([box.width for box in boxes])) * share
    height = float(np.median([box.height for box in boxes])) * share
    frame = clip.frames[0]
    left, top = max(0, int(x - width / 2)), max(0, int(y - height / 2))
    right, bottom = min(frame.width, int(x + width / 2)), min(frame.height, int(y + height / 2))
    return Clip(
        tuple(
            Image(np.ascontiguousarray(one.pixels[top:bottom, left:right])) for one in clip.frames
        ),
        clip.times_ms,
    )


class Bench:
    """Detector, mesh, networks and cues; one record a presentation."""

    def __init__(self, own: Path | None) -> None:
        self.engines = Engines.open(Settings(profile="standard"))
        self.engines.require("detector", "mesh")
        store = self.engines.store
        self.scorers = {
            name: FrameScorer(store.session(name), ScorerInput.from_card(store.card(name)))
            for name in NETWORKS
        }
        if own is not None:
            inference = InferenceSession(own, providers=["CPUExecutionProvider"])
            wants = ScorerInput(1.4, 96, "rgb", 1, 0.0, 1.0)
            self.scorers["own"] = FrameScorer(
                OnnxSession(inference, ModelRef("own", "0" * 64), ""), wants
            )
        self.at_most = read_settings().vote.views_at_most

    def views(self, clip: Clip) -> list[View]:
        """As the verifier sees a clip; a picture is a clip of one frame."""
        if len(clip.frames) == 1:
            transaction = Transaction("bench", selfie=clip.frames[0])
        else:
            transaction = Transaction("bench", clip=clip)
        return list(Analysis(transaction, self.engines).views)

    def record(self, views: list[View], clip: Clip) -> dict[str, Any]:
        """Everything the tables need."""
        start = time.thread_time()
        qualities = [assess_quality(view) for view in views]
        seen = [view for view, quality in zip(views, qualities, strict=True) if quality]
        judged = [seen[index] for index in spread_views(range(len(seen)), self.at_most)]
        gate_ms = (time.thread_time() - start) * 1e3
        start = time.thread_time()
        scores = [self._scores(view.image, view) for view in judged]
        nets_ms = (time.thread_time() - start) * 1e3
        start = time.thread_time()
        whole = clip if len(clip.frames) > 1 else None
        cues = {cue.name: cue(seen, whole) for cue in ALL_CUES} if seen else {}
        cues_ms = (time.thread_time() - start) * 1e3
        found: dict[str, Any] = {
            "qualities": [asdict(quality) if quality else None for quality in qualities],
            "scores": scores,
            "in_view": [self._in_view(view) for view in judged],
            "cues": cues,
            "cpu_ms": [gate_ms, nets_ms, cues_ms],
        }
        if judged and np.median([q.context for q in qualities if q]) < TIGHT:
            found["reflected"] = [self._reflected(view) for view in judged]
        return found

    def _scores(self, image: Image, view: View) -> dict[str, float]:
        assert view.subject is not None
        return {name: scorer(image, view.subject.box) for name, scorer in self.scorers.items()}

    def _in_view(self, view: View) -> dict[str, float]:
        assert view.subject is not None
        return {n: s.in_view(view.image, view.subject.box) for n, s in self.scorers.items()}

    def _reflected(self, view: View) -> dict[str, float]:
        """Scores with margins made of the picture's own reflection."""
        assert view.subject is not None
        box, image = view.subject.box, view.image
        pad = int(2.7 * max(box.width, box.height) / 2)
        wide = cv2.copyMakeBorder(image.pixels, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
        moved = Box(box.left + pad, box.top + pad, box.right + pad, box.bottom + pad)
        return {
            name: s(Image(np.asarray(wide, np.uint8)), moved) for name, s in self.scorers.items()
        }


def _read(path: Path) -> Clip:
    if path.suffix.lower() in PICTURES:
        return Clip((read_image(path),), np.zeros(1))
    # Benchmarks run beside other work: what counts is the CPU time, not the wall clock.
    return read_clip(path, Limits(decoder_timeout_s=900))


def few(clip: Clip) -> Clip:
    """The frames the verifier looks at, and no others."""
    chosen = list(spread(len(clip.frames), VIEWS))
    return Clip(tuple(clip.frames[i] for i in chosen), clip.times_ms[chosen])


def _rows(path: Path) -> Iterator[tuple[Mapping[str, str], Path]]:
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            yield row, path.parent / row["file"]


def items(pad: Path, heads: Path, lips: Path) -> tuple[list[Item], list[Item], list[Item]]:
    """The small set; genuine clips, those of one person in turn with those of others; heads."""
    small = [Item("pad", row["file"], row["label"], row["species"], f) for row, f in _rows(pad)]
    genuine: dict[str, list[Item]] = {}
    for row, file in _rows(heads):
        if row["label"] == "bona_fide":
            item = Item("heads", row["file"], "bona_fide", "", file)
            genuine.setdefault(row["group"], []).append(item)
    for row, file in _rows(lips):
        if row["label"] == "bona_fide" and row["train_ok"] == "no":
            item = Item("genuine", row["file"], "bona_fide", "", file)
            genuine.setdefault(row["speaker"], []).append(item)
    turns = itertools.zip_longest(*genuine.values())
    generated = [
        Item("heads", row["file"], "attack", row["species"], file)
        for row, file in _rows(heads)
        if row["label"] == "attack"
    ]
    return small, [item for turn in turns for item in turn if item is not None], generated


Made = tuple[list[View], Clip]


class Run:
    """A measurement that can be broken off: one line a presentation and variant."""

    def __init__(self, bench: Bench, out: Path) -> None:
        self.bench = bench
        self._out = out
        lines = out.read_text().splitlines() if out.exists() else []
        self._done = {json.loads(line)["key"] for line in lines}

    def has(self, item: Item, variant: str) -> bool:
        """Whether it was measured before."""
        return f"{item.part}|{item.name}|{variant}" in self._done

    def once(self, item: Item, variant: str, make: Callable[[], Made | None]) -> None:
        """Measure what is not measured yet."""
        if self.has(item, variant) or (made := make()) is None:
            return
        key = f"{item.part}|{item.name}|{variant}"
        record = {"key": key, "part": item.part, "name": item.name, "label": item.label}
        record |= {"species": item.species, "variant": variant, **self.bench.record(*made)}
        with self._out.open("a") as out:
            out.write(json.dumps(record, default=float) + "\n")
        self._done.add(key)

    def clean(self, item: Item) -> Made:
        """Read a presentation, measure it as it is, and hand back what is needed to change it."""
        clip = _read(item.file)
        views = self.bench.views(clip)
        self.once(item, "clean", lambda: (views, clip))
        return views, few(clip)

    def simulated(self, item: Item, attack: Attack, clip: Clip, face: Box, seed: int) -> None:
        """Measure one simulated attack made of a clip."""

        def made() -> Made:
            fake = simulate(attack, clip, seed, face=face)
            return self.bench.views(fake), fake

        self.once(item, f"simulated:{attack.value}", made)

    def altered(self, item: Item, views: list[View], clip: Clip) -> None:
        """The changes of the robustness table."""
        for name, change in CHANGES.items():

            def changed(change: Change = change) -> Made:
                rng = np.random.default_rng(3)
                frames = tuple(change(frame, rng) for frame in clip.frames)
                made = Clip(frames, clip.times_ms)
                return self.bench.views(made), made

            self.once(item, name, changed)
        for name, share in CROPS.items():

            def cut(share: float = share) -> Made | None:
                made = cropped(views, clip, share)
                return None if made is None else (self.bench.views(made), made)

            self.once(item, name, cut)
        for name, (scale, shift) in BOXES.items():

            def moved(scale: float = scale, shift: float = shift) -> Made:
                return [jittered(view, scale, shift) for view in views], clip

            self.once(item, name, moved)


def measure(given: argparse.Namespace) -> None:
    """Measure what is not measured yet, the most telling first."""
    cv2.setNumThreads(1)
    run = Run(Bench(given.own), given.out)
    small, genuine, generated = items(given.pad, given.heads, given.lips)
    bases: list[tuple[Item, Clip, Box]] = []
    for item in (*small, *genuine):
        if item.label == "attack":
            run.clean(item)
        elif len(bases) < BASES:
            views, clip = run.clean(item)
            if faces := [view.subject.box for view in views if view.subject is not None]:
                bases.append((item, clip, faces[len(faces) // 2]))
    for number, (item, clip, face) in enumerate(bases):
        run.simulated(item, Attack.SCREEN_REPLAY, clip, face, number)
    for item in generated:
        if not run.has(item, "clean"):
            run.clean(item)
    for item in small:
        run.altered(item, *run.clean(item))
    for number, (item, clip, face) in enumerate(bases[:BASES_OF_OTHERS]):
        for attack in OPTICS[1:]:
            run.simulated(item, attack, clip, face, number)
    for item in genuine:
        if not run.has(item, "clean"):
            run.clean(item)


def jittered(view: View, scale: float, shift: float) -> View:
    """A view whose detector drew another box."""
    if view.subject is None:
        return view
    box = view.subject.box
    x, y = box.centre
    x, half_w, half_h = x + shift * box.width, box.width * scale / 2, box.height * scale / 2
    face = replace(view.subject, box=Box(x - half_w, y - half_h, x + half_w, y + half_h))
    return replace(view, subject=face, faces=(face,))


# --- what follows from it -------------------------------------------------------------------------

PROFILES = {"standard": NETWORKS[:2], "registry": NETWORKS[2:]}


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to judge a record.

    Attributes:
        profile: Which networks judge.
        context_at_least: The gate's demand on surroundings; 0 waives it.
        doubts: Whether scores are pulled to one half by what is not in view.
        reflects: Whether closely framed views are judged with reflected margins.
        cues: Names of the cues that count; None counts all with limits.
        own: Weight of our own network among the families.
    """

    profile: str = "standard"
    context_at_least: float | None = None
    doubts: bool = True
    reflects: bool = False
    cues: tuple[str, ...] | None = None
    own: float = 0.0


def judged(record: Mapping[str, Any], rule: Rule) -> float | None:
    """The clip's score under a rule; None when it is not assessed."""
    settings = read_settings()
    limits = settings.quality
    if rule.context_at_least is not None:
        limits = replace(limits, context_at_least=rule.context_at_least)
    gate = QualityGate(limits)
    passed = [bool(q) and not gate(Quality(**q)) for q in record["qualities"]]
    if not any(passed) or sum(passed) < settings.vote.usable_share_at_least * len(passed):
        return None
    ensemble = settings.ensemble(PROFILES[rule.profile])
    views = record["reflected"] if rule.reflects and "reflected" in record else record["scores"]
    fused = []
    for scores, in_view in zip(views, record["in_view"], strict=True):
        score = ensemble.fuse(scores)
        if rule.own:
            score = (score + rule.own * scores["own"]) / (1 + rule.own)
        share = fmean(in_view[name] for name in PROFILES[rule.profile])
        fused.append(doubt(score, share) if rule.doubts and not rule.reflects else score)
    caps = [
        settings.cues[name].cap(value)
        for name, value in record["cues"].items()
        if name in settings.cues and (rule.cues is None or name in rule.cues)
    ]
    return min([vote(fused, settings.vote), *caps])


def _outcome(score: float | None) -> str:
    if score is None:
        return "n"
    return "a" if score >= ACCEPT_AT else "x" if score < REJECT_BELOW else "r"


def _counted(records: list[Mapping[str, Any]], rule: Rule) -> dict[str, int]:
    found = [_outcome(judged(record, rule)) for record in records]
    return {letter: found.count(letter) for letter in "arxn"}


def _share(part: int, whole: int) -> str:
    low, high = Rate(part, whole).ci95
    return f"{part}/{whole} [{low:.3f}, {high:.3f}]"


def _order(genuine: list[float], attacks: list[float]) -> float:
    return float((np.array(genuine)[:, None] > np.array(attacks)[None]).mean())


def tables(given: argparse.Namespace) -> None:
    """Print every table of docs/measurements/silent-liveness.md."""
    records = [json.loads(line) for line in given.out.read_text().splitlines()]
    clean = [r for r in records if r["variant"] == "clean"]
    genuine = [r for r in clean if r["label"] == "bona_fide"]
    heads = [r for r in clean if r["part"] == "heads" and r["label"] == "attack"]
    pad_attacks = [r for r in clean if r["part"] == "pad" and r["label"] == "attack"]
    simulated = {
        attack.value: [r for r in records if r["variant"] == f"simulated:{attack.value}"]
        for attack in OPTICS
    }
    own = all("own" in scores for r in records for scores in r["scores"])

    def line(name: str, rule: Rule) -> None:
        real = _counted(genuine, rule)
        cells = [f"{_counted(list(group), rule)['a']}/{len(group)}" for group in simulated.values()]
        print(
            f"| {name} | {' | '.join(cells)} | {_counted(heads, rule)['a']}/{len(heads)} | "
            f"{real['r'] + real['x']}/{len(genuine)} ({real['x']}), n {real['n']} | "
            f"{_counted(pad_attacks, rule)['a']}/{len(pad_attacks)} |"
        )

    head = f"| | {' | '.join(simulated)} | generated | bona fide r+x (x), n | real attacks |"
    print(f"{len(genuine)} bona fide, {len(heads)} generated\n")
    print("## profiles\n\n" + head)
    for profile in PROFILES:
        line(profile, Rule(profile))
        line(f"{profile}, surroundings waived", Rule(profile, 0.0))
    print("\n## closely framed\n\n" + head)
    for at_least in (1.7, 1.5, 1.4, 1.3, 1.2, 1.1, 0.0):
        line(f"from {at_least}", Rule(context_at_least=at_least, doubts=False))
        line(f"from {at_least}, doubting", Rule(context_at_least=at_least))
        line(f"from {at_least}, reflected", Rule(context_at_least=at_least, reflects=True))
    print("\n## cues, surroundings waived\n\n" + head)
    names = tuple(read_settings().cues)
    for profile in ("standard", "registry"):
        line(f"{profile}: networks alone", Rule(profile, 0.0, cues=()))
        for name in names:
            line(f"{profile}: + {name}", Rule(profile, 0.0, cues=(name,)))
        line(f"{profile}: all", Rule(profile, 0.0))
        for name in names:
            rest = tuple(n for n in names if n != name)
            line(f"{profile}: all without {name}", Rule(profile, 0.0, cues=rest))
    if own:
        print("\n## our own network, surroundings waived\n\n" + head)
        for weight in (0.0, 0.25, 0.5, 1.0):
            line(f"weight {weight}", Rule("standard", 0.0, own=weight))
    print("\n## order: own pairs / all pairs")
    for profile in PROFILES:
        rule = Rule(profile, 0.0)
        by_name = {r["name"]: judged(r, rule) for r in genuine}
        for attack, group in simulated.items():
            pairs = [(by_name[r["name"]], judged(r, rule)) for r in group]
            both = [(g, a) for g, a in pairs if g is not None and a is not None]
            mine = fmean(g > a for g, a in both) if both else float("nan")
            every = _order([g for g in by_name.values() if g is not None], [a for _, a in both])
            print(f"| {profile} | {attack} | {len(both)} | {mine:.3f} | {every:.3f} |")
    print("\n## generated, by method: accepted, not assessed; surroundings waived: accepted")
    for method in sorted({r["species"] for r in heads}):
        group = [r for r in heads if r["species"] == method]
        cells = []
        for profile in PROFILES:
            now, waived = _counted(group, Rule(profile)), _counted(group, Rule(profile, 0.0))
            cells.append(f"{now['a']} a {now['n']} n; {_share(waived['a'], len(group))}")
        print(f"| {method} | {len(group)} | {' | '.join(cells)} |")
    print("\n## bona fide by part")
    for part in ("pad", "heads", "genuine"):
        group = [r for r in genuine if r["part"] == part]
        for profile in PROFILES:
            print(f"| {part} | {profile} | {len(group)} | {_counted(group, Rule(profile))} |")
    print("\n## robustness: 3 attacks, 7 bona fide")
    variants = list(dict.fromkeys(r["variant"] for r in records if r["part"] == "pad"))
    for variant in (v for v in variants if not v.startswith("simulated")):
        cells = []
        for profile in PROFILES:
            for label in ("attack", "bona_fide"):
                group = [
                    r for r in records
                    if r["part"] == "pad" and r["variant"] == variant and r["label"] == label
                ]  # fmt: skip
                found = _counted(group, Rule(profile))
                cells.append(" ".join(f"{n} {letter}" for letter, n in found.items() if n))
        print(f"| {variant} | {' | '.join(cells)} |")
    print("\n## cue quantiles: bona fide clean")
    for name in (*names, "second_face", "still_eyes"):
        values = np.array([r["cues"][name] for r in genuine if r["cues"].get(name) is not None])
        if len(values):
            print(
                f"| {name} | {len(values)} | {np.percentile(values, [50, 95, 98, 100]).round(3)} |"
            )
    spent = np.array([r["cpu_ms"] for r in clean])
    print("\n## CPU ms, median: gate, networks, cues", np.median(spent, axis=0).round(1))


def main() -> None:
    """Measure or tabulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    for name in ("pad", "heads", "lips", "out"):
        one.add_argument(name, type=Path)
    one.add_argument("--own", type=Path)
    one.set_defaults(run=measure)
    other = commands.add_parser("tables")
    other.add_argument("out", type=Path)
    other.set_defaults(run=tables)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
