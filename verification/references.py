"""Templates of a known customer, made from files as the verifier makes its own."""

from veridical.errors import InputError
from veridical.types import Clip, Image, Template
from veridical.verification.transaction import Transaction
from veridical.verification.verifier import Verifier

__all__ = ["face_reference"]


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
