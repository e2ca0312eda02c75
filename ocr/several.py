"""What do several pictures of one document say together?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from veridical.ocr.document import SURE_CHARACTER, Document, Field, unsure_fields
from veridical.ocr.kinds import holder_number
from veridical.ocr.validate import validate

__all__ = ["best_of"]

SEEN_IN_PICTURE = frozenset({"visual_mismatch", "temporary_card"})
"""Findings that the fields alone do not tell: they are kept from the picture that shows them."""


def best_of(readings: Sequence[Document], today: date) -> Document:
    """Put the best reading of every field together.

    Readings of another kind, or of another holder, than the best one are left out. What one picture
    hides another shows; where two are sure of different values, the field is doubted.

    Args:
        readings: What was read in each picture, at least one.
        today: Day by which validity is judged.

    Returns:
        The best reading with the best fields; fields from other pictures have no box. The evidence
        `pictures` counts those that took part, `differing` names fields sure of different values.
    """
    best = max(readings, key=_worth)
    if best.kind == "none":
        return best
    same = [one for one in readings if _is_same(one, best)]
    names = dict.fromkeys(name for one in (best, *same) for name in one.fields)
    differing: list[str] = []
    fields: dict[str, Field] = {}
    for name in names:
        found = [(one, one.fields[name]) for one in same if name in one.fields]
        told = {field.value for _, field in found if _certainty(field) >= SURE_CHARACTER}
        source, field = max(found, key=lambda pair: (_certainty(pair[1]), pair[0] is best))
        fields[name] = field if source is best else replace(field, box=None)
        if len(told) > 1:
            differing.append(name)
            fields[name] = replace(fields[name], weakest=0.0)
    whole = replace(best, fields=fields)
    kept = [code for code in best.warnings if code in SEEN_IN_PICTURE]
    evidence = {**best.evidence, "pictures": len(same), "differing": " ".join(differing)}
    warnings = tuple(dict.fromkeys((*validate(whole, today), *kept)))
    return replace(whole, warnings=warnings, evidence=evidence)


def _worth(document: Document) -> tuple[bool, bool, int, float]:
    """Whether it is a document, whose, how much of it is sure, and how sure."""
    sure = len(document.fields) - len(unsure_fields(document.fields))
    score = sum(field.score for field in document.fields.values())
    return document.kind != "none", bool(holder_number(document)), sure, score


def _is_same(one: Document, best: Document) -> bool:
    """Whether two readings are of one side of one holder's document, as far as they tell."""
    holders = {holder_number(one), holder_number(best)} - {""}
    return one.kind == best.kind and len(holders) < 2


def _certainty(field: Field) -> float:
    """How sure a value is: its least character where nothing guards it, else its mean."""
    return field.score if field.weakest is None else min(field.weakest, field.score)
