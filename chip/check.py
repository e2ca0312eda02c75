"""Is the chip what its state signed, and does the print say the same?"""

import time
from collections.abc import Sequence

from veridical.chip.inspection import UNDECIDED, ChipInspection
from veridical.ocr.document import SURE_CHARACTER, Document
from veridical.ocr.mrz import Mrz
from veridical.result import EvidenceValue, Measurement

__all__ = ["ChipCheck", "belongs"]

GUARDED = ("document_number", "birth", "expiry")
COMPARED = (*GUARDED, "issuer", "nationality", "sex", "surname", "given_names")


class ChipCheck:
    """What a chip is worth, and whether the printed zone says the same.

    Score 1 for files that a trusted state signed and a print that agrees, or was not handed in; 0.5
    where it was not read, or differs in a name or another part without a check digit; 0 for
    everything a genuine chip does not show; None where the signer cannot be known.
    """

    name = "document.chip"

    def __call__(self, chip: ChipInspection, printed: Sequence[Document]) -> Measurement:
        """Judge one chip.

        Args:
            chip: Its files, inspected.
            printed: The sides of the document that were read.
        """
        start = time.perf_counter()
        score, reason, evidence = _judge(chip, printed)
        elapsed_ms = (time.perf_counter() - start) * 1e3
        return Measurement(self.name, score, reason, evidence, (), elapsed_ms)


def _judge(
    chip: ChipInspection, printed: Sequence[Document]
) -> tuple[float | None, str, dict[str, EvidenceValue]]:
    evidence = dict(chip.evidence)
    if not chip.authentic:
        return (None if chip.reason in UNDECIDED else 0.0), chip.reason, evidence
    zone = next((side.mrz for side in printed if side.mrz is not None), None)
    if zone is None or chip.zone is None:
        # Any genuine chip would do beside the picture of somebody else's document.
        evidence["printed_zone"] = "not_read" if printed else "not_handed_in"
        return (0.5, "chip_zone_not_read", evidence) if printed else (1.0, "", evidence)
    differing = [name for name in COMPARED if _differs(name, zone, chip.zone)]
    evidence["printed_zone"] = "differs" if differing else "agrees"
    if not differing:
        return 1.0, "", evidence
    evidence["differing"] = " ".join(differing)
    # Digits that hold were not misread: another document was photographed, or this one altered.
    grave = zone.kind != chip.zone.kind or any(name in GUARDED for name in differing)
    sure = all(zone.checks.values())
    return (0.0 if grave and sure else 0.5), "chip_zone_mismatch", evidence


def _differs(name: str, printed: Mrz, signed: Mrz) -> bool:
    """Whether a part differs that was read well enough to say so."""
    if printed.weakest.get(name, 1.0) < SURE_CHARACTER:
        return False
    return printed.fields.get(name, "") != signed.fields.get(name, "")


def belongs(chip: ChipInspection, printed: Sequence[Document]) -> bool:
    """Whether what a chip says may be believed of the document that was photographed.

    Args:
        chip: Its files, inspected.
        printed: The sides that were read; without any the chip stands alone.
    """
    return _judge(chip, printed)[0] == 1.0
