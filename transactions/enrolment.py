"""May the accepted applicant's templates take the place of those that are enrolled?"""

from dataclasses import dataclass, replace

from veridical.analysis.analysis import Analysis
from veridical.errors import StoreError
from veridical.gallery import Enrolment
from veridical.result import Outcome
from veridical.signals.ledger import Keep
from veridical.store import Connection
from veridical.store.subjects import marks_of
from veridical.transactions.customers import FACES, VOICES, Customers
from veridical.verification import Policy, Verdict, Verifier

__all__ = ["CONFLICT", "Enrolling", "enrolling", "not_enrolled"]

CONFLICT = "transaction.enrolment_conflict"
"""Told when somebody accepted is not known to be the customer of that reference."""
NOT_MATED, NOT_COMPARED = "enrolment:other_face", "enrolment:not_compared"


@dataclass(frozen=True, slots=True)
class Enrolling:
    """What is to be enrolled once the verdict is kept, or why it is not.

    Attributes:
        keep: Enrols, within the transaction that keeps the verdict; None where nothing is.
        cause: Why a person has to look; empty when nobody has.
    """

    keep: Keep | None = None
    cause: str = ""


def enrolling(
    customers: Customers,
    tenant: str,
    subject: str,
    analysis: Analysis,
    verifier: Verifier,
    policy: Policy,
) -> Enrolling:
    """Compare an accepted applicant with the customer of that reference, where there is one.

    A verdict says that the applicant holds the document and is alive; whose reference the caller
    sent with it no check has seen. So an enrolled customer is only ever replaced by the same face.

    Raises:
        StoreError: The database cannot be used, or an enrolled template was altered.
    """
    face, voice = analysis.face_template, analysis.voice_enrolment
    new = {FACES: face, VOICES: voice.template if voice is not None else None}
    before = customers.marks(tenant, subject)
    if before:
        known = customers.template(tenant, subject, FACES, face.model) if face else None
        mated = verifier.mated(known, face, policy) if known and face else None
        if not mated:
            return Enrolling(cause=NOT_COMPARED if mated is None else NOT_MATED)
    # Opened here: within the caller's transaction nothing else can be written.
    entries = [
        (customers.gallery(tenant, name, template.model), template)
        for name, template in new.items()
        if template is not None
    ]

    def keep(connection: Connection) -> None:
        if marks_of(connection, tenant, subject, (FACES, VOICES)) != before:
            raise StoreError(
                "another transaction enrolled this subject meanwhile; compare anew", "store.busy"
            )
        for gallery, template in entries:
            gallery.put_within(connection, Enrolment(subject, template))

    return Enrolling(keep if entries else None)


def not_enrolled(verdict: Verdict, cause: str) -> Verdict:
    """An accepted verdict left to a person, for who was accepted may be another customer."""
    return replace(
        verdict, outcome=Outcome.REVIEW, first_cause=cause, causes=(cause, *verdict.causes)
    )
