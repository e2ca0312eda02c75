"""Does what a document says fit together?

Every finding is a stable code; what it is worth is the decision's business. What only one kind of
document can be asked, its kind knows; what all can be asked stands here.
"""

from datetime import date

from veridical.ocr.dates import as_day
from veridical.ocr.document import Document, unsure_fields
from veridical.ocr.kinds import kind_of

__all__ = ["missing_fields", "validate"]


def validate(document: Document, today: date) -> tuple[str, ...]:
    """Everything about one side that does not fit.

    Args:
        document: What was read, of a known kind.
        today: Day by which validity is judged.

    Returns:
        The codes of its kind, then `field_unsure birth_in_future expired not_yet_valid
        fields_missing`.
    """
    found = kind_of(document.kind).validate(document, today)
    if unsure_fields(document.fields):
        found.append("field_unsure")
    birth = as_day(document.value("birth"))
    if birth and birth > today:
        found.append("birth_in_future")
    ends = as_day(document.value("valid_to") or document.value("expiry"))
    if ends and ends < today:
        found.append("expired")
    starts = as_day(document.value("valid_from"))
    if starts and starts > today:
        found.append("not_yet_valid")
    if missing_fields(document):
        found.append("fields_missing")
    return tuple(found)


def missing_fields(document: Document) -> tuple[str, ...]:
    """Names of wanted fields that were not read."""
    wanted = kind_of(document.kind).wanted(document)
    return tuple(name for name in wanted if name not in document.fields)
