"""Who is enrolled as a customer, with which face and voice?"""

from veridical.errors import InputError
from veridical.gallery import Gallery
from veridical.store import galleries_of, models_of
from veridical.store.subjects import marks_of
from veridical.transactions.resources import Resources
from veridical.types import Template

__all__ = ["FACES", "VOICES", "Customers"]

FACES = "customers"
VOICES = "customers.voice"
"""The galleries that hold the two templates of a customer."""


class Customers:
    """The customers of every tenant.

    Args:
        resources: Where they are kept.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def knows(self, tenant: str, subject: str) -> bool:
        """Whether a customer's face is enrolled, by whichever model."""
        return FACES in galleries_of(self._resources.database, tenant, subject)

    def marks(self, tenant: str, subject: str) -> frozenset[tuple[int, int]]:
        """What is enrolled of a customer; see `store.subjects.marks_of`."""
        with self._resources.database.reading() as connection:
            return marks_of(connection, tenant, subject, (FACES, VOICES))

    def template(self, tenant: str, subject: str, gallery: str, model: str) -> Template | None:
        """An enrolled template of one model; None when there is none.

        Raises:
            StoreError: The database cannot be read, or the template was altered.
        """
        if not model:
            return None
        try:
            return self.gallery(tenant, gallery, model).template(subject)
        except InputError:
            return None

    def language(self, tenant: str, subject: str) -> str:
        """In which language a customer's voice was enrolled; empty when that is not known.

        Raises:
            StoreError: The database cannot be read, or the template was altered.
        """
        for model in models_of(self._resources.database, tenant, VOICES, subject):
            voice = self.template(tenant, subject, VOICES, model)
            if voice is not None and voice.language:
                return voice.language
        return ""

    def enrol(self, tenant: str, subject: str, gallery: str, template: Template) -> None:
        """Keep a template of a customer, in the place of an earlier one.

        Raises:
            StoreError: The database cannot be written.
        """
        entries = self.gallery(tenant, gallery, template.model)
        try:
            entries.enrol(subject, template)
        except InputError as error:
            if error.code != "gallery.exists":
                raise
            entries.update(subject, template)

    def gallery(self, tenant: str, name: str, model: str) -> Gallery:
        """One of the galleries of a tenant's customers, of one model.

        Raises:
            StoreError: The database cannot be written.
        """
        return Gallery(self._resources.database, self._resources.keys, name, model, tenant=tenant)
