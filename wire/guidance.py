"""What is the applicant to change before the picture is taken?"""

from veridical.wire.base import Answer

__all__ = ["DocumentGuidance", "FaceGuidance"]


class FaceGuidance(Answer):
    """Where the face is, and what should change.

    Attributes:
        faces: How many are seen.
        box: Left, top, right, bottom in 0..1; null without a face.
        yaw_deg: Turned to the side; null when unknown.
        pitch_deg: Up or down; null when unknown.
        reason: Code of what should change; empty when nothing should.
        text: For the applicant.
        message_code: The same for a page that has texts of its own: `advice.NAME`; empty when
            nothing should change.
    """

    faces: int
    box: tuple[float, float, float, float] | None
    yaw_deg: float | None
    pitch_deg: float | None
    reason: str
    text: str
    message_code: str = ""


class DocumentGuidance(Answer):
    """Where the document is, and what should change.

    Attributes:
        quad: Four corners in 0..1, top left first and clockwise; null when none is found.
        reason: Code of what should change; empty when nothing should.
        text: For the applicant.
    """

    quad: tuple[tuple[float, float], ...] | None
    reason: str
    text: str
