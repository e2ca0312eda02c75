"""`veridical gallery`: enrolled faces and watchlists."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Table

from veridical.analysis.engines import Engines
from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.errors import InputError
from veridical.face import look_any_way_up
from veridical.face.match import MIN_PROBE_EYES_PX
from veridical.gallery import Attributes, Enrolment, Gallery
from veridical.gallery.bulk import read_templates
from veridical.gallery.duplicates import clusters, doubles
from veridical.media import read_image
from veridical.store import Database, KeyProvider, erase_subject, galleries_of
from veridical.types import Template
from veridical.verification import Settings
from veridical.verification.galleries import open_gallery

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Enrolled faces and watchlists.")

Name = Annotated[str, typer.Option("--gallery", help="Which list; made when it is not there.")]
Tenant = Annotated[str, typer.Option(help="Whose list.")]
Subject = Annotated[
    str, typer.Argument(help="Your reference of the person: a number or code, not a name.")
]
Picture = Annotated[Path, typer.Argument(help="JPEG, PNG or WebP with one face.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

_PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_BATCH = 32


@app.command()
def enrol(
    subject: Subject,
    pictures: Annotated[list[Path], typer.Argument(help="One or more pictures of the person.")],
    gallery: Name = "customers",
    tenant: Tenant = "default",
    birth_year: Annotated[int | None, typer.Option(help="Year of birth.")] = None,
    sex: Annotated[str, typer.Option(help="F, M, X or empty.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the subject's template when there is one.")
    ] = False,
) -> None:
    """Enrol one person; several pictures become one template."""
    attributes = Attributes(birth_year, sex)
    with _opened(gallery, tenant) as (faces, entries):
        template = faces.template(pictures)
        if replace and subject in entries.subjects():
            entries.update(subject, template, attributes)
        else:
            entries.enrol(subject, template, attributes)
    typer.echo(f"enrolled in {gallery}")


@app.command()
def search(
    picture: Picture,
    gallery: Name = "customers",
    tenant: Tenant = "default",
    limit: Annotated[int, typer.Option(min=1, help="Most entries listed.")] = 10,
    min_similarity: Annotated[float, typer.Option(help="Least cosine listed, -1..1.")] = -1.0,
    as_json: AsJson = False,
) -> None:
    """List the entries most alike to a face, and how often chance alone looks as good.

    `fpir` is the share of innocent people who meet so good a hit in a list of this size.
    """
    with _opened(gallery, tenant) as (faces, entries):
        hits = entries.search(faces.template([picture]), limit, min_similarity)
        size = entries.statistics().entries
        curve = faces.curve
    rows = [
        {
            "subject": hit.subject,
            "similarity": round(hit.similarity, 4),
            "fpir": None if curve is None else round(curve.fpir(hit.similarity, size), 4),
            "birth_year": hit.attributes.birth_year,
            "sex": hit.attributes.sex,
        }
        for hit in hits
    ]
    if as_json:
        typer.echo(json.dumps({"gallery": gallery, "entries": size, "hits": rows}, indent=2))
        return
    table = Table(title=f"{gallery}: {size} entries")
    for title in ("subject", "similarity", "fpir", "birth year", "sex"):
        table.add_column(title)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    open_console().print(table)


@app.command()
def delete(
    subject: Subject,
    gallery: Name = "customers",
    tenant: Tenant = "default",
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Erase the person from all lists of the tenant.")
    ] = False,
) -> None:
    """Delete one person for good, from the index on disk too; exit code 1 when there was none."""
    settings = Settings()
    with _database(settings) as (database, keys):
        names = galleries_of(database, tenant, subject) if everywhere else [gallery]
        gone = [
            open_gallery(settings, database, keys, name, tenant).delete(subject) for name in names
        ]
        if everywhere:
            erase_subject(database, tenant, subject)
    typer.echo("deleted" if any(gone) else "no such subject")
    if not any(gone):
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def stats(gallery: Name = "customers", tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Count what a list holds."""
    settings = Settings()
    with _database(settings) as (database, keys):
        entries = open_gallery(settings, database, keys, gallery, tenant)
        counts = asdict(entries.statistics()) | {"gallery": gallery, "model": entries.model}
    del counts["index_bytes"]  # nothing is loaded to count
    if as_json:
        typer.echo(json.dumps(counts, indent=2))
        return
    typer.echo(
        f"{gallery}: {counts['entries']} entries of {counts['model']}, "
        f"{counts['other_models']} of other models (not searched), revision {counts['revision']}"
    )


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            help="CSV with columns subject,file[,birth_year][,sex] (files relative to it), or a "
            "folder: each picture is one subject, each subfolder of pictures one too."
        ),
    ],
    gallery: Name = "customers",
    tenant: Tenant = "default",
    rejects: Annotated[
        Path | None, typer.Option(help="CSV written with every subject that was not usable.")
    ] = None,
) -> None:
    """Enrol many people; run it again to go on where it was broken off.

    Who is enrolled already is passed over. Exit code 4 when some pictures were not usable.
    """
    people = list(_people(source))
    with _opened(gallery, tenant) as (faces, entries):
        present = entries.subjects()
        wanted = [person for person in people if person.subject not in present]
        refused = _enrol_in_batches(faces, wanted, entries.enrol_many, len(people))
        entries.save_snapshot()
    enrolled = len(wanted) - len(refused)
    typer.echo(
        f"{enrolled} enrolled, {len(people) - len(wanted)} were there, {len(refused)} not usable"
    )
    if rejects is not None:
        _write_rejects(rejects, refused)
    if refused:
        raise typer.Exit(Exit.INPUT)


@app.command()
def migrate(
    source: Annotated[
        Path | None,
        typer.Argument(help="Pictures of the subjects, as for import; none only counts."),
    ] = None,
    gallery: Name = "customers",
    tenant: Tenant = "default",
    left: Annotated[
        Path | None,
        typer.Option(help="CSV written with every subject that stays outdated, and why."),
    ] = None,
) -> None:
    """Make the templates of an older face model anew, from pictures of the same people.

    No search finds an outdated entry. Attributes are kept; broken off, it goes on where it stopped.
    Exit code 4 when entries stay outdated: supply their pictures, or delete them.
    """
    with _opened(gallery, tenant) as (faces, entries):
        outdated = {one.subject: one for one in entries.outdated()}
        people = [] if source is None else [p for p in _people(source) if p.subject in outdated]
        wanted = [replace(p, attributes=outdated[p.subject].attributes) for p in people]
        refused = _enrol_in_batches(faces, wanted, entries.renew, len(outdated))
        entries.save_snapshot()
    pictured = {person.subject for person in wanted}
    refused += [(name, "gallery.no_picture") for name in outdated if name not in pictured]
    typer.echo(f"{len(outdated) - len(refused)} made anew, {len(refused)} stay outdated")
    if left is not None:
        _write_rejects(left, refused)
    if refused:
        raise typer.Exit(Exit.INPUT)


@app.command("import-templates")
def import_templates(
    file: Annotated[
        Path,
        typer.Argument(
            help=".npy of (n, d) floats with --subjects, or .parquet with subject, vector[, "
            "birth_year][, sex]."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Mark of the recogniser that made them, as `gallery stats` tells.")
    ],
    subjects: Annotated[
        Path | None, typer.Option(help="One reference a line, in the order of the rows.")
    ] = None,
    gallery: Name = "customers",
    tenant: Tenant = "default",
) -> None:
    """Enrol templates that are there already; run it again to go on where it was broken off.

    Who is enrolled already is passed over. Only templates of the very recogniser in use compare.
    """
    settings = Settings()
    with _database(settings) as (database, keys):
        entries = open_gallery(settings, database, keys, gallery, tenant)
        if entries.model != model:
            raise InputError(
                f"the recogniser in use is {entries.model}: templates of {model} would never be "
                "compared",
                "gallery.other_model",
            )
        present, count, there = entries.subjects(), 0, 0
        for block in read_templates(file, subjects, model):
            wanted = [each for each in block if each.subject not in present]
            entries.enrol_many(wanted)
            count, there = count + len(wanted), there + len(block) - len(wanted)
    typer.echo(f"{count} enrolled, {there} were there")


@app.command()
def duplicates(
    out: Annotated[
        Path, typer.Argument(help="Folder to write; one that is there is gone on with.")
    ],
    gallery: Name = "customers",
    tenant: Tenant = "default",
    fpir: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Innocent people who may meet a hit in the list."),
    ] = 0.001,
    as_json: AsJson = False,
) -> None:
    """Find people who are enrolled more than once; broken off, run it again with the same folder.

    Writes pairs.jsonl as it goes, and clusters.jsonl at the end. Exit code 1 when it found some.
    """
    settings = Settings()
    curve = Engines.open(settings).fmr_curve
    if curve is None or not 0 < fpir < 1:
        raise InputError(
            "a threshold wants an FPIR between 0 and 1 and a recogniser with a measured curve",
            "model.no_curve",
        )
    out.mkdir(parents=True, exist_ok=True)
    journal = out / "pairs.jsonl"
    found, after = _pairs_so_far(journal)
    with (
        _database(settings) as (database, keys),
        journal.open("a", encoding="utf-8") as file,
    ):
        entries = open_gallery(settings, database, keys, gallery, tenant)
        for one in doubles(entries, lambda n: curve.threshold(fpir, max(1, n)), after):
            hits = [{"subject": h.subject, "similarity": round(h.similarity, 4)} for h in one.hits]
            line = {"entry": one.entry, "subject": one.subject, "hits": hits}
            file.write(json.dumps(line) + "\n")
            file.flush()
            found += [(one.subject, hit.subject) for hit in one.hits]
        size = len(entries)
    groups = clusters(found)
    text = "".join(json.dumps(group) + "\n" for group in groups)
    (out / "clusters.jsonl").write_text(text, encoding="utf-8")
    if as_json:
        told = {"entries": size, "pairs": len(found), "clusters": len(groups), "fpir": fpir}
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{size} entries: {len(found)} pairs in {len(groups)} clusters")
    if groups:
        raise typer.Exit(Exit.NOT_ACCEPTED)


def _pairs_so_far(journal: Path) -> tuple[list[tuple[str, str]], int]:
    """Pairs that a walk before this one found, and the entry at which it ended.

    A line that its end cut off is taken away, and its entry searched again.

    Raises:
        InputError: `usage.not_a_walk`: the file holds something else.
    """
    pairs: list[tuple[str, str]] = []
    after, whole = -1, 0
    if not journal.exists():
        return pairs, after
    with journal.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                said = json.loads(line)
                after = int(said["entry"])
                pairs += [(said["subject"], hit["subject"]) for hit in said["hits"]]
            except (ValueError, LookupError, TypeError) as error:
                raise InputError(
                    f"{journal} is none of `veridical gallery duplicates`'s: name another folder",
                    "usage.not_a_walk",
                ) from error
            whole += len(line)
        file.truncate(whole)
    return pairs, after


# --- what the commands share ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Person:
    """One subject to import."""

    subject: str
    pictures: tuple[Path, ...]
    attributes: "Attributes"


class _Faces:
    """Turns pictures into templates by the models of the installation."""

    def __init__(self, settings: "Settings") -> None:
        engines = Engines.open(settings)
        self._detector = engines.need(Engines.detector)
        self._mesher = engines.need(Engines.mesher)
        self._embedder = engines.need(Engines.embedder)
        self.curve = engines.fmr_curve

    def template(self, pictures: Sequence[Path]) -> "Template":
        """One template of a person's pictures.

        Raises:
            InputError: A picture is not usable, or does not show exactly one large enough face.
        """
        views = [
            look_any_way_up(read_image(path), self._detector, self._mesher) for path in pictures
        ]
        for view in views:
            if view.subject is None:
                raise InputError("a picture must show exactly one face", f"face.{view.reason}")
            if view.subject.inter_eye_px < MIN_PROBE_EYES_PX:
                raise InputError(
                    f"the eyes must be at least {MIN_PROBE_EYES_PX:g} pixels apart, got "
                    f"{view.subject.inter_eye_px:.0f}; give a larger picture",
                    "face.face_too_small",
                )
        return self._embedder.fused(views)


def _enrol_in_batches(
    faces: _Faces,
    people: "Sequence[_Person]",
    put: "Callable[[Sequence[Enrolment]], None]",
    total: int,
) -> list[tuple[str, str]]:
    """Make templates and put them batch by batch, under a bar.

    Args:
        faces: Makes the templates.
        people: Whose.
        put: Writes one batch; what it wrote is kept, whatever happens then.
        total: Length of the bar; those who are not among the people count as done.

    Returns:
        Who had no usable picture, and the reason code.
    """
    refused: list[tuple[str, str]] = []
    columns = (TextColumn("enrolling"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=open_console(stderr=True)) as bar:
        task = bar.add_task("", total=total, completed=total - len(people))
        for start in range(0, len(people), _BATCH):
            batch = []
            for person in people[start : start + _BATCH]:
                try:
                    template = faces.template(person.pictures)
                    batch.append(Enrolment(person.subject, template, person.attributes))
                except InputError as error:
                    refused.append((person.subject, error.code))
                bar.advance(task)
            put(batch)
    return refused


@contextmanager
def _opened(name: str, tenant: str) -> "Iterator[tuple[_Faces, Gallery]]":
    """The face models and one gallery."""
    settings = Settings()
    faces = _Faces(settings)
    with _database(settings) as (database, keys):
        yield faces, open_gallery(settings, database, keys, name, tenant)


@contextmanager
def _database(settings: "Settings") -> "Iterator[tuple[Database, KeyProvider]]":
    database = settings.open_database()
    try:
        yield database, settings.keys()
    finally:
        database.close()


def _people(source: Path) -> Iterator[_Person]:
    """Subjects of a CSV file or a folder, in its order.

    Raises:
        InputError: There is no such source, or a row is malformed.
    """
    if source.is_dir():
        for path in sorted(source.iterdir()):
            pictures = tuple(sorted(path.iterdir())) if path.is_dir() else (path,)
            pictures = tuple(p for p in pictures if p.suffix.lower() in _PICTURE_SUFFIXES)
            if pictures:
                yield _Person(path.name if path.is_dir() else path.stem, pictures, Attributes())
        return
    if not source.is_file():
        raise InputError("give a CSV file or a folder of pictures", "usage.no_file")
    people: dict[str, _Person] = {}
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if missing := {"subject", "file"} - set(rows.fieldnames or ()):
            raise InputError(f"the CSV lacks column {sorted(missing)[0]}", "usage.columns")
        for number, row in enumerate(rows, 2):
            try:
                year = row.get("birth_year") or None
                attributes = Attributes(None if year is None else int(year), row.get("sex") or "")
            except (ValueError, InputError) as error:
                raise InputError(
                    f"line {number}: birth_year is a year or empty, sex is F, M, X or empty",
                    "usage.row",
                ) from error
            subject, picture = row["subject"], source.parent / row["file"]
            known = people.get(subject)
            if known is not None and known.attributes != attributes:
                raise InputError(
                    f"line {number}: attributes differ from an earlier line of the same subject",
                    "usage.row",
                )
            earlier = known.pictures if known else ()
            people[subject] = _Person(subject, (*earlier, picture), attributes)
    yield from people.values()


def _write_rejects(path: Path, refused: Sequence[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("subject", "reason"))
        rows.writerows(refused)
