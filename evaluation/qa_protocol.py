"""What is recorded of each participant, so that thresholds can be set from it?"""

from dataclasses import dataclass

__all__ = ["ATTACKS", "PROTOCOL", "SETTINGS", "Sitting"]


@dataclass(frozen=True, slots=True)
class Sitting:
    """One recording of the protocol.

    Attributes:
        name: As the folder's indexes have it: the setting of a genuine recording, or the species.
        attack: Whether something else than the participant is shown.
        words: What to do.
    """

    name: str
    attack: bool
    words: str


PROTOCOL = (
    Sitting("still", False, "sit still and look at the camera, eight seconds"),
    Sitting("talking", False, "read the digits, in the room as it is"),
    Sitting("lamp_on", False, "read the digits with the room's lamps on"),
    Sitting("lamp_off", False, "read the digits with the room's lamps off"),
    Sitting("moves", False, "turn the head as the arrows say"),
    Sitting("print", True, "show a photograph of the participant on paper, by hand"),
    Sitting("phone", True, "show the `talking` recording on a telephone, by hand"),
    Sitting("tablet", True, "show the `talking` recording on a tablet"),
    Sitting("laptop", True, "show the `talking` recording on a laptop's screen"),
)
"""Attacks play what was recorded just before: the right person, at another moment."""
SETTINGS = tuple(one.name for one in PROTOCOL if not one.attack)
ATTACKS = tuple(one.name for one in PROTOCOL if one.attack)
