"""The weakest answers that an applicant may choose: what of a recording cannot be assessed then.

Who attacks chooses them. Measurements are judged again without what each choice takes away: it is
the service's own rule that is tried, not cameras.
"""

from collections.abc import Mapping

__all__ = ["WEAKEST", "words_of"]

WEAKEST: Mapping[str, Mapping[str, str]] = {
    "daylight": {"liveness.light": "light_too_weak"},
    "grey_camera": {"liveness.light": "colour_missing"},
    "seven_frames_a_second": {
        "liveness.light": "frame_rate_low",
        "liveness.lips": "frame_rate_low",
    },
    "eight_frames_a_second": {"liveness.lips": "frame_rate_low"},
    "no_colours_please": {"liveness.light": "light_no_challenge"},
    "cannot_speak": {"voice.digits": "too_short", "liveness.lips": "too_little_speech"},
    "nothing_assessed": {
        "voice.digits": "too_short",
        "liveness.lips": "too_little_speech",
        "liveness.light": "light_too_weak",
        "liveness.motion": "head_still",
        "capture.continuity": "too_few_frames",
    },
}
"""By choice: the checks that then assess nothing, each with its reason."""

_WORDS = {
    "daylight": "In bright daylight",
    "grey_camera": "Before a camera without colour",
    "seven_frames_a_second": "At fewer than 7.5 frames a second",
    "eight_frames_a_second": "At eight frames a second",
    "no_colours_please": "Saying that changing colours are not good for them",
    "cannot_speak": "Saying nothing",
    "nothing_assessed": "All of it at once",
}


def words_of(choice: str) -> str:
    """A choice in words."""
    return _WORDS[choice]
