"""How recordings are looked at: the shipped numbers, read once."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from veridical.errors import ModelError
from veridical.media import Limits
from veridical.models.tables import Table, load_table

__all__ = ["RecordingSettings", "recording_settings"]

FILE = Path(__file__).parent / "settings.toml"


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """The numbers of `settings.toml`; what each means stands there.

    Attributes:
        limits: What a recording's file may be.
        window_s: Frames are held for so long.
        frames_a_second: Frames beyond this rate are left out.
        side_px: Frames are scaled down so that no side is longer.
        look_every_s: How often the whole frame is searched for faces.
        face_every_s: How often the face is compared.
        liveness_every_s: How often a window is judged for signs of a re-capture.
        second_face_at_least: Smallest second face by the first one's size, 0..1.
        gap_at_most_s: A face that is lost for less was never gone.
        least_switch_s: Shortest stretch that is taken for another person.
        views_kept: Frames kept to compare with an enrolled face.
        heard_window_s: Shorter segments are filled up with silence to this length.
        margin_s: Sound kept on either side of a segment.
        clear_nats: How clear a difference from a statement must be to count.
        found_share: Share of a segment's words that must be recognised for it to be found.
        least_voice_s: Net speech of a segment below which its voice is not compared.
        answer_clear_nats: How much better one kind of answer must explain the sound.
        answer_near_nats: How much worse than free recognition an answer may explain it.
    """

    limits: Limits
    window_s: float
    frames_a_second: float
    side_px: int
    look_every_s: float
    face_every_s: float
    liveness_every_s: float
    second_face_at_least: float
    gap_at_most_s: float
    least_switch_s: float
    views_kept: int
    heard_window_s: float
    margin_s: float
    clear_nats: float
    found_share: float
    least_voice_s: float
    answer_clear_nats: float
    answer_near_nats: float


@cache
def recording_settings() -> RecordingSettings:
    """The shipped settings.

    Raises:
        ModelError: The file is malformed.
    """
    table = load_table(FILE)
    limits, picture = table.table("limits"), table.table("picture")
    sound, answers = table.table("sound"), table.table("answers")
    return RecordingSettings(
        limits=Limits(
            max_recording_s=limits.number("longest_s"),
            max_recording_bytes=limits.whole("most_mib") << 20,
        ),
        window_s=_positive(picture, "window_s"),
        frames_a_second=_positive(picture, "frames_a_second"),
        side_px=picture.whole("side_px"),
        look_every_s=_positive(picture, "look_every_s"),
        face_every_s=_positive(picture, "face_every_s"),
        liveness_every_s=_positive(picture, "liveness_every_s"),
        second_face_at_least=_positive(picture, "second_face_at_least"),
        gap_at_most_s=_positive(picture, "gap_at_most_s"),
        least_switch_s=_positive(picture, "least_switch_s"),
        views_kept=picture.whole("views_kept"),
        heard_window_s=_positive(sound, "window_s"),
        margin_s=sound.number("margin_s"),
        clear_nats=_positive(sound, "clear_nats"),
        found_share=_positive(sound, "found_share"),
        least_voice_s=_positive(sound, "least_voice_s"),
        answer_clear_nats=_positive(answers, "clear_nats"),
        answer_near_nats=_positive(answers, "near_nats"),
    )


def _positive(table: Table, key: str) -> float:
    value = table.number(key)
    if not value > 0:
        raise ModelError(f"{table.where}: {key!r} must be above 0", "model.card")
    return value
