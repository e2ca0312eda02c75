"""What is told to those who run the service, and of every problem?"""

from typing import Literal

from pydantic import ConfigDict

from veridical.wire.base import Answer

__all__ = ["Alive", "Lacking", "Problem", "ProblemPlace", "Ready"]


class Alive(Answer):
    """The process runs."""

    status: Literal["alive"]


class Lacking(Answer):
    """Something a check of a policy in force needs, and the installation does not have.

    Attributes:
        policy: Its id.
        check: Its name.
        code: `model.missing`, `model.not_commercial`, `model.no_operating_point`.
        model: Name of the model, where it is one.
        required: Whether the policy requires the check, and so could never accept.
    """

    policy: str
    check: str
    code: str
    model: str
    required: bool


class Ready(Answer):
    """The models are loaded and self-tested, and the database is there.

    Attributes:
        status: `ready`.
        profile: Name of the model set.
        missing: Models that are not there, with the reason.
        lacks: Checks of policies in force that want one.
    """

    status: Literal["ready"]
    profile: str
    missing: dict[str, str]
    lacks: tuple[Lacking, ...] = ()


class ProblemPlace(Answer):
    """What is wrong with one part of a request.

    Attributes:
        pointer: JSON pointer (RFC 6901) from `/body`, `/query`, `/path` or `/header` on; names that
            are none of the description are told as `(as sent)`. Empty for the whole request.
        detail: What was wanted. Never what came.
    """

    pointer: str
    detail: str


class Problem(Answer):
    """Why a request was refused: a problem document (RFC 9457).

    Attributes:
        type: `urn:veridical:problem:` and the code.
        title: The code in words.
        status: HTTP status.
        detail: What was wanted, what came, what to do. Never personal data.
        code: Stable, for machines.
        request_id: The service's log has it.
        retryable: Whether the same request may succeed later.
        errors: Of a 422: every part that is wrong.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:veridical:problem:media.missing",
                    "title": "media: missing",
                    "status": 422,
                    "detail": "upload these first: clip",
                    "code": "media.missing",
                    "request_id": "3f0c1a",
                    "retryable": False,
                    "errors": [{"pointer": "", "detail": "upload these first: clip"}],
                },
                {
                    "type": "urn:veridical:problem:request.malformed",
                    "title": "request: malformed",
                    "status": 422,
                    "detail": "missing or malformed: body.consent",
                    "code": "request.malformed",
                    "request_id": "3f0c1b",
                    "retryable": False,
                    "errors": [{"pointer": "/body/consent", "detail": "Field required"}],
                },
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool
    errors: tuple[ProblemPlace, ...] = ()
