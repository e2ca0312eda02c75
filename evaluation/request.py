"""What was asked of an evaluation, and what came of it?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from veridical.evaluation.figures import Figures, JsonValue
from veridical.result import ModelRef

__all__ = ["Evaluation", "Request", "Section", "Worst"]


@dataclass(frozen=True, slots=True)
class Request:
    """One evaluation as it was asked for.

    Attributes:
        index: The index file.
        out: Folder for score files and report.
        seed: Of every random choice.
        limit: At most so many rows of the index; None takes all.
        workers: Processes that measure.
        command: The command line that asked.
        thumbnails: Show the worst errors as small pictures in the report: personal data.
    """

    index: Path
    out: Path
    seed: int = 0
    limit: int | None = None
    workers: int = 1
    command: str = ""
    thumbnails: bool = False


@dataclass(frozen=True, slots=True)
class Worst:
    """One of the worst errors.

    Attributes:
        what: What went wrong, with its score, naming rows of the index and no person.
        files: The media behind it, for thumbnails.
    """

    what: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: a plot or a table.

    Attributes:
        title: Heading.
        words: How to read it.
        svg: A drawing; empty for none.
        head: Column titles of a table; empty for none.
        rows: Its rows.
    """

    title: str
    words: str = ""
    svg: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(slots=True)
class Evaluation:
    """What one evaluation measured.

    Attributes:
        figures: The figures.
        headline: Paths of the few figures to show first, with their words.
        sections: Parts of the report.
        worst: The worst errors.
        profile: Name of the model set.
        models: The models that took part.
        data_sha256: Hash over the index and all it names.
        rows: Rows of the index that were used.
        options: Options of this kind that shaped the figures.
    """

    figures: Figures
    headline: Sequence[tuple[str, str]] = ()
    sections: list[Section] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)
    profile: str = ""
    models: tuple[ModelRef, ...] = ()
    data_sha256: str = ""
    rows: int = 0
    options: dict[str, JsonValue] = field(default_factory=dict)
