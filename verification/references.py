"""Templates of a known customer, made from files as the verifier makes its own."""

from dataclasses import replace

from veridical.analysis.transaction import Transaction
from veridical.errors import InputError
from veridical.types import Audio, Clip, Image, Template
from veridical.verification.verifier import Verifier

__all__ = ["face_reference", "voice_reference"]


def face_reference(verifier: Verifier, known: Image | Clip) -> Template:
    """The template that a picture or recording of a known customer enrols.

    Templates compare only when made in the same way: so the verifier itself looks at it.

    Args:
        verifier: Who will compare it.
        known: Shows the one face.

    Raises:
        InputError: `face.no_face`: there is no face in it, or more than one as prominent.
    """
    shown = {"selfie": known} if isinstance(known, Image) else {"clip": known}
    template = verifier.analyse(Transaction("reference", **shown)).face_template
    if template is None:
        raise InputError("a reference must show one face", "face.no_face")
    return template


def voice_reference(verifier: Verifier, known: Audio | Clip, language: str = "") -> Template:
    """The template that a recording of a known customer enrols.

    Args:
        verifier: Who will compare it.
        known: Sound, or a recording with its sound.
        language: `en` or `zh`: what is spoken.

    Raises:
        InputError: `voice.no_reference`: there is too little speech in it, or more than one voice.
    """
    heard = {"voice": known} if isinstance(known, Audio) else {"clip": known}
    made = verifier.analyse(Transaction("reference", **heard)).voice_enrolment
    if made is None or made.template is None:
        why = made.reason if made else "no_speech"
        raise InputError(
            f"no voice can be enrolled from the reference: {why}", "voice.no_reference"
        )
    return replace(made.template, language=language)
