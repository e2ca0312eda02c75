"""Which networks judge together, what is asked of a capture, and when a cue speaks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean

from veridical.errors import ModelError
from veridical.liveness.cues import Limits
from veridical.liveness.quality import QualityLimits
from veridical.models.tables import Table, load_table

__all__ = ["SETTINGS_FILE", "Ensemble", "SilentSettings", "Vote", "read_settings"]

BASELINE = "baseline"
SETTINGS_FILE = Path(__file__).parent / "silent.toml"


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Networks that judge a frame together.

    Attributes:
        name: As verdicts quote it.
        assurance: How much a pass of it is worth: `standard` or `baseline`.
        families: Names of the networks, those trained by one hand together.
    """

    name: str
    assurance: str
    families: tuple[tuple[str, ...], ...]

    def without(self, missing: Collection[str]) -> "Ensemble | None":
        """What is left when some networks are missing, worth no more than `baseline`.

        Returns:
            The ensemble itself when none is missing; None when nothing is left.
        """
        if not missing:
            return self
        left = (tuple(name for name in family if name not in missing) for family in self.families)
        families = tuple(family for family in left if family)
        return Ensemble(self.name, BASELINE, families) if families else None

    def fuse(self, scores: Mapping[str, float]) -> float:
        """Mean within each family, then over the families: siblings err together.

        Args:
            scores: Score of every member by name.

        Returns:
            0..1; NaN when any member answered NaN, so that a broken network never passes anyone.
        """
        return fmean(fmean(scores[name] for name in family) for family in self.families)


@dataclass(frozen=True, slots=True)
class Vote:
    """How frames make a clip's score.

    Attributes:
        views_at_most: Frames that are judged.
        usable_share_at_least: Share of the frames that must pass the quality gate.
        low_below: Frame score that counts as low in the evidence.
        trail_at_most: How far the lowest quintile may trail the median.
    """

    views_at_most: int
    usable_share_at_least: float
    low_below: float
    trail_at_most: float


@dataclass(frozen=True, slots=True)
class SilentSettings:
    """Everything `silent.toml` says.

    Attributes:
        vote: How frames make a clip's score.
        quality: What is asked of a view.
        ensembles: The ensembles by name.
        cues: Limits of the cues by name; a cue without limits is evidence only.
    """

    vote: Vote
    quality: QualityLimits
    ensembles: Mapping[str, Ensemble]
    cues: Mapping[str, Limits]

    def ensemble(self, members: Sequence[str]) -> Ensemble:
        """The ensemble of these networks.

        Raises:
            ModelError: `model.unknown`: none is described.
        """
        for found in self.ensembles.values():
            if {name for family in found.families for name in family} == set(members):
                return found
        raise ModelError(
            f"no ensemble of {', '.join(members)} is described in silent.toml; "
            f"there are: {', '.join(self.ensembles)}",
            "model.unknown",
        )


def read_settings(path: Path = SETTINGS_FILE) -> SilentSettings:
    """Read the settings file.

    Raises:
        ModelError: `model.card`: a key is missing or of the wrong kind.
    """
    table = load_table(path)
    vote, quality, cues = table.table("vote"), table.table("quality"), table.table("cues")
    ensembles = table.table("ensembles")
    return SilentSettings(
        Vote(
            vote.whole("views_at_most"),
            vote.number("usable_share_at_least"),
            vote.number("low_below"),
            vote.number("trail_at_most"),
        ),
        QualityLimits(
            **{field.name: quality.number(field.name) for field in fields(QualityLimits)}
        ),
        {name: _ensemble(name, ensembles.table(name)) for name in ensembles.values},
        {name: _limits(cues.table(name)) for name in cues.values},
    )


def _ensemble(name: str, table: Table) -> Ensemble:
    families = table.values.get("families")
    if not isinstance(families, list) or not families:
        raise ModelError(f"{table.where}: 'families' must be lists of names", "model.card")
    return Ensemble(
        name,
        table.text("assurance"),
        tuple(Table({"family": family}, table.where).texts("family") for family in families),
    )


def _limits(table: Table) -> Limits:
    return Limits(table.number("clear"), table.number("certain"), table.number("left", 0.0))
