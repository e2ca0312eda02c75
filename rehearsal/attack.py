"""Which attacks can be rehearsed?"""

from enum import StrEnum

__all__ = ["Attack", "describe"]


class Attack(StrEnum):
    """The attacks that can be rehearsed."""

    PRINT = "print"
    SCREEN_REPLAY = "screen_replay"
    PAPER_CUTOUT = "paper_cutout"
    MOUTH_CUTOUT = "mouth_cutout"
    BORDERED_TABLET = "bordered_tablet"
    FROZEN_FRAME = "frozen_frame"
    LOOPED_FRAMES = "looped_frames"
    DUBBED_AUDIO = "dubbed_audio"
    TIME_SHIFT = "time_shift"
    REVERSED_VIDEO = "reversed_video"
    CONSTANT_RATE = "constant_rate"
    TELEPHONE = "telephone"
    SPLICE = "splice"
    INTERLEAVE = "interleave"
    PORTRAIT_SELFIE = "portrait_selfie"


_WORDS = {
    Attack.PRINT: "a still of the face printed on paper and held by hand",
    Attack.SCREEN_REPLAY: "the recording shown on a screen whose edges stay out of view",
    Attack.PAPER_CUTOUT: "a printed face cut out along its outline and held before a background",
    Attack.MOUTH_CUTOUT: "a printed face with the mouth cut out and a live mouth behind it",
    Attack.BORDERED_TABLET: "the recording shown on a tablet, frame and surroundings in view",
    Attack.FROZEN_FRAME: "the picture stands still from some point on while the sound goes on",
    Attack.LOOPED_FRAMES: "a short stretch of frames repeated over the length of the clip",
    Attack.DUBBED_AUDIO: "another sound track under the same pictures",
    Attack.TIME_SHIFT: "the sound track moved against the pictures",
    Attack.REVERSED_VIDEO: "the frames in reverse order under the same sound",
    Attack.CONSTANT_RATE: "time stamps of a machine-perfect rate, as an injected stream has them",
    Attack.TELEPHONE: "the voice through a telephone: 300 to 3400 Hz, G.711 mu-law at 8 kHz",
    Attack.SPLICE: "words of one take joined in another order, picture and sound together",
    Attack.INTERLEAVE: "frames of another person put in at a dozen places",
    Attack.PORTRAIT_SELFIE: "the document's own portrait, cut out and enlarged, as selfie",
}


def describe(attack: Attack) -> str:
    """Say in a few words what an attack imitates."""
    return _WORDS[attack]
