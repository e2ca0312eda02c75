"""Biometric identity verification for remote onboarding: alive, the holder, the one who speaks.

This package root holds the words all rooms share, and the front door: what most programs need, each
imported when it is first asked for. It imports no room by itself: every room imports it first.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from veridical.release import __version__
from veridical.renamed import find_renamed

if TYPE_CHECKING:
    from veridical.client import AsyncClient, Client
    from veridical.errors import (
        ChallengeError,
        InputError,
        ModelError,
        StoreError,
        VeridicalError,
    )
    from veridical.media import read_audio, read_clip, read_image
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
    from veridical.verification import Settings, Transaction, Verdict, load_policy, load_verifier

# onnxruntime 1.31 keeps a database of events in the user's cache and sends it to its maker, by
# threads of its own, unless this is set before it is imported, here or in a child of this process.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_WORDS = {
    "errors": ("ChallengeError", "InputError", "ModelError", "StoreError", "VeridicalError"),
    "result": (
        "CheckResult", "ErrorRate", "Measurement", "ModelRef", "OperatingPoint", "Outcome",
        "Status",
    ),
    "types": ("Audio", "Box", "Challenge", "Clip", "Face", "Image", "Mesh", "Template", "View"),
}  # fmt: skip
_FRONT_DOOR = {
    "client": ("AsyncClient", "Client"),
    "media": ("read_audio", "read_clip", "read_image"),
    "verification": ("Settings", "Transaction", "Verdict", "load_policy", "load_verifier"),
}
_HOME = {
    name: f"veridical.{module}"
    for module, names in {**_WORDS, **_FRONT_DOOR}.items()
    for name in names
}

find_renamed()

__all__ = [
    "AsyncClient",
    "Audio",
    "Box",
    "Challenge",
    "ChallengeError",
    "CheckResult",
    "Client",
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
    "Settings",
    "Status",
    "StoreError",
    "Template",
    "Transaction",
    "Verdict",
    "VeridicalError",
    "View",
    "__version__",
    "load_policy",
    "load_verifier",
    "read_audio",
    "read_clip",
    "read_image",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    """Import what is asked for: `import veridical` alone costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'veridical' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What there is, loaded or not."""
    return __all__
