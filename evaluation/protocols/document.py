"""How often is a document read exactly, and how often is a wrong reading let through?"""

import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from veridical.analysis.engines import Engines
from veridical.calibration.intervals import Rate
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import Maker, ScoreFile, Unit, score_units, stamp_run
from veridical.evaluation.index import Row, hash_data, read_json_lines
from veridical.evaluation.plots import bars
from veridical.evaluation.request import Evaluation, Request, Section, Worst
from veridical.evaluation.timed import TimedSession, TimedStore
from veridical.media import read_image
from veridical.ocr import (
    Document,
    DocumentReadCheck,
    DocumentReader,
    kind_names,
    kind_of,
)
from veridical.verification.settings import Settings

__all__ = ["DocumentMaker", "Page", "document_figures", "evaluate_document"]

KINDS = (*kind_names(), "none")
OCR_ROLES = ("ocr_detector", "ocr_recogniser", "ocr_direction", "ocr_zone")
CRITICAL = frozenset({"number", "document_number", "lines"})
COLUMNS = (
    "kind", "profile", "found", "field", "exact", "read", "reason", "score",
    "detect_ms", "recognise_ms", "total_ms",
)  # fmt: skip
WORST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of an index.

    Attributes:
        row: Its line.
        path: The picture.
        kind: What it shows.
        profile: How it was captured or rendered.
        fields: What it says, as text or, for `lines`, as a tuple of texts.
        today: Day by which its validity is judged; None takes the current day.
    """

    row: int
    path: Path
    kind: str
    profile: str
    fields: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    today: date | None = None


@dataclass(frozen=True, slots=True)
class DocumentMaker:
    """Builds the reading worker in its process.

    Attributes:
        settings: The installation.
    """

    settings: Settings

    def __call__(self) -> "DocumentWorker":
        """Load the three text networks of the profile."""
        settings = self.settings
        store = TimedStore(settings.models_dir, commercial_only=settings.commercial_only)
        engines = Engines.open(settings, store)
        detector, recogniser = (
            store.session(engines.card(role).name) for role in ("ocr_detector", "ocr_recogniser")
        )
        return DocumentWorker(engines.need(Engines.reader), detector, recogniser)


class DocumentWorker:
    """Picture in; which fields were read exactly, and whether the document would pass, out."""

    def __init__(
        self, reader: DocumentReader, detector: TimedSession, recogniser: TimedSession
    ) -> None:
        self._reader = reader
        self._detector = detector
        self._recogniser = recogniser
        self._check = DocumentReadCheck()

    def __call__(self, work: Page) -> Sequence[Mapping[str, object]]:
        """Read one picture; one row a field, at least one."""
        about = {"kind": work.kind, "profile": work.profile}
        try:
            image = read_image(work.path)
        except InputError as error:
            return [{**about, "reason": error.code, "found": "none"}]
        today = work.today or date.today()
        start = time.process_time()
        document = self._reader(image, today=today)
        about["total_ms"] = f"{(time.process_time() - start) * 1e3:.3f}"
        about["detect_ms"] = f"{self._detector.take():.3f}"
        about["recognise_ms"] = f"{self._recogniser.take():.3f}"
        is_back = document.kind != "none" and kind_of(document.kind).side(document.kind).is_back
        back = document if is_back else None
        judged = self._check(None if back else document, back, today)
        about["found"] = document.kind
        row = {**about, "reason": judged.reason, "score": judged.score}
        return [
            {**row, "field": name, "exact": int(exact), "read": int(read)}
            for name, exact, read in compare_fields(document, work.fields)
        ] or [row]


def compare_fields(
    document: Document, fields: Mapping[str, str | tuple[str, ...]]
) -> list[tuple[str, bool, bool]]:
    """Name, exactness and presence of each field the index names.

    Texts count as equal after NFKC and without spaces; nothing else is forgiven.
    """
    found: list[tuple[str, bool, bool]] = []
    for name, wanted in fields.items():
        if isinstance(wanted, tuple):
            lines = document.mrz.lines if document.mrz else ()
            exact = [_plain(line) for line in lines] == [_plain(line) for line in wanted]
            found.append((name, exact, bool(lines)))
        else:
            value = document.value(name)
            found.append((name, value is not None and _plain(value) == _plain(wanted), bool(value)))
    return found


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def evaluate_document(
    request: Request, settings: Settings, maker: Maker[Page] | None = None
) -> Evaluation:
    """Evaluate document reading over an index.

    Args:
        request: What was asked.
        settings: The installation.
        maker: Builds the worker; None builds that of the profile.

    Raises:
        InputError: The index cannot be used.
        ModelError: A model is missing.
    """
    store = settings.model_store()
    profile = store.profile(settings.profile)
    names = [profile.roles[r][0] for r in OCR_ROLES]
    models = tuple(store.card(name).ref for name in names)
    pages = [
        _page(row)
        for row in read_json_lines(request.index, ("file", "kind", "fields"), request.limit)
    ]
    data = hash_data(request.index, [page.path for page in pages])
    stamp_run(
        request.out,
        {
            "kind": "document",
            "data": data,
            "limit": request.limit,
            "models": [f"{model.name}@{model.sha256}" for model in models],
        },
    )
    scores = ScoreFile(request.out / "scores.csv", COLUMNS)
    units = [Unit(str(number), page) for number, page in enumerate(pages)]
    score_units(
        units, maker or DocumentMaker(settings), scores, title="documents", workers=request.workers
    )
    evaluation = document_figures(list(scores.rows()), pages)
    evaluation.profile = profile.name
    evaluation.models = models
    evaluation.data_sha256 = data
    evaluation.rows = len(pages)
    return evaluation


def _page(row: Row) -> Page:
    """One line of the index, checked."""
    fields = row.values["fields"]
    if not isinstance(fields, dict):
        raise row.error("fields", "an object of texts is wanted", "index.malformed")
    day = row.text("today", "")
    return Page(
        row.number,
        row.file("file"),
        row.one_of("kind", KINDS),
        row.text("profile", ""),
        {
            name: tuple(str(one) for one in value) if isinstance(value, list) else str(value)
            for name, value in fields.items()
        },
        date.fromisoformat(day) if day else None,
    )


def document_figures(rows: Sequence[Mapping[str, str]], pages: Sequence[Page]) -> Evaluation:
    """Work the figures out of scores; no model is needed.

    Args:
        rows: Rows of the score file.
        pages: In order of their numbers.
    """
    figures = Figures("document")
    units: dict[int, list[Mapping[str, str]]] = {}
    for row in rows:
        units.setdefault(int(row["unit"]), []).append(row)
    kinds: dict[str, list[int]] = {}
    for number in sorted(units):
        kinds.setdefault(pages[number].kind, []).append(number)
    all_exact = {n: _all_exact(units[n]) for n in units}
    for kind, members in kinds.items():
        figures.put(f"n_documents|{kind}", len(members))
        by_field: dict[str, list[bool]] = {}
        for number in members:
            for row in units[number]:
                if row["field"]:
                    by_field.setdefault(row["field"], []).append(row["exact"] == "1")
        for name, exact in by_field.items():
            figures.share(f"exact|{kind}|{name}", Rate(sum(exact), len(exact)))
        if by_field:
            right = [all_exact[number] for number in members]
            figures.share(f"all_fields|{kind}", Rate(sum(right), len(right)))
            for profile in sorted({pages[number].profile for number in members}):
                some = [all_exact[n] for n in members if pages[n].profile == profile]
                figures.share(f"by_profile|{profile or '-'}|{kind}", Rate(sum(some), len(some)))
        passing = [_passes(units[number][0]) for number in members]
        wrong = [_critically_wrong(units[number]) for number in members]
        both = sum(p and w for p, w in zip(passing, wrong, strict=True))
        figures.rate(f"wrong_accepted|{kind}", Rate(both, len(members)))
        anything = sum(p and not all_exact[n] for p, n in zip(passing, members, strict=True))
        figures.rate(f"wrong_accepted_any_field|{kind}", Rate(anything, len(members)))
        figures.rate(f"wrong_read|{kind}", Rate(sum(wrong), len(members)))
        figures.share(f"rejected|{kind}", Rate(passing.count(False), len(members)))
    _put_speed(figures, [members[0] for members in units.values()])
    figures.notes += [
        "exact, all_fields and by_profile are shares of successes; wrong_accepted is an error rate "
        "over numbers and lines of zones, wrong_accepted_any_field one over every field",
        "a document counts as passing when the reading shows neither contradiction nor doubt on "
        "the day of the run (or the day the index names); an expired specimen does not pass",
    ]
    first = next(iter(kinds), "prc_id_front")
    return Evaluation(
        figures,
        headline=(
            (f"exact|{first}|number", f"{first}: number exact"),
            (f"all_fields|{first}", f"{first}: every field exact"),
            (f"wrong_accepted|{first}", "wrong number let through"),
            (f"wrong_accepted_any_field|{first}", "anything wrong let through"),
            (f"rejected|{first}", "documents not passed"),
        ),
        sections=_sections(figures, units, pages),
        worst=[
            Worst(
                f"{pages[n].kind}, row {pages[n].row}: wrong or missing "
                + ", ".join(row["field"] for row in units[n] if row["exact"] != "1"),
                (pages[n].path,),
            )
            for n in sorted(n for n in units if not all_exact[n])[:WORST_SHOWN]
        ],
    )


def _all_exact(rows: Sequence[Mapping[str, str]]) -> bool:
    return rows[0]["found"] == rows[0]["kind"] and all(row["exact"] in ("1", "") for row in rows)


def _passes(row: Mapping[str, str]) -> bool:
    """Whether the reading shows neither contradiction nor doubt."""
    return bool(row["score"]) and not row["reason"]


def _critically_wrong(rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether a number was read, and wrongly; a document where there is none counts too."""
    if rows[0]["kind"] == "none":
        return rows[0]["found"] != "none"
    return any(
        row["field"] in CRITICAL and row["read"] == "1" and row["exact"] == "0" for row in rows
    )


def _put_speed(figures: Figures, firsts: Sequence[Mapping[str, str]]) -> None:
    """Median CPU time a picture; what is neither detection nor recognition is locating."""
    times = {
        key: np.array([float(row[f"{key}_ms"]) for row in firsts if row[f"{key}_ms"]])
        for key in ("detect", "recognise", "total")
    }
    if not len(times["total"]):
        return
    figures.put(
        "cpu_ms|locate", float(np.median(times["total"] - times["detect"] - times["recognise"]))
    )
    for key, values in times.items():
        figures.put(f"cpu_ms|{key}", float(np.median(values)))


def _sections(
    figures: Figures, units: Mapping[int, Sequence[Mapping[str, str]]], pages: Sequence[Page]
) -> list[Section]:
    sections: list[Section] = []
    exact, counts = figures.values.get("exact"), figures.n.get("exact")
    if isinstance(exact, dict) and isinstance(counts, dict):
        for kind, by_field in exact.items():
            ns = counts.get(kind)
            if isinstance(by_field, dict) and isinstance(ns, dict):
                rates = {
                    name: Rate(round(value * n), n)
                    for name, value in by_field.items()
                    if isinstance(value, float) and isinstance(n := ns.get(name), int)
                }
                sections.append(
                    Section(
                        f"{kind}: share of fields read exactly",
                        "Exact after NFKC and without spaces.",
                        bars(rates, "share exact"),
                    )
                )
    confusion: dict[tuple[str, str, str], int] = {}
    for number, rows in units.items():
        key = (pages[number].kind, pages[number].profile or "–", rows[0]["found"])
        confusion[key] = confusion.get(key, 0) + 1
    sections.append(
        Section(
            "What was found",
            "Kind in the index, its profile, and the kind that was recognised.",
            head=("kind", "profile", "found", "n"),
            rows=[(*key, str(count)) for key, count in sorted(confusion.items())],
        )
    )
    reasons: dict[tuple[str, str], int] = {}
    for number, rows in units.items():
        pair = (pages[number].kind, rows[0]["reason"] or "passes")
        reasons[pair] = reasons.get(pair, 0) + 1
    sections.append(
        Section(
            "How the readings were judged",
            head=("kind", "finding", "n"),
            rows=[(*pair, str(count)) for pair, count in sorted(reasons.items())],
        )
    )
    return sections
