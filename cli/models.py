"""`veridical models`: have them, prove them, and know what they are."""

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.errors import ModelError
from veridical.models import Card, list_cards, read_card
from veridical.models.bundle import write_bundle
from veridical.models.catalogue import check_model
from veridical.models.known_answer import describe_outputs
from veridical.models.listing import cards_as_markdown, origin, profiles_of
from veridical.models.pull import Pulled
from veridical.models.pull import pull as pull_models
from veridical.verification.settings import Settings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Pull, prove and list the models.")

COLOURS = {"yes": "green", "unclear": "yellow", "no": "red"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print docs/explanation/models.md's table.")
]
Names = Annotated[list[str] | None, typer.Argument(help="Models; those of the profile if none.")]
ProfileName = Annotated[
    str, typer.Option("--profile", help="standard, registry, commercial, or all there are.")
]
Mirror = Annotated[
    Path | None, typer.Option("--mirror", help="Folder searched first; VERIDICAL_MODELS_MIRROR.")
]
Target = Annotated[Path, typer.Argument(help="The tar file to write.")]
OnnxFile = Annotated[Path, typer.Option("--file", help="The ONNX file to ask.")]


@app.command("list")
def list_models(as_json: AsJson = False, as_markdown: AsMarkdown = False) -> None:
    """Every model that has a card, and whether it is here."""
    if as_markdown:
        sys.stdout.write(cards_as_markdown(list_cards()))
        return
    store = Settings().model_store()
    if as_json:
        rows = [
            {
                "name": card.name,
                "task": card.task,
                "here": store.has(card.name),
                "licence": card.licence,
                "commercial": card.commercial,
                "profiles": profiles_of(card.name),
                "recipe": card.recipe,
                "sources": [str(source) for source in card.file.sources],
                "sha256": card.file.sha256,
                "bytes": card.file.size_bytes,
            }
            for card in list_cards()
        ]
        json.dump(rows, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    table = _table("model", "here", "commercial", "task", "first source")
    for card in list_cards():
        here = "[green]yes[/]" if store.has(card.name) else "[dim]no[/]"
        table.add_row(card.name, here, _commercial(card), card.task, origin(card))
    _print(table, f"[dim]{store.directory}, profile {store.profile().name}[/]")


@app.command()
def pull(names: Names = None, profile: ProfileName = "standard", mirror: Mirror = None) -> None:
    """Download, convert and prove models; exit code 3 when a needed one can't be had.

    A model of `standard` that is not in `registry` may be missing: the profile falls back.
    """
    settings = Settings()
    store = settings.model_store()
    if names:
        wanted = needed = tuple(names)
    elif profile in ("all", "standard"):
        everything = tuple(card.name for card in list_cards())
        needed = store.profile("registry").models
        # Both: what stands in for a model that registries lack is no part of the larger set.
        both = tuple(dict.fromkeys((*store.profile("standard").models, *needed)))
        wanted = everything if profile == "all" else both
    else:
        wanted = needed = store.profile(profile).models
    console = open_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("pull", total=len(wanted))

        def note(name: str, step: str) -> None:
            done = wanted.index(name) if name in wanted else 0
            progress.update(bar, description=f"{name} {step}", completed=done)

        results = pull_models(
            [store.card(name) for name in wanted],
            settings.models_dir,
            mirror=mirror or settings.models_mirror,
            note=note,
        )
    for result in results:
        console.print(_pulled_line(result))
    console.print(f"[dim]{settings.models_dir}, profile {store.profile().name}[/]")
    if any(not result.ready and result.name in needed for result in results):
        raise typer.Exit(Exit.ENVIRONMENT)


@app.command()
def verify() -> None:
    """Hash every model that is here and ask it for its known answer; exit code 3 if one fails."""
    store = Settings().model_store()
    table = _table("model", "state", "source sha256")
    problems = []
    for card in list_cards():
        if not store.has(card.name):
            continue
        try:
            check_model(card, store.directory)
        except ModelError as error:
            problems.append(str(error))
            state = f"[red]{error.code}[/]"
        else:
            state = "[green]proven[/]" if card.known_answer else "[yellow]hash only[/]"
        table.add_row(card.name, state, card.file.sha256[:12])
    if not any(store.has(card.name) for card in list_cards() if card.recipe != "shipped"):
        problems.append(f"nothing was pulled into {store.directory}; run `veridical models pull`")
    _print(table, *(f"[red]problem[/] {problem}" for problem in problems))
    if problems:
        raise typer.Exit(Exit.ENVIRONMENT)


@app.command()
def licences() -> None:
    """The licence of every model's weights, who made them, and what is not known about them."""
    table = _table("model", "licence", "commercial", "provenance")
    for card in list_cards():
        provenance = " ".join(card.provenance.split())
        table.add_row(card.name, card.licence, _commercial(card), provenance)
    _print(table)


@app.command()
def bundle(target: Target) -> None:
    """Write the models that are here into one archive for a machine without a network.

    There: `tar -xf ARCHIVE -C "$VERIDICAL_MODELS_DIR"`, then `veridical models verify`.
    """
    names = write_bundle(Settings().models_dir, target)
    typer.echo(f"{target}: {len(names)} models ({', '.join(names)})")


@app.command()
def answer(name: Annotated[str, typer.Argument(help="Name of a card.")], file: OnnxFile) -> None:
    """Print the known answer of a file, to be pasted into its card.

    The card's `[known_answer]` must hold the seed and the inputs.
    """
    known = read_card(name).known_answer
    if known is None:
        raise ModelError(f"the card of {name} has no [known_answer] with inputs", "model.card")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    outputs = [np.asarray(output) for output in session.run(None, known.feeds())]
    sys.stdout.write(describe_outputs(outputs))


def _table(*titles: str) -> "Table":

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title)
    return table


def _print(*things: object) -> None:

    console = open_console()
    for thing in things:
        console.print(thing)


def _commercial(card: "Card") -> str:
    return f"[{COLOURS[card.commercial]}]{card.commercial}[/]"


def _pulled_line(result: "Pulled") -> str:

    if result.ready:
        return f"[green]ready[/]    {result.name:24} [dim]{escape(result.source)}[/]"
    return f"[red]not here[/] {result.name:24} {escape(result.problem)}"
