"""What do the cards say, side by side? docs/explanation/models.md holds the table."""

from collections.abc import Iterable

from veridical.models.card import Card
from veridical.models.profile import read_profiles

__all__ = ["cards_as_markdown", "origin", "profiles_of"]


def profiles_of(name: str) -> tuple[str, ...]:
    """The profiles that a model belongs to."""
    return tuple(p.name for p in read_profiles().values() if name in p.models)


def origin(card: Card) -> str:
    """Where a model's weights come from first."""
    if card.recipe == "shipped":
        return "ships with veridical"
    first = (card.file.parts or (card.file,))[0]
    return str(first.sources[0]) if first.sources else "a mirror"


def cards_as_markdown(cards: Iterable[Card]) -> str:
    """One row per card: task, licence, commercial use, source, recipe, profiles, hash."""
    lines = [
        "| model | task | weights' licence | commercial | first source | recipe | MB | sha256 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for card in cards:
        source = origin(card)
        if source.startswith("https://"):
            source = f"[upstream]({source})"
        size_mb = card.file.size_bytes / 1e6
        lines.append(
            f"| `{card.name}` | {card.task} | {card.licence} | {card.commercial} | {source} "
            f"| {card.recipe} | {size_mb:.1f} | `{card.file.sha256[:12]}` |"
        )
    return "\n".join(lines) + "\n"
