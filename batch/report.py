"""A run's results as a page for people."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2

import veridical
from veridical.batch.journal import RESULTS
from veridical.batch.summary import BatchSummary
from veridical.catalogue.reasons import explain_cause

__all__ = ["write_report"]

SHOWN_ROWS = 200
"""Rows listed one by one; a page with more is no longer read, and the lines are in the results."""


def write_report(out: Path, manifest: str, summary: BatchSummary) -> Path:
    """Write `report.html` beside the results of a run; answer its path.

    Reads the results once, line by line: memory does not grow with them.

    Args:
        out: Folder of the results.
        manifest: Its name, for the page.
        summary: Of the whole run.
    """
    statuses: dict[str, Counter[str]] = {}
    messages: dict[str, str] = {}
    shown: list[dict[str, Any]] = []
    for result in _results(out / RESULTS):
        verdict = result.get("verdict")
        if verdict is None:
            messages.setdefault(result["error"]["code"], result["error"]["message"])
        else:
            for check in verdict["checks"]:
                statuses.setdefault(check["check"], Counter())[check["status"]] += 1
        if len(shown) < SHOWN_ROWS and (verdict is None or verdict["outcome"] != "accept"):
            shown.append(_row(result))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("veridical.batch"), autoescape=True
    )
    page = environment.get_template("batch.html.j2").render(
        manifest=manifest,
        version=veridical.__version__,
        summary=summary,
        outcomes=summary.outcomes.most_common(),
        causes=summary.first_causes.most_common(20),
        errors=[(code, n, messages[code]) for code, n in summary.errors.most_common(20)],
        statuses=statuses,
        rows=shown,
        limit=SHOWN_ROWS,
    )
    path = out / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _results(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _row(result: dict[str, Any]) -> dict[str, str]:
    row = {"row": result["row"], "id": result["id"].encode(errors="replace").decode()}
    if error := result.get("error"):
        told = {"outcome": "error", "cause": error["code"], "text": error["message"]}
        return {**row, "policy": "", **told}
    verdict = result["verdict"]
    cause = verdict["first_cause"] or ""
    told = {rule["rule"]: rule["reason"] for rule in verdict.get("rules", [])}
    return {
        **row,
        "policy": f"{verdict['policy']['id']}@{verdict['policy']['version']}",
        "outcome": verdict["outcome"],
        "cause": cause,
        "text": explain_cause(cause, told),
    }
