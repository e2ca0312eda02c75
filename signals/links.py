"""Is this application one of many that hang together?

Applications that share a device, a phone, an address or a face make a component. One family does so
too, and one office; a ring that lends itself devices and addresses does it with more documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from veridical.result import EvidenceValue, Measurement
from veridical.signals.faces import FaceIdentityCheck

__all__ = ["Component", "LinksCheck"]


@dataclass(frozen=True, slots=True)
class Component:
    """What hangs together with one attempt.

    Attributes:
        transactions: How many, this one included.
        documents: Different numbers of documents among them.
        denied: Transactions among them that were rejected, or bore a key on a list of denied ones.
        shared: Kinds of keys that tie this one to others.
        hubs: Keys that too many bore to say anything, such as the network of an office.
        whole: Whether all of it was walked.
    """

    transactions: int
    documents: int
    denied: int
    shared: tuple[str, ...]
    hubs: int
    whole: bool


class LinksCheck:
    """Says how remarkable the component of an application is.

    Args:
        documents: So many different documents in one component are still a family's.
        hubs: Attempts by kind of key above which a key ties nothing together.
        faces: Knows one face again; None links by none.
    """

    name = "signals.links"

    def __init__(
        self, documents: int, hubs: Mapping[str, int], faces: FaceIdentityCheck | None = None
    ) -> None:
        self._documents = documents
        self.hubs = hubs
        self.faces = faces

    def __call__(self, found: Component | None, source: str) -> Measurement:
        """Judge one component.

        Args:
            found: What was walked; None where the attempt bears no key.
            source: Where the keys come from, for the evidence.

        Returns:
            `signals.links`: 1 while there are no more documents than a family has and nobody was
            denied, else the family's share of them, halved where somebody was, with reason
            `linked_applications`; not assessed with `missing_input` when there is nothing to link
            by.
        """
        if found is None:
            return Measurement(self.name, None, "missing_input")
        evidence: dict[str, EvidenceValue] = {
            "component_size": found.transactions,
            "documents_in_component": found.documents,
            "denied_in_component": found.denied,
            "shared": ",".join(found.shared),
            "hubs": found.hubs,
            "whole": found.whole,
            "source": source,
        }
        score = min(1.0, self._documents / max(1, found.documents))
        if found.denied:
            score /= 2
        return Measurement(self.name, score, "linked_applications", evidence)
