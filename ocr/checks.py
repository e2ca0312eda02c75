"""Does the document read and agree with itself, and is it a specimen?"""

import re
import time
from collections.abc import Sequence
from datetime import date

from veridical.ocr.document import Document, unsure_fields
from veridical.ocr.number import is_consistent
from veridical.ocr.region import RegionStatus, region_status
from veridical.ocr.validate import WANTED_FIELDS, sides_disagree, validate
from veridical.result import EvidenceValue, Measurement

__all__ = ["DocumentReadCheck", "DocumentSpecimenCheck"]

CONTRADICTIONS = (
    "number_check_digit",
    "mrz_check_digit",
    "number_birth_mismatch",
    "number_sex_mismatch",
    "birth_in_future",
    "issued_before_birth",
    "expired",
    "not_yet_valid",
)
"""Findings no genuine, valid document shows, gravest first."""
DOUBTS = (
    "glare_on_field",
    "fields_missing",
    "field_unsure",
    "address_incomplete",
    "temporary_card",
    "term_not_legal",
    "term_not_for_age",
    "front_back_mismatch",
    "visual_mismatch",
    "region_unknown",
    "state_unknown",
)
"""Findings a genuine document may show."""
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
        sides = [side for side in (front, back) if side is not None and side.kind != "none"]
        models = tuple(dict.fromkeys(m for s in (front, back) if s for m in s.models))

        def answer(
            score: float | None, reason: str, evidence: dict[str, EvidenceValue]
        ) -> Measurement:
            elapsed_ms = (time.perf_counter() - start) * 1e3
            return Measurement(self.name, score, reason, evidence, models, elapsed_ms)

        if front is None and back is None:
            return answer(None, "document_missing", {})
        if not sides:
            return answer(None, "document_not_found", {})
        if (
            front is not None
            and front.kind == "none"
            and not any(side.kind.startswith(("td", "mrv")) for side in sides)
        ):
            return answer(None, "document_not_found", {"back": sides[0].kind})
        if back is not None and back.kind == "none" and sides[0].kind == "prc_id_front":
            return answer(None, "document_back_not_found", {"front": sides[0].kind})
        found = [
            code
            for side in sides
            for code in validate(side.kind, side.fields, side.mrz, today, side.texts)
        ]
        found += [code for side in sides for code in side.warnings if code == "visual_mismatch"]
        if len(sides) == 2 and (sides[0].kind, sides[1].kind) == ("prc_id_front", "prc_id_back"):
            found += sides_disagree(*sides)
        elif len(sides) == 2 and sides[0].kind == sides[1].kind:
            found.append("same_side_twice")
        evidence: dict[str, EvidenceValue] = {
            "kind": "+".join(side.kind for side in sides),
            "findings": " ".join(found),
            "missing": " ".join(
                name
                for side in sides
                for name in WANTED_FIELDS.get(side.kind, ())
                if name not in side.fields
            ),
            "corrections": sum(
                len(field.corrections) for side in sides for field in side.fields.values()
            ),
            "derived": " ".join(
                name
                for side in sides
                for name, field in side.fields.items()
                if field.source == "derived"
            ),
        }
        number = next((side.value("number") for side in sides if "number" in side.fields), None)
        if number:
            # A withdrawn code is no finding: people born under it keep it for life.
            evidence["region"] = str(region_status(number[:6]))
        if "field_unsure" in found:
            evidence["unsure"] = " ".join(
                name for side in sides for name in unsure_fields(side.fields)
            )
        hidden = " ".join(str(side.evidence.get("hidden_by_glare", "")) for side in sides).strip()
        if "fields_missing" in found and hidden:
            # Says what to do about it: turn the light away.
            found[found.index("fields_missing")] = "glare_on_field"
            evidence["hidden_by_glare"] = hidden
        scores = [field.score for side in sides for field in side.fields.values()]
        least = min(scores, default=0.0)
        evidence["least_field_score"] = round(least, 3)
        for code in (*CONTRADICTIONS, *DOUBTS, "same_side_twice"):
            if code in found:
                sure = code in CONTRADICTIONS and _sure_of(code, sides)
                return answer(0.0 if sure else 0.5, code, evidence)
        return answer(0.7 + 0.3 * least, "", evidence)


def _sure_of(code: str, sides: Sequence[Document]) -> bool:
    """Whether the fields behind a contradiction were clearly read."""
    names = {
        "number_check_digit": ("number",),
        "number_birth_mismatch": ("number", "birth"),
        "number_sex_mismatch": ("number", "sex"),
        "mrz_check_digit": ("document_number", "birth", "expiry"),
        "birth_in_future": ("birth",),
        "issued_before_birth": ("birth", "valid_from"),
        "expired": ("valid_to", "expiry"),
        "not_yet_valid": ("valid_from",),
    }[code]
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
        number = document.value("number") or ""
        marked = any(MARK.search(text) for text in (*document.texts, *texts))
        never = is_consistent(number) and region_status(number[:6]) is RegionStatus.NEVER_ISSUED
        states = {document.value("issuer"), document.value("nationality")} & EXAMPLE_STATES
        named = any(
            MARK.search(document.value(name) or "") for name in ("surname", "given_names", "name")
        )
        reason = (
            "specimen_mark"
            if marked or named
            else "region_never_issued"
            if never
            else "example_state"
            if states
            else ""
        )
        return Measurement(
            self.name,
            0.0 if reason else 1.0,
            reason,
            {"mark": marked, "region_never_issued": never, "example_state": bool(states)},
            document.models,
            (time.perf_counter() - start) * 1e3,
        )


MARK = re.compile(r"SPECIM|PECIMEN|CIMEN|样本|樣本|样张|VZOR|MUSTER|SPÉCIM", re.IGNORECASE)
EXAMPLE_STATES = {"UTO"}
"""Utopia, the state of ICAO's examples (Doc 9303-3, part 5)."""
