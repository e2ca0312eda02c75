"""Does one face, document, device or network try more often than it should?"""

from collections.abc import Collection, Mapping

from veridical.result import EvidenceValue, Measurement
from veridical.signals.faces import FaceIdentityCheck

__all__ = ["VelocityCheck"]


class VelocityCheck:
    """Holds counts of attempts against their limits.

    Args:
        limits: Most attempts by count, such as `device_1h`; a policy's own go before.
        faces: Knows one face again, so that its attempts count; None counts none of faces.
    """

    name = "signals.velocity"

    def __init__(self, limits: Mapping[str, int], faces: FaceIdentityCheck | None = None) -> None:
        self._limits = limits
        self.faces = faces

    def __call__(
        self,
        counts: Mapping[str, int],
        limits: Mapping[str, int],
        allowed: Collection[str],
        source: str,
    ) -> Measurement:
        """Judge the counts of one attempt.

        Args:
            counts: Attempts within each window, the judged one included, such as `device_1h`.
            limits: The policy's own limits.
            allowed: Kinds of keys that an allow list frees from limits, such as `device`.
            source: Where the keys come from, for the evidence.

        Returns:
            `signals.velocity`: 1 while every count is within its limit, else limit / count of the
            worst, with reason `too_many_attempts`; not assessed with `missing_input` when there is
            nothing to count by.
        """
        if not counts:
            return Measurement(self.name, None, "missing_input")
        evidence: dict[str, EvidenceValue] = {**counts, "source": source}
        score = 1.0
        for name, limit in {**self._limits, **limits}.items():
            count = counts.get(name, 0)
            if count <= limit or name.partition("_")[0] in allowed:
                continue
            if limit / count < score:
                score = limit / count
                evidence |= {"exceeded": name, "limit": limit}
        return Measurement(self.name, score, "too_many_attempts", evidence)
