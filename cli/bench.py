"""`veridical bench`: processor time by stage, cold and warm."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.table import Table

from veridical.cli.console import open_console
from veridical.cli.demo import make_samples
from veridical.cli.timing import cold, measure
from veridical.verification import Settings, load_verifier
from veridical.verification.pictures import to_jpeg

__all__ = ["bench"]


def bench(
    repeats: Annotated[int, typer.Option(min=1, help="Counted runs, after a warm-up.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Time the standard transaction, one thread: a card and six seconds of clip."""
    settings = Settings()
    console = open_console(stderr=True)
    with console.status("making the transaction"):
        sample = make_samples(settings)[0]
        verifier = load_verifier(settings)
    with console.status("timing, warm"):
        figures = measure(verifier, sample, repeats)
    with console.status("timing, cold"), TemporaryDirectory() as folder:
        document, selfie = Path(folder) / "document.jpg", Path(folder) / "selfie.jpg"
        transaction = sample.transaction
        if transaction.document_front is None or transaction.selfie is None:
            raise ValueError("the sample has a document and a selfie")
        document.write_bytes(to_jpeg(transaction.document_front))
        selfie.write_bytes(to_jpeg(transaction.selfie))
        figures["cold"] = cold(settings, document, selfie)
    if as_json:
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(figures)


def _print(figures: dict[str, Any]) -> None:

    what = figures["standard_transaction"]
    table = Table(title=f"CPU ms, warm, {what['repeats']} runs: card and {what['clip']}")
    for title in ("stage", "median", "min"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for stage, ms in figures["cpu_ms"].items():
        table.add_row(stage, f"{ms['median']:.0f}", f"{ms['min']:.0f}")
    console = open_console()
    console.print(table)
    console.print(f"verdicts per core-second    {figures['verdicts_per_core_second']}")
    console.print(f"cores for 1 000 000 a day   {figures['cores_for_a_million_a_day']}")
    console.print(f"peak memory                 {figures['peak_rss_mb']} MB")
    cold = figures["cold"]
    console.print(
        f"cold `veridical verify`     {cold['verify_cpu_s']} s CPU, {cold['verify_wall_s']} s wall"
    )
    console.print(f"`import veridical`          {cold['import_cpu_s']} s CPU")
