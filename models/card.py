"""What is a model: task, licence, origin, what it takes and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from veridical.errors import ModelError
from veridical.models.known_answer import KnownAnswer, read_known_answer
from veridical.models.source import SourceFile, read_source_file
from veridical.models.tables import Table, load_table
from veridical.result import ErrorRate, ModelRef, OperatingPoint

__all__ = [
    "CARDS_DIRECTORY",
    "RECIPES",
    "Card",
    "MeasuredPoint",
    "MeasuredRate",
    "Parameter",
    "Port",
    "list_cards",
    "read_card",
    "read_card_file",
    "read_operating_points",
]

CARDS_DIRECTORY = Path(__file__).parent / "cards"
RECIPES = ("copy", "fold-blockquant", "tflite", "fill-skeleton", "whisper", "openvino", "shipped")
COMMERCIAL = ("yes", "no", "unclear")

Parameter = float | int | bool | str | tuple[float, ...] | tuple[str, ...]
"""A number, a word or a list of them that the model's caller needs, such as a crop scale."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a model.

    Attributes:
        name: As the ONNX file calls it.
        shape: In words, such as `(n, 3, 112, 112) float32`.
        meaning: Range, order of colours, what the numbers say.
    """

    name: str
    shape: str
    meaning: str


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """An error rate and the score at which it was measured.

    Attributes:
        at: The threshold.
        rate: What it costs.
    """

    at: float
    rate: ErrorRate


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """The operating point of one check and what it was chosen by.

    Attributes:
        point: The two thresholds; its `source` names the card or profile.
        rates: Measured error rates at the thresholds.
        command: What reproduces the rates.
        note: What else must be known, such as a judgement behind a number.
    """

    point: OperatingPoint
    rates: tuple[MeasuredRate, ...]
    command: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A model card.

    Attributes:
        name: Unique, such as `sface-2021dec`.
        task: What it is for, in a few words.
        licence: SPDX identifier of the weights' licence, or words.
        commercial: Whether the weights' licence allows commercial use: `yes`, `no`, `unclear`.
        provenance: Who trained it on what, and what is unknown about that.
        file: The source weights, pinned by hash, and where they can be had.
        recipe: How the source becomes ONNX; one of `RECIPES`.
        options: What the recipe needs to know.
        inputs: What the ONNX file takes.
        outputs: What it answers.
        parameters: What a caller needs besides, such as a crop scale.
        known_answer: Proof that the file computes what it did; None only for a model that was
            never run here (its card says so).
        operating_points: Thresholds by check name.
    """

    name: str
    task: str
    licence: str
    commercial: str
    provenance: str
    file: SourceFile
    recipe: str
    options: Table
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    known_answer: KnownAnswer | None = None
    operating_points: Mapping[str, MeasuredPoint] = field(default_factory=dict)

    @property
    def ref(self) -> ModelRef:
        """Name and hash of the source weights, as verdicts quote them."""
        return ModelRef(self.name, self.file.sha256)


@cache
def list_cards() -> tuple[Card, ...]:
    """Every card shipped, by name."""
    return tuple(read_card_file(path) for path in sorted(CARDS_DIRECTORY.glob("*.toml")))


def read_card(name: str) -> Card:
    """The card of one model.

    Raises:
        ModelError: `model.unknown`: no card has that name.
    """
    for card in list_cards():
        if card.name == name:
            return card
    raise ModelError(
        f"no model is named {name!r}; `veridical models list` shows those with a card",
        "model.unknown",
    )


def read_card_file(path: Path) -> Card:
    """Read one card.

    Raises:
        ModelError: `model.card`: a key is missing or of the wrong kind, or the name is not the
            file's.
    """
    table = load_table(path)
    name = table.text("name")
    recipe = table.table("recipe")
    card = Card(
        name=name,
        task=table.text("task"),
        licence=table.text("licence"),
        commercial=table.text("commercial"),
        provenance=table.text("provenance").strip(),
        file=read_source_file(table.table("file")),
        recipe=recipe.text("kind"),
        options=recipe,
        inputs=_ports(table, "inputs"),
        outputs=_ports(table, "outputs"),
        parameters=_parameters(table.table("parameters")),
        known_answer=(
            read_known_answer(table.table("known_answer")) if "known_answer" in table else None
        ),
        operating_points=read_operating_points(table, f"card:{name}"),
    )
    for value, allowed, key in (
        (card.name, (path.stem,), "name"),
        (card.recipe, RECIPES, "recipe.kind"),
        (card.commercial, COMMERCIAL, "commercial"),
    ):
        if value not in allowed:
            raise ModelError(
                f"{path.name}: {key} must be one of {', '.join(allowed)}, got {value!r}",
                "model.card",
            )
    return card


def read_operating_points(table: Table, source: str) -> Mapping[str, MeasuredPoint]:
    """Read the `operating_points` of a card or profile."""
    points = table.table("operating_points")
    found = {}
    for check in points.values:
        entry = points.table(check)
        rates = tuple(_rate(rate) for rate in entry.tables("rates"))
        found[check] = MeasuredPoint(
            OperatingPoint(entry.number("accept_at"), entry.number("reject_below"), source),
            rates,
            entry.text("command"),
            entry.text("note", ""),
        )
    return MappingProxyType(found)


def _rate(table: Table) -> MeasuredRate:
    low, high = table.numbers("ci95")
    return MeasuredRate(
        table.number("at"),
        ErrorRate(
            kind=table.text("kind"),
            value=table.number("value"),
            ci95=(low, high),
            n=table.whole("n"),
            data=table.text("data"),
        ),
    )


def _ports(table: Table, key: str) -> tuple[Port, ...]:
    return tuple(
        Port(entry.text("name"), entry.text("shape"), entry.text("meaning"))
        for entry in table.tables(key)
    )


def _parameters(table: Table) -> Mapping[str, Parameter]:
    found: dict[str, Parameter] = {}
    for key, value in table.values.items():
        if isinstance(value, bool | int | float | str):
            found[key] = value
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            found[key] = table.texts(key)
        else:
            found[key] = table.numbers(key)
    return MappingProxyType(found)
