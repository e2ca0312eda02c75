"""How often are two faces of one person told apart, and two of two persons taken for one?

Every picture is embedded once; comparisons are then products of matrix blocks. The templates lie in
a work file between the two steps, so that a broken run goes on; it is removed when the scores are
complete.
"""

import base64
import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.calibration.metrics import Det, det, threshold_at_fmr
from veridical.errors import InputError
from veridical.evaluation.comparisons import (
    Comparisons,
    all_pairs,
    differential_figures,
    put_rates,
    read_comparisons,
    write_comparisons,
)
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import Row, columns_of, hash_data, read_csv
from veridical.evaluation.plots import bars, det_plot, histogram
from veridical.evaluation.request import Evaluation, Request, Section, Worst
from veridical.face import FaceDetector, FaceEmbedder, align
from veridical.face.embed import embedding_points
from veridical.face.mesh import Mesher
from veridical.face.pose import inter_eye_px
from veridical.media import read_image
from veridical.result import OperatingPoint
from veridical.types import Face, Image, View
from veridical.verification.settings import Settings

__all__ = [
    "Degradation",
    "FaceMaker",
    "Sample",
    "embed_samples",
    "evaluate_face",
    "face_figures",
    "nearest_the_centre",
    "portrait_of",
    "read_samples",
    "templates_of",
]

Degradation = str
DEGRADATIONS = ("none", "portrait")

PORTRAIT_PX = (76, 100)
PORTRAIT_HEIGHT_IN_FACES = 1.65
PORTRAIT_JPEG_QUALITY = 40

COVARIATES = (
    "portrait_inter_eye_px", "portrait_recognisability",
    "probe_inter_eye_px", "probe_recognisability",
)  # fmt: skip
"""What `face.match` says of the two pictures beside the score, under the names of its evidence."""
SAMPLE_COLUMNS = ("subject", "group", "sex", "reason")
WORK_COLUMNS = ("reason", "probe", "reference", *COVARIATES, "detect_ms", "align_ms", "embed_ms")
WORST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of an index.

    Attributes:
        row: Line of the index it stands in.
        path: The picture.
        subject: Number of the person.
        group: Demographic label, empty where unknown.
        sex: As given, empty where unknown.
    """

    row: int
    path: Path
    subject: int
    group: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True)
class FaceMaker:
    """Builds the embedding worker in its process.

    Attributes:
        settings: The installation.
        degrade: `portrait` makes a second template of each picture as a document would show it.
    """

    settings: Settings
    degrade: Degradation = "none"

    def __call__(self) -> "FaceWorker":
        """Load detector, mesh and recogniser of the profile."""
        engines = Engines.open(self.settings)
        return FaceWorker(
            engines.need(Engines.detector),
            engines.need(Engines.mesher),
            engines.need(Engines.embedder),
            self.degrade,
        )


class FaceWorker:
    """Picture in; template, or the reason why there is none, out."""

    def __init__(
        self,
        detector: FaceDetector,
        mesher: Mesher,
        embedder: FaceEmbedder,
        degrade: Degradation,
    ) -> None:
        self._detector = detector
        self._mesher = mesher
        self._embedder = embedder
        self._degrade = degrade

    def __call__(self, work: Path) -> Sequence[Mapping[str, object]]:
        """Embed one picture."""
        try:
            image = read_image(work)
        except InputError as error:
            return [{"reason": error.code}]
        row = self._embed(image)
        small = row
        if self._degrade == "portrait" and "face" in row:
            small = self._embed(portrait_of(image, _face(row["face"])))
            row["reference"] = small["probe"]
            row["reason"] = small["reason"] and f"reference_{small['reason']}"
        for name in ("inter_eye_px", "recognisability"):
            row[f"probe_{name}"], row[f"portrait_{name}"] = row.get(name), small.get(name)
        return [row]

    def _embed(self, image: Image) -> dict[str, object]:
        start = time.process_time()
        faces = self._detector(image)
        face = nearest_the_centre(faces, image)
        detected = time.process_time()
        if face is None:
            return {"reason": "no_face", "probe": "", "detect_ms": (detected - start) * 1e3}
        view = View(image, faces, face, mesh=self._mesher(image, face))
        align(image, embedding_points(view))
        aligned = time.process_time()
        template, vector = self._embedder(view), self._embedder.vectors([view])[0]
        # The embedder aligns too; its own share is what is left.
        embed_ms = (time.process_time() - aligned) * 1e3
        return {
            "reason": "",
            "probe": base64.b64encode(template.vector.tobytes()).decode(),
            "face": face,
            "inter_eye_px": round(inter_eye_px(view), 1),
            "recognisability": round(self._embedder.recognisability(vector)[0], 2),
            "detect_ms": (detected - start) * 1e3,
            "align_ms": (aligned - detected) * 1e3,
            "embed_ms": embed_ms,
        }


def _face(value: object) -> Face:
    if not isinstance(value, Face):
        raise TypeError("a face was wanted")
    return value


def nearest_the_centre(faces: Sequence[Face], image: Image) -> Face | None:
    """The face an index of portraits means, whoever else is in the picture."""
    x, y = image.width / 2, image.height / 2
    return min(
        faces,
        key=lambda face: np.hypot(face.box.centre[0] - x, face.box.centre[1] - y),
        default=None,
    )


def portrait_of(image: Image, face: Face) -> Image:
    """A picture as the portrait of a document would carry it: small, grey, compressed.

    Args:
        image: The picture.
        face: Whose portrait.

    Returns:
        76 x 100 pixels: what a scan at arm's length leaves of an ID portrait; JPEG of quality 40.
        What lies outside the picture repeats its edge.
    """
    height = face.box.height * PORTRAIT_HEIGHT_IN_FACES
    width = height * PORTRAIT_PX[0] / PORTRAIT_PX[1]
    x, y = face.box.centre
    scale = PORTRAIT_PX[1] / height
    place = np.array([[scale, 0, -(x - width / 2) * scale], [0, scale, -(y - height / 2) * scale]])
    source = image.pixels
    if scale < 0.5:
        # Warping alone would skip pixels; shrink by area first.
        shrunk = cv2.resize(source, None, fx=scale * 2, fy=scale * 2, interpolation=cv2.INTER_AREA)
        source = np.asarray(shrunk, dtype=np.uint8)
        place[:, :2] = np.eye(2) / 2
    crop = cv2.warpAffine(source, place, PORTRAIT_PX, borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(np.asarray(crop, dtype=np.uint8), cv2.COLOR_RGB2GRAY)
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, PORTRAIT_JPEG_QUALITY])
    decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return Image(np.repeat(np.asarray(decoded, dtype=np.uint8)[:, :, None], 3, axis=2))


def evaluate_face(
    request: Request,
    settings: Settings,
    degrade: Degradation = "none",
    maker: Maker[Path] | None = None,
) -> Evaluation:
    """Evaluate face comparison over an index.

    Args:
        request: What was asked.
        settings: The installation.
        degrade: `portrait` compares small grey references with the pictures as they are.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    if degrade not in DEGRADATIONS:
        raise InputError(
            f"a degradation is one of {', '.join(DEGRADATIONS)}, got {degrade!r}", "usage.degrade"
        )
    store = settings.model_store()
    profile = store.profile(settings.profile)
    found_by = [store.card(profile.roles[role][0]).ref for role in ("detector", "mesh")]
    recognisers = [store.card(name).ref for name in profile.roles["recogniser"]]
    models = (*found_by, *recognisers)
    pairs = "reference" in columns_of(request.index)
    samples, listed = _read_pairs(request) if pairs else (read_samples(request), None)
    data = hash_data(request.index, [sample.path for sample in samples])
    stamp_run(
        request.out,
        {
            "kind": "face",
            "data": data,
            "degrade": degrade,
            "limit": request.limit,
            # A calibration is of the models that `face.match` names: the recognisers alone.
            "found_by": [f"{model.name}@{model.sha256}" for model in found_by],
            "models": [f"{model.name}@{model.sha256}" for model in recognisers],
        },
    )
    scores = request.out / "scores.csv"
    speed = request.out / "samples.csv"
    if not scores.exists():
        _score(request, maker or FaceMaker(settings, degrade), samples, listed, degrade, scores)
    point = store.operating_points(profile).get("face.match")
    evaluation = face_figures(
        read_comparisons(scores),
        samples,
        _read_table(speed),
        point.point if point else None,
        request.seed,
    )
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(samples) if listed is None else len(listed)
    evaluation.options = {"degrade": degrade}
    return evaluation


def read_samples(request: Request) -> list[Sample]:
    """Samples of an index of single pictures."""
    numbers: dict[str, int] = {}
    return [
        Sample(
            row.number,
            row.file("file"),
            numbers.setdefault(row.text("identity"), len(numbers)),
            row.text("group", ""),
            row.text("sex", ""),
        )
        for row in read_csv(request.index, ("file", "identity"), request.limit)
    ]


def _read_pairs(request: Request) -> tuple[list[Sample], list[tuple[int, int, bool]]]:
    """Samples and comparisons of an index of pairs.

    Who is who is not told, so pictures joined by mated comparisons count as one person.
    """
    numbers: dict[Path, int] = {}
    rows: dict[int, Row] = {}
    listed: list[tuple[int, int, bool]] = []
    for row in read_csv(request.index, ("reference", "probe", "mated"), request.limit):
        mated = row.one_of("mated", ("0", "1", "true", "false", "True", "False"))
        pair = [numbers.setdefault(row.file(name), len(numbers)) for name in ("reference", "probe")]
        for number in pair:
            rows.setdefault(number, row)
        listed.append((pair[0], pair[1], mated in ("1", "true", "True")))
    person = list(range(len(numbers)))
    for first, second, mated_pair in listed:
        if mated_pair:
            old, new = person[second], person[first]
            person = [new if one == old else one for one in person]
    return [
        Sample(rows[number].number, path, person[number], rows[number].text("group", ""))
        for path, number in numbers.items()
    ], listed


def _score(
    request: Request,
    maker: Maker[Path],
    samples: Sequence[Sample],
    listed: Sequence[tuple[int, int, bool]] | None,
    degrade: Degradation,
    scores: Path,
) -> None:
    """Embed every picture, compare, and keep scores and samples; templates go."""
    work, rows = embed_samples(request, maker, samples)
    with (request.out / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        head = ("sample", "row", *SAMPLE_COLUMNS, *COVARIATES)
        writer.writerow((*head, "detect_ms", "align_ms", "embed_ms"))
        for number, (sample, row) in enumerate(zip(samples, rows, strict=True)):
            times = (row["detect_ms"], row["align_ms"], row["embed_ms"])
            about = (sample.subject, sample.group, sample.sex, row["reason"])
            seen = (row[name] for name in COVARIATES)
            writer.writerow((number, sample.row, *about, *seen, *times))
    probes = templates_of([row["probe"] for row in rows])
    references = templates_of([row["reference"] for row in rows]) if degrade != "none" else probes
    subjects = np.array([sample.subject for sample in samples], dtype=np.int32)
    if listed is None:
        blocks = all_pairs(references, None if degrade == "none" else probes, subjects)
    else:
        blocks = iter([_listed_pairs(references, probes, listed)])
    write_comparisons(scores, blocks)
    work.path.unlink()


def embed_samples(
    request: Request, maker: Maker[Path], samples: Sequence[Sample]
) -> tuple[ScoreFile, list[dict[str, str]]]:
    """Embed every picture once.

    Returns:
        The work file, to be removed when the scores are complete, and its rows by sample.
    """
    work = ScoreFile(request.out / "templates.work.csv", WORK_COLUMNS)
    units = [Unit(str(number), sample.path) for number, sample in enumerate(samples)]
    score_units(units, maker, work, title="faces", workers=request.workers)
    rows: list[dict[str, str]] = [{}] * len(samples)
    for row in work.rows():
        rows[int(row["unit"])] = row
    return work, rows


def templates_of(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, d) float32; NaN where there is no template."""
    vectors = [np.frombuffer(base64.b64decode(text), dtype=np.float32) for text in texts]
    length = max((len(vector) for vector in vectors), default=0)
    table = np.full((len(vectors), max(1, length)), np.nan, dtype=np.float32)
    for place, vector in zip(table, vectors, strict=True):
        if len(vector):
            place[:] = vector
    return table


def _listed_pairs(
    references: NDArray[np.float32],
    probes: NDArray[np.float32],
    listed: Sequence[tuple[int, int, bool]],
) -> Comparisons:
    first = np.array([pair[0] for pair in listed], dtype=np.int32)
    second = np.array([pair[1] for pair in listed], dtype=np.int32)
    scores = np.einsum("nd,nd->n", references[first], probes[second])
    return Comparisons(
        first, second, np.array([pair[2] for pair in listed]), scores.astype(np.float32)
    )


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def face_figures(
    comparisons: Comparisons,
    samples: Sequence[Sample],
    table: Sequence[Mapping[str, str]],
    point: OperatingPoint | None,
    seed: int,
) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        comparisons: Every scored comparison.
        samples: The pictures, in order of their numbers.
        table: Rows of `samples.csv`.
        point: Operating point in force.
        seed: Of the bootstrap.
    """
    figures = Figures("face")
    subjects = np.array([sample.subject for sample in samples], dtype=np.int32)
    put_rates(figures, comparisons, subjects, point, seed)
    figures.rate("fta", Rate(sum(bool(row["reason"]) for row in table), len(table)))
    _put_speed(figures, table)
    mated, non_mated = comparisons.mated_scores, comparisons.non_mated_scores
    evaluation = Evaluation(
        figures,
        headline=(
            ("fnmr_at_fmr|1e-3", "FNMR at FMR 1e-3"),
            ("fnmr_at_fmr|1e-4", "FNMR at FMR 1e-4"),
            ("operating_point|fmr", "FMR where we accept"),
            ("operating_point|fnmr", "FNMR where we reject"),
            ("fta", "no template from a picture"),
        ),
    )
    if not len(mated) or not len(non_mated):
        return evaluation
    at_one_in_thousand = threshold_at_fmr(non_mated, 1e-3)
    thresholds = (
        {"accept": point.accept_at, "reject below": point.reject_below}
        if point
        else {"FMR 1e-3": at_one_in_thousand}
        if at_one_in_thousand is not None
        else {}
    )
    labels = {"group": [s.group for s in samples], "sex": [s.sex for s in samples]}
    if point is not None or at_one_in_thousand is not None:
        limits = (
            (point.accept_at, point.reject_below)
            if point
            else (at_one_in_thousand or 0.0, at_one_in_thousand or 0.0)
        )
        if len(set(labels["group"]) - {""}) > 1 or any(labels["sex"]):
            differential_figures(figures, comparisons, subjects, labels, limits, seed)
    curves = {"all pairs": (det(mated, non_mated), len(mated), len(non_mated))}
    curves.update(_group_curves(comparisons, np.array(labels["group"])))
    evaluation.sections += [
        Section(
            "Detection error trade-off",
            "Each point is one threshold. A curve ends where its data end: rates below one error "
            "in n comparisons were not measured. Curves named by a group compare that group with "
            "itself only.",
            det_plot(curves, ("FMR: other persons taken for this one", "FNMR: the person refused")),
        ),
        Section(
            "Scores",
            "Every comparison, as a share of its kind; dashed lines are thresholds.",
            histogram(
                {"mated": mated, "non-mated": non_mated}, thresholds, "comparison score (cosine)"
            ),
        ),
        *_group_sections(figures),
    ]
    evaluation.worst = _worst(comparisons, samples)
    return evaluation


def _put_speed(figures: Figures, table: Sequence[Mapping[str, str]]) -> None:
    """Median CPU time a picture, single thread."""
    total = 0.0
    for key in ("detect", "align", "embed"):
        times = [float(row[f"{key}_ms"]) for row in table if row[f"{key}_ms"]]
        middle = float(np.median(times)) if times else None
        figures.put(f"cpu_ms|{key}", middle)
        total += middle or 0.0
    figures.put("cpu_ms|total", total)


def _group_curves(
    comparisons: Comparisons, group: NDArray[np.str_]
) -> Iterator[tuple[str, tuple[Det, int, int]]]:
    """DET curve of each group with enough of both kinds of comparison to draw."""
    names = sorted(set(group) - {""})
    for name in names if len(names) > 1 else []:
        members = group == name
        inside = comparisons.only(members[comparisons.reference] & members[comparisons.probe])
        mated, non_mated = inside.mated_scores, inside.non_mated_scores
        if len(mated) >= 30 and len(non_mated) >= 300:
            yield str(name), (det(mated, non_mated), len(mated), len(non_mated))


def _group_sections(figures: Figures) -> list[Section]:
    """Table and drawing of the differentials, worst first."""
    groups = figures.values.get("groups")
    counts = figures.n.get("groups")
    if not isinstance(groups, dict) or not isinstance(counts, dict):
        return []
    sections: list[Section] = []
    for key, words in (("fmr", "FMR within the group"), ("fnmr", "FNMR within the group")):
        rates: dict[str, Rate] = {}
        for name, cell in groups.items():
            value = cell.get(key) if isinstance(cell, dict) else None
            n = (
                cell.get("n_non_mated" if key == "fmr" else "n_mated")
                if isinstance(cell, dict)
                else 0
            )
            if isinstance(value, float | int) and isinstance(n, int):
                rates[name] = Rate(round(value * n), n)
        if rates:
            worst_first = dict(sorted(rates.items(), key=lambda item: -(item[1].value or 0)))
            sections.append(
                Section(
                    words,
                    "Comparisons of a group with itself, and of one sex within it, at the "
                    "operating point (or at FMR 1e-3 over all pairs where there is none). Bars are "
                    "Clopper-Pearson intervals as if comparisons were independent; they share "
                    "people, so the by-subject intervals under 'All figures' are wider. Labels are "
                    "coarse proxies taken from the index.",
                    bars(worst_first, words),
                )
            )
    return sections


def _worst(comparisons: Comparisons, samples: Sequence[Sample]) -> list[Worst]:
    """Highest non-mated and lowest mated scores."""
    found: list[Worst] = []
    for mated, order, words in (
        (False, -1.0, "two persons scored"),
        (True, 1.0, "one person scored only"),
    ):
        kind = comparisons.only((comparisons.mated == mated) & ~np.isnan(comparisons.score))
        for i in np.argsort(kind.score * order, kind="stable")[: WORST_SHOWN // 2]:
            pair = (samples[int(kind.reference[i])], samples[int(kind.probe[i])])
            found.append(
                Worst(
                    f"{words} {kind.score[i]:.3f}: rows {pair[0].row} and {pair[1].row}",
                    (pair[0].path, pair[1].path),
                )
            )
    return found
