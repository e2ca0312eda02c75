"""The checks a policy may name, and what each asks."""

__all__ = ["CHECKS", "VOICE_CHECKS"]

CHECKS = {
    "document.read": "Are the document's fields legible and consistent with each other?",
    "document.authentic": "Is it the document itself, unaltered, before the camera?",
    "document.specimen": "Is it free of any specimen mark?",
    "face.quality": "Is the applicant's face captured well enough to compare?",
    "face.match": "Is the face that of the document's portrait, or of the enrolled customer?",
    "face.same_person": "Is it one person throughout the clip?",
    "liveness.silent": "Is a live person before the camera, judged passively?",
    "liveness.lips": "Did these lips speak the prompt, on its schedule?",
    "liveness.injection": "Did the media come from a camera, now?",
    "voice.digits": "Were the prompted digits spoken?",
    "voice.match": "Is the voice that of the enrolled customer?",
    "voice.replay": "Was the sound not handed in before?",
    "voice.statement": "Was the statement read as it is written?",
    "watchlist.search": "Is the face on no watchlist?",
}
"""Name and question of every check, in the order in which they run."""

VOICE_CHECKS = frozenset({"voice.digits", "voice.match", "voice.replay", "voice.statement"})
"""Checks that may support a verdict but never carry one alone (NIST SP 800-63B-4)."""
