"""What did the applicant hand in: a picture or a clip?"""

from pathlib import Path

from veridical.errors import InputError
from veridical.media import read_clip, read_image, sniff
from veridical.verification import Transaction

__all__ = ["read_capture"]


def read_capture(file: Path) -> "Transaction":
    """Read a picture or a clip, told apart by its content, as a transaction of its own.

    Raises:
        InputError: The file cannot be read or is neither.
    """
    try:
        with file.open("rb") as opened:
            kind = sniff(opened.read(256))
    except OSError as error:
        raise InputError(
            f"{file.name} cannot be read: {error.strerror}; give a picture or a clip",
            "media.missing",
        ) from error
    if kind.startswith("image/"):
        return Transaction("cli", selfie=read_image(file))
    return Transaction("cli", clip=read_clip(file))
