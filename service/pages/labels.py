"""What do the pages call checks and their evidence? What the catalogue calls them."""

from veridical.catalogue import CHECKS, COMMON_EVIDENCE, Language
from veridical.languages import LANGUAGES

__all__ = ["labels"]


def labels() -> dict[Language, dict[str, str]]:
    """Texts for the pages, by language: `check_NAME`, `short_NAME` and `evidence_NAME.KEY`."""
    named = {}
    for name, spec in CHECKS.items():
        named[f"check_{name}"] = spec.label
        named[f"short_{name}"] = spec.short or spec.label
        for key, text in {**spec.evidence, **COMMON_EVIDENCE}.items():
            named[f"evidence_{name}.{key}"] = text
    return {
        language: {key: text[language] for key, text in named.items()} for language in LANGUAGES
    }
