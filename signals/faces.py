"""Was this face seen under another identity, or this identity with another face?"""

import numpy as np

from veridical.gallery import FmrCurve
from veridical.result import EvidenceValue, Measurement, ModelRef
from veridical.signals.seen import SeenFaces, Sighting
from veridical.types import Template

__all__ = ["FaceIdentityCheck", "IdentityFaceCheck"]

SOURCE = "store"


class FaceIdentityCheck:
    """Says how remarkable it is that a face like this was seen under another identity.

    The score is that of a watchlist: the share of innocent people who would meet so good a hit
    among as many faces (FPIR), so that one operating point serves a month of any size.

    Args:
        curve: FMR of the recogniser.
        model: The recogniser.
        same_face_fpir: Up to here a face counts as the one that is judged.
    """

    name = "signals.face_identity"

    def __init__(self, curve: FmrCurve, model: ModelRef, same_face_fpir: float) -> None:
        self._curve = curve
        self._models = (model,)
        self._same_face_fpir = same_face_fpir

    def __call__(self, sighting: Sighting, seen: SeenFaces | None) -> Measurement:
        """Look for the face under other identities.

        Args:
            sighting: The attempt that is judged.
            seen: The faces most alike to it; None without a face.

        Returns:
            `signals.face_identity`, with reason `other_identity` for what a low score means; not
            assessed with `no_face`, or with `identity_unknown` when nothing says who this is.
        """
        if seen is None or sighting.identity is None:
            reason = "no_face" if seen is None else "identity_unknown"
            return Measurement(self.name, None, reason, {}, self._models)
        others = [face for face in seen.faces if face.is_another(sighting)]
        same = self.same_face(seen)
        identities = {face.identity for face in others if face.transaction in same}
        evidence: dict[str, EvidenceValue] = {
            "entries": seen.entries,
            "other_identities": len(identities),
            "source": SOURCE,
        }
        if not others:
            return Measurement(self.name, 1.0, "", evidence, self._models)
        evidence["similarity"] = round(others[0].similarity, 4)
        score = self._curve.fpir(others[0].similarity, seen.entries)
        return Measurement(self.name, score, "other_identity", evidence, self._models)

    def same_face(self, seen: SeenFaces) -> frozenset[str]:
        """Transactions that showed this very face."""
        return frozenset(
            face.transaction
            for face in seen.faces
            if self._curve.fpir(face.similarity, seen.entries) <= self._same_face_fpir
        )


class IdentityFaceCheck:
    """Compares a face with those that were seen under the same identity.

    The least alike counts: somebody who uses a stolen identity after its owner differs from all of
    them, the owner who comes back after the thief from one. With every face that is compared the
    chance grows that a poor capture of the right person differs.

    Args:
        model: The recogniser.
        newest: Newest transactions of one identity whose faces are compared.
    """

    name = "signals.identity_face"

    def __init__(self, model: ModelRef, newest: int) -> None:
        self._models = (model,)
        self.newest = newest

    def __call__(
        self, sighting: Sighting, face: Template | None, earlier: list[Template]
    ) -> Measurement:
        """Compare.

        Args:
            sighting: The attempt that is judged.
            face: Of the applicant; None where none was found.
            earlier: Faces of the same model, seen under the same identity.

        Returns:
            `signals.identity_face`: the least similarity, 1 where there is nothing to compare,
            with reason `other_face` for what a low one means; not assessed with `no_face`, or
            with `identity_unknown` when nothing says who this is.
        """
        if face is None or sighting.identity is None:
            reason = "no_face" if face is None else "identity_unknown"
            return Measurement(self.name, None, reason, {}, self._models)
        evidence: dict[str, EvidenceValue] = {"compared": len(earlier), "source": SOURCE}
        if not earlier:
            return Measurement(self.name, 1.0, "", evidence, self._models)
        alike = np.stack([template.vector for template in earlier]) @ face.vector
        evidence |= {
            "similarity_least": round(float(alike.min()), 4),
            "similarity_most": round(float(alike.max()), 4),
        }
        return Measurement(self.name, float(alike.min()), "other_face", evidence, self._models)
