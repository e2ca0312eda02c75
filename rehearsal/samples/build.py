"""Five transactions made on the spot: a genuine one, and four that must not be accepted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from veridical.media import read_image
from veridical.models import SourceFile, read_source_table
from veridical.rehearsal.simulate import Attack, simulate
from veridical.rehearsal.specimens import pulled_fonts, render_prc_front
from veridical.types import Image
from veridical.verification import Transaction

__all__ = ["Sample", "build_samples", "sample_pictures"]

SEED = 20260
PORTRAIT = (230, 0, 750, 640)
"""Left, top, right, bottom of head and shoulders in the reference photograph."""
ALTERED = 15
"""Position of the changed character: in the sequence number, where only the check digit tells."""
FIELDS = {
    "name": "欧文博",
    "sex": "男",
    "nation": "汉",
    "birth": "1961-08-04",
    "address": "四川省成都市示例路1600号",
}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One transaction to look at.

    Attributes:
        name: Short name.
        story: What it is, in a sentence.
        bona_fide: Whether the applicant is whom the document names.
        transaction: What goes into the verifier.
        policy: By which shipped policy it is judged.
    """

    name: str
    story: str
    bona_fide: bool
    transaction: Transaction
    policy: str = "demo"


def sample_pictures() -> Mapping[str, SourceFile]:
    """The photographs the samples are made from, by role."""
    return read_source_table(Path(__file__).parent / "pictures.toml")


def build_samples(fetch: Callable[[SourceFile], bytes]) -> tuple[Sample, ...]:
    """Make the five transactions.

    Args:
        fetch: Gives the bytes of a photograph.
    """
    picture = {role: read_image(fetch(source)) for role, source in sample_pictures().items()}
    left, top, right, bottom = PORTRAIT
    portrait = Image(picture["reference"].pixels[top:bottom, left:right])
    fonts = pulled_fonts(fetch)
    card, _ = render_prc_front(FIELDS, portrait, SEED, fonts=fonts)
    altered, _ = render_prc_front(FIELDS, portrait, SEED, fonts=fonts, altered_digit=ALTERED)
    genuine = picture["probe"]
    recaptured = simulate(Attack.SCREEN_REPLAY, genuine, SEED)

    def sample(name: str, story: str, document: Image, selfie: Image) -> Sample:
        transaction = Transaction(name, document_front=document, selfie=selfie)
        return Sample(name, story, name == "genuine", transaction)

    return (
        sample("genuine", "Portrait and selfie are two photographs of one person.", card, genuine),
        sample("impostor", "Another person holds the card.", card, picture["stranger"]),
        sample(
            "recaptured", "The selfie was photographed from a simulated screen.", card, recaptured
        ),
        sample("altered", "One digit of the card's number was changed.", altered, genuine),
        sample(
            "portrait",
            "The selfie is the card's own portrait, enlarged.",
            card,
            simulate(Attack.PORTRAIT_SELFIE, portrait, SEED),
        ),
    )
