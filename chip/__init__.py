"""Is what was read from the chip of a travel document what its state signed?"""

from veridical.chip.active import chip_challenge
from veridical.chip.check import ChipCheck
from veridical.chip.files import ChipFiles, read_chip
from veridical.chip.inspection import ChipInspection, inspect_chip
from veridical.chip.trust import TrustList

__all__ = [
    "ChipCheck",
    "ChipFiles",
    "ChipInspection",
    "TrustList",
    "chip_challenge",
    "inspect_chip",
    "read_chip",
]
