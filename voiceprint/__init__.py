"""Who spoke, what was said, and was it said now?"""

from veridical.voiceprint.digits import DigitReading, DigitsCheck, DigitTimes
from veridical.voiceprint.digits_listen import DigitListener
from veridical.voiceprint.embed import (
    Enrolment,
    NarrowBand,
    SpeechLimits,
    VoiceEmbedder,
    compare,
    enrol_voice,
)
from veridical.voiceprint.match import VoiceMatchCheck
from veridical.voiceprint.speech import SpeechAnalysis, analyse_speech

__all__ = [
    "DigitListener",
    "DigitReading",
    "DigitTimes",
    "DigitsCheck",
    "Enrolment",
    "NarrowBand",
    "SpeechAnalysis",
    "SpeechLimits",
    "VoiceEmbedder",
    "VoiceMatchCheck",
    "analyse_speech",
    "compare",
    "enrol_voice",
]
