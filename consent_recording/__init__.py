"""Recorded consent: did one live person read and answer a script, and mean it?"""

from veridical.consent_recording.script import Script, load_script, parse_script, shipped_scripts
from veridical.consent_recording.times import SegmentTimes, Span, load_times, parse_times
from veridical.consent_recording.verifier import (
    Recording,
    RecordingResult,
    RecordingVerifier,
    load_recording_verifier,
    result_to_json,
)

__all__ = [
    "Recording",
    "RecordingResult",
    "RecordingVerifier",
    "Script",
    "SegmentTimes",
    "Span",
    "load_recording_verifier",
    "load_script",
    "load_times",
    "parse_script",
    "parse_times",
    "result_to_json",
    "shipped_scripts",
]
