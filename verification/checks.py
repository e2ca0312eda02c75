"""The checks a policy may name, and what each asks."""

__all__ = ["CHECKS", "VOICE_CHECKS", "is_signal"]

CHECKS = {
    "document.read": "Are the document's fields legible and consistent with each other?",
    "document.authentic": "Is it the document itself, unaltered, before the camera?",
    "document.specimen": "Is it free of any specimen mark?",
    "face.quality": "Is the applicant's face captured well enough to compare?",
    "face.match": "Is the face that of the document's portrait, or of the enrolled customer?",
    "face.copy": "Are the portrait and the applicant two different pictures?",
    "face.same_person": "Is it one person throughout the clip?",
    "liveness.silent": "Is a live person before the camera, judged passively?",
    "liveness.lips": "Did these lips speak the prompt, on its schedule?",
    "capture.continuity": "Is the clip one unbroken take of one person?",
    "liveness.injection": "Did the media come from a camera, now?",
    "voice.digits": "Were the prompted digits spoken?",
    "voice.match": "Is the voice that of the enrolled customer?",
    "voice.replay": "Was the sound not handed in before?",
    "voice.statement": "Was the statement read as it is written?",
    "watchlist.search": "Is the face on no watchlist?",
    "recording.presence": "Is a face there throughout the recording?",
    "recording.alone": "Is nobody else before the camera?",
    "recording.same_person": "Is it one person throughout the recording?",
    "recording.liveness": "Is a live person there, wherever the recording is sampled?",
    "recording.statements": "Was every statement read as it is written?",
    "recording.answers": "Was every question agreed to?",
    "recording.digits": "Were the digits read that were drawn for this recording?",
    "recording.speaker": "Is it one voice throughout, and the enrolled one?",
    "recording.lips": "Did these lips say every segment?",
    "signals.face_identity": "Was this face not seen under another identity?",
    "signals.identity_face": "Was this identity not seen under another face?",
    "signals.velocity": "Are attempts of this face, document, device and network within limits?",
    "signals.device": "Does the device say nothing that speaks against it?",
    "signals.region": "Does the document's region agree with where the applicant is?",
    "signals.lists": "Are identity, phone and device on no list of denied ones?",
    "signals.provider": "Has the service outside nothing against the applicant?",
}
"""Name and question of every check, in the order in which they run."""

VOICE_CHECKS = frozenset({"voice.digits", "voice.match", "voice.replay", "voice.statement"}) | {
    f"recording.{name}" for name in ("statements", "answers", "digits", "speaker")
}
"""Checks that may support a verdict but never carry one alone (NIST SP 800-63B-4)."""


def is_signal(check: str) -> bool:
    """Whether a check is a signal: it may lower an accept to review and is never required."""
    return check.startswith("signals.")
