"""Every error this package raises on purpose.

* VeridicalError
  + InputError         422  the caller's media or arguments cannot be used: mend the request
  + ChallengeError     409  a challenge is unknown, spent or too old: start a new transaction
  + ModelError         503  weights are missing, altered or not loadable: mend the installation
  + DecoderError       503  the decoder of media was killed from outside: try again
  + StoreError         503  the database cannot be read or written (507 when the disk is full)

Each carries a stable `code` for machines, such as `media.too_large`, beside the message for people.
A poor biometric sample is no error: a check that cannot judge it answers with a `Measurement`
without a score and with a reason.
"""

__all__ = [
    "ChallengeError",
    "DecoderError",
    "InputError",
    "ModelError",
    "StoreError",
    "VeridicalError",
]


class VeridicalError(Exception):
    """Base class of all errors raised on purpose by veridical.

    Args:
        message: What was wanted, what came, and what to do. Never personal data.
        code: Stable code for machines; the class's own code when not given.

    Attributes:
        code: Stable code for machines, `domain.what`.
        http_status: Status with which the service answers.
    """

    default_code = "error"
    http_status = 500

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class InputError(VeridicalError):
    """The caller's media or arguments cannot be used."""

    default_code = "input.invalid"
    http_status = 422


class ChallengeError(VeridicalError):
    """A challenge is unknown, already spent, or too old."""

    default_code = "challenge.invalid"
    http_status = 409


class ModelError(VeridicalError):
    """A model's weights are missing, altered or not loadable.

    Args:
        message: As of every error.
        code: As of every error.
        model: Name of the model it is about; empty when it is about none or several.

    Attributes:
        model: Name of the model it is about.
    """

    default_code = "model.unavailable"
    http_status = 503

    def __init__(self, message: str, code: str | None = None, model: str = "") -> None:
        super().__init__(message, code)
        self.model = model


class DecoderError(VeridicalError):
    """The decoder of media was killed from outside: nothing is known against the media."""

    default_code = "media.decoder_lost"
    http_status = 503


class StoreError(VeridicalError):
    """The database cannot be read or written."""

    default_code = "store.unavailable"
    http_status = 503
