"""Biometric identity verification for remote onboarding: alive, the holder, the one who speaks.

This package root holds the words all rooms share. It imports no room: every room imports it first.
"""

import os

from veridical.errors import ChallengeError, InputError, ModelError, StoreError, VeridicalError
from veridical.result import (
    CheckResult,
    ErrorRate,
    Measurement,
    ModelRef,
    OperatingPoint,
    Outcome,
    Status,
)
from veridical.types import Audio, Box, Challenge, Clip, Face, Image, Mesh, Template, View

__version__ = "0.1.0"

# onnxruntime 1.31 keeps a database of events in the user's cache and sends it to its maker, by
# threads of its own, unless this is set before it is imported, here or in a child of this process.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = [
    "Audio",
    "Box",
    "Challenge",
    "ChallengeError",
    "CheckResult",
    "Clip",
    "ErrorRate",
    "Face",
    "Image",
    "InputError",
    "Measurement",
    "Mesh",
    "ModelError",
    "ModelRef",
    "OperatingPoint",
    "Outcome",
    "Status",
    "StoreError",
    "Template",
    "VeridicalError",
    "View",
    "__version__",
]
