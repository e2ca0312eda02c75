"""Does the document read and agree with itself, and is it a specimen?"""

import re
import time
from collections.abc import Mapping, Sequence
from datetime import date

from veridical.ocr.document import Document, unsure_fields
from veridical.ocr.kinds import back_of, kind_of
from veridical.ocr.validate import missing_fields, validate
from veridical.result import EvidenceValue, Measurement

__all__ = ["DocumentReadCheck", "DocumentSpecimenCheck"]

CONTRADICTIONS: Mapping[str, tuple[str, ...]] = {
    "number_check_digit": ("number",),
    "mrz_check_digit": ("document_number", "birth", "expiry"),
    "number_birth_mismatch": ("number", "birth"),
    "number_sex_mismatch": ("number", "sex"),
    "birth_in_future": ("birth",),
    "issued_before_birth": ("birth", "valid_from"),
    "expired": ("valid_to", "expiry"),
    "not_yet_valid": ("valid_from",),
}
"""Findings no genuine, valid document shows, gravest first, and the fields behind each."""
DOUBTS = (
    "kind_not_supported",
    "barcode_malformed",
    "barcode_issuer_unknown",
    "glare_on_field",
    "fields_missing",
    "birth_incomplete",
    "expiry_not_read",
    "field_unsure",
    "address_incomplete",
    "temporary_card",
    "term_not_legal",
    "term_not_for_age",
    "front_back_mismatch",
    "visual_mismatch",
    "barcode_mismatch",
    "region_unknown",
    "state_unknown",
    "same_side_twice",
)
"""Findings a genuine document may show."""
SEEN_IN_PICTURE = ("visual_mismatch",)
"""Warnings of the reader that the fields alone do not tell."""
SURE = 0.9
"""Mean character probability from which a contradiction is the document's and not the reader's."""


class DocumentReadCheck:
    """How well a document reads and agrees with itself.

    The score falls into three bands: 0 for a contradiction in clearly read text; 0.5 for a doubt,
    or for a contradiction in text that was hard to read; 0.7 and above for a document without
    either, rising with the probability of its least certain field.
    """

    name = "document.read"

    def __call__(self, front: Document | None, back: Document | None, today: date) -> Measurement:
        """Judge what was read of one document.

        Args:
            front: The side with the portrait.
            back: The other side; None when there is none.
            today: Day by which validity is judged.
        """
        start = time.perf_counter()
        score, reason, evidence = _judge(front, back, today)
        models = tuple(dict.fromkeys(m for s in (front, back) if s for m in s.models))
        elapsed_ms = (time.perf_counter() - start) * 1e3
        return Measurement(self.name, score, reason, evidence, models, elapsed_ms)


def _judge(
    front: Document | None, back: Document | None, today: date
) -> tuple[float | None, str, dict[str, EvidenceValue]]:
    """Score, reason and evidence."""
    sides = [side for side in (front, back) if side is not None and side.kind != "none"]
    lacking = _not_found(front, back, sides)
    if lacking is not None:
        return None, *lacking
    found = _findings(sides, today)
    evidence = _evidence(sides, found)
    hidden = " ".join(str(side.evidence.get("hidden_by_glare", "")) for side in sides).strip()
    if "fields_missing" in found and hidden:
        # Says what to do about it: turn the light away.
        found[found.index("fields_missing")] = "glare_on_field"
        evidence["hidden_by_glare"] = hidden
    least = min((field.score for side in sides for field in side.fields.values()), default=0.0)
    evidence["least_field_score"] = round(least, 3)
    for code in (*CONTRADICTIONS, *DOUBTS):
        if code in found:
            return 0.0 if _is_sure(code, sides) else 0.5, code, evidence
    return 0.7 + 0.3 * least, "", evidence


def _not_found(
    front: Document | None, back: Document | None, sides: Sequence[Document]
) -> tuple[str, dict[str, EvidenceValue]] | None:
    """Why nothing can be judged, and what there is instead; None when something can."""
    if front is None and back is None:
        return "document_missing", {}
    if not sides:
        return "document_not_found", {}
    alone = any(kind_of(side.kind).side(side.kind).alone for side in sides)
    if front is not None and front.kind == "none" and not alone:
        return "document_not_found", {"back": sides[0].kind}
    if back is not None and back.kind == "none" and back_of(sides[0].kind) is not None:
        return "document_back_not_found", {"front": sides[0].kind}
    return None


def _findings(sides: Sequence[Document], today: date) -> list[str]:
    """Codes of everything that does not fit, on a side and between them."""
    found = [code for side in sides for code in validate(side, today)]
    found += [code for side in sides for code in side.warnings if code in SEEN_IN_PICTURE]
    if len(sides) == 2:
        one, other = sides
        back = back_of(one.kind)
        if one.kind == other.kind:
            found.append("same_side_twice")
        elif back is not None and back.name == other.kind:
            found += kind_of(one.kind).compare(one, other)
    return found


def _evidence(sides: Sequence[Document], found: Sequence[str]) -> dict[str, EvidenceValue]:
    """What a reviewer is told beside the score; names of fields, never their values."""
    read = [(name, field) for side in sides for name, field in side.fields.items()]
    evidence: dict[str, EvidenceValue] = {
        "kind": "+".join(side.kind for side in sides),
        "findings": " ".join(found),
        "missing": " ".join(name for side in sides for name in missing_fields(side)),
        "corrections": sum(len(field.corrections) for _, field in read),
        "derived": " ".join(name for name, field in read if field.source == "derived"),
    }
    for side in reversed(sides):
        evidence |= kind_of(side.kind).evidence(side)
    if "field_unsure" in found:
        evidence["unsure"] = " ".join(name for side in sides for name in unsure_fields(side.fields))
    return evidence


def _is_sure(code: str, sides: Sequence[Document]) -> bool:
    """Whether a finding is a contradiction between fields that were clearly read."""
    names = CONTRADICTIONS.get(code, ())
    scores = [side.fields[name].score for side in sides for name in names if name in side.fields]
    return min(scores, default=0.0) >= SURE


class DocumentSpecimenCheck:
    """Whether a document says of itself that it is no document.

    Score 1 for none of the signs below; 0 with a specimen mark, a region code that was never
    issued in a number that is otherwise consistent, or a state of ICAO's examples.
    """

    name = "document.specimen"

    def __call__(self, document: Document, texts: Sequence[str] = ()) -> Measurement:
        """Judge one side.

        Args:
            document: What was read.
            texts: Further words seen on it.
        """
        start = time.perf_counter()
        if document.kind == "none":
            return Measurement(self.name, None, "document_not_found", {}, document.models)
        names = (document.value(name) or "" for name in ("surname", "given_names", "name"))
        marked = any(MARK.search(text) for text in (*document.texts, *texts))
        never = kind_of(document.kind).specimen(document)
        reason = "specimen_mark" if marked or any(map(MARK.search, names)) else never
        return Measurement(
            self.name,
            0.0 if reason else 1.0,
            reason,
            {
                "mark": marked,
                "region_never_issued": never == "region_never_issued",
                "example_state": never == "example_state",
            },
            document.models,
            (time.perf_counter() - start) * 1e3,
        )


MARK = re.compile(r"SPECIM|PECIMEN|CIMEN|样本|樣本|样张|VZOR|MUSTER|SPÉCIM", re.IGNORECASE)
