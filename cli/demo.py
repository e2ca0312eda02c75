"""`veridical demo`: four sample transactions, verified before your eyes."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jinja2
import typer
from rich.table import Table

import veridical
from veridical.analysis.analysis import Analysis
from veridical.cli.console import OUTCOME_STYLES, open_console
from veridical.cli.exits import Exit
from veridical.evaluation.waive import judged_without_mark
from veridical.models import SourceFile, fetch_member
from veridical.models.pull import CACHE_NAME
from veridical.policy.present import PRESENT, bars
from veridical.rehearsal.samples import Sample, build_samples, build_talkers
from veridical.verification import (
    CHECKS,
    Settings,
    Verdict,
    Verifier,
    explain,
    load_policy,
    load_verifier,
    verdict_to_json,
)
from veridical.verification.pictures import draw_document, draw_faces, to_jpeg

__all__ = ["demo", "make_samples", "make_talkers"]

PRODUCTION = "selfie"
"""The policy that the report holds the samples against as well."""


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report and the pictures.")] = Path(
        "demo-report"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print sample, outcome and first cause as JSON.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only fetch the pictures and fonts of the samples.")
    ] = False,
) -> None:
    """Verify a genuine applicant, four kinds of impostor, and a photograph made to speak."""
    settings = Settings()
    settings.policy = "demo"
    console = open_console(stderr=True)
    with console.status("making samples"):
        samples = (*make_samples(settings), *make_talkers(settings))
    if prepare:
        return
    with console.status("loading models"):
        verifier = load_verifier(settings)
    judged: list[tuple[Sample, Analysis, Verdict]] = []
    for sample in samples:
        with console.status(f"verifying {sample.name}"):
            analysis = verifier.analyse(sample.transaction)
            policy = load_policy(sample.policy)
            judged.append((sample, analysis, verifier.judge(analysis, policy)))
    with console.status("asking a policy of production"):
        production = _in_production(verifier, judged)
    report = _write_report(out, judged, production)
    if as_json:
        answer = [
            {"sample": sample.name, "outcome": str(verdict.outcome),
             "first_cause": verdict.first_cause}
            for sample, _, verdict in judged
        ]  # fmt: skip
        json.dump(answer, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print_table(judged)
        typer.echo(f"report with pictures: {report}")
    # Verdicts are computed; a demo that accepts an attack must not end as if all were well.
    wrong = [
        sample.name
        for sample, _, verdict in judged
        if (verdict.outcome == "accept") != sample.bona_fide
    ]
    if wrong:
        typer.echo(f"unexpected outcome: {', '.join(wrong)}", err=True)
        raise typer.Exit(Exit.NOT_ACCEPTED)


def make_samples(settings: "Settings") -> "tuple[Sample, ...]":
    """The four transactions, their pictures and fonts fetched where they are not cached."""
    return build_samples(_fetcher(settings))


def make_talkers(settings: "Settings") -> "tuple[Sample, ...]":
    """The five of a photograph made to speak, a stand-in for a talking head."""
    return build_talkers(_fetcher(settings))


def _fetcher(settings: "Settings") -> "Callable[[SourceFile], bytes]":

    def fetch(source: "SourceFile") -> bytes:
        return fetch_member(source, settings.models_dir / CACHE_NAME, mirror=settings.models_mirror)

    return fetch


def _in_production(
    verifier: Verifier, judged: "list[tuple[Sample, Analysis, Verdict]]"
) -> list[dict[str, str]]:
    """How a policy of production ends each sample with a document, with the mark and without."""
    policy = load_policy(PRODUCTION)
    rows = []
    for sample, analysis, _ in judged:
        if sample.transaction.document_front is None:
            continue
        verdict = verifier.judge(analysis, policy)
        without = judged_without_mark(verdict.results, policy)
        rows.append(
            {
                "sample": sample.name,
                "story": sample.story,
                "as_it_is": str(verdict.outcome),
                "without_mark": str(without.outcome),
                "cause": without.first_cause or "",
            }
        )
    return rows


def _print_table(judged: "list[tuple[Sample, Analysis, Verdict]]") -> None:

    table = Table(title="veridical demo: sample transactions")
    for title in ("sample", "what it is", "outcome", "first cause"):
        table.add_column(title)
    for sample, _, verdict in judged:
        cause = verdict.first_cause or ""
        meaning = explain(cause.split(":", 1)[1]) if cause else ""
        style = OUTCOME_STYLES[verdict.outcome]
        table.add_row(
            sample.name,
            sample.story,
            f"[{style}]{verdict.outcome}[/]",
            f"{cause}\n[dim]{meaning}[/]" if cause else "",
        )
    open_console().print(table)


def _write_report(
    out: Path,
    judged: "list[tuple[Sample, Analysis, Verdict]]",
    production: list[dict[str, str]],
) -> Path:
    """Write the pictures and the HTML report; answer the report's path."""
    out.mkdir(parents=True, exist_ok=True)
    items: list[dict[str, Any]] = []
    for sample, analysis, verdict in judged:
        shown = []
        front, selfie = sample.transaction.document_front, sample.transaction.selfie
        if front is not None:
            (out / f"{sample.name}-document.jpg").write_bytes(to_jpeg(front))
            shown.append(("document", draw_document(front, analysis.front)))
        if selfie is not None:
            (out / f"{sample.name}-selfie.jpg").write_bytes(to_jpeg(selfie))
            shown.append(("selfie", draw_faces(analysis.views[0])))
        if sample.transaction.clip is not None:
            shown.append(("of the clip", draw_faces(analysis.views[len(analysis.views) // 2])))
        cause = verdict.first_cause
        items.append(
            {
                "sample": sample.name,
                "story": sample.story,
                "verdict": verdict_to_json(verdict),
                "witnesses": _witnesses(verdict),
                "cause": explain(cause.split(":", 1)[1]) if cause else "",
                "pictures": [
                    {"caption": caption, "jpeg": base64.b64encode(to_jpeg(image, 800)).decode()}
                    for caption, image in shown
                ],
            }
        )
    environment = jinja2.Environment(loader=jinja2.PackageLoader("veridical.cli"), autoescape=True)
    first = judged[0][2]
    page = environment.get_template("demo.html.j2").render(
        items=items,
        production=production,
        production_policy=PRODUCTION,
        profile=first.profile,
        policy=first.policy["id"],
        policy_sha256=first.policy["sha256"],
        assurance=first.assurance,
        version=veridical.__version__,
    )
    path = out / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _witnesses(verdict: Verdict) -> dict[str, Any] | None:
    """Six witnesses as bars that add up to a sum, in percent of the picture's width; None without.

    Starts, widths and the line that must be reached are laid out between the lowest and highest.
    """
    result = next((one for one in verdict.results if one.check == PRESENT), None)
    if result is None or result.score is None or result.point is None:
        return None
    evidence = result.measurement.evidence
    found = bars(evidence)
    needed = result.point.accept_at
    ends = [0.0, needed, result.score, *(one.start + (one.value or 0.0) for one in found)]
    low, width = min(ends), max(max(ends) - min(ends), 1.0)

    def across(name: str, value: float | None, start: float) -> dict[str, Any]:
        left = min(start, start + (value or 0.0))
        return {
            "name": name,
            "value": value,
            "left": 100 * (left - low) / width,
            "width": 100 * abs(value or 0.0) / width,
        }

    labels = CHECKS[PRESENT].evidence
    return {
        "bars": [across(labels[f"witness_{b.name}"].en, b.value, b.start) for b in found],
        "sum": across("Sum", result.score, 0.0),
        "weakest": evidence.get("weakest"),
        "needed": needed,
        "line": 100 * (needed - low) / width,
        "enough": result.score >= needed,
    }
