"""Four transactions made on the spot: a genuine one, and three that must not be accepted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from veridical.evaluation.simulate import simulate
from veridical.evaluation.specimens import render_prc_front
from veridical.media import read_image
from veridical.models import SourceFile, read_source_table
from veridical.types import Image
from veridical.verification import Transaction

__all__ = ["Sample", "build_samples", "sample_pictures"]

SEED = 20260
FIELDS = {
    "name": "欧样本",
    "sex": "男",
    "nation": "汉",
    "birth": "1961-08-04",
    "address": "样本省样本市示例路1600号",
}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One transaction to look at.

    Attributes:
        name: Short name.
        story: What it is, in a sentence.
        transaction: What goes into the verifier.
    """

    name: str
    story: str
    transaction: Transaction


def sample_pictures() -> Mapping[str, SourceFile]:
    """The photographs the samples are made from, by role."""
    return read_source_table(Path(__file__).parent / "pictures.toml")


def build_samples(fetch: Callable[[SourceFile], bytes]) -> tuple[Sample, ...]:
    """Make the four transactions.

    Args:
        fetch: Gives the bytes of a photograph.
    """
    picture = {role: read_image(fetch(source)) for role, source in sample_pictures().items()}
    card = render_prc_front(FIELDS, picture["reference"], SEED)
    altered = render_prc_front(FIELDS, picture["reference"], SEED, altered_digit=10)
    genuine = picture["probe"]
    recaptured = simulate("screen", genuine, SEED)
    if not isinstance(recaptured, Image):
        raise TypeError("a picture's re-capture is a picture")

    def sample(name: str, story: str, document: Image, selfie: Image) -> Sample:
        return Sample(name, story, Transaction(name, document_front=document, selfie=selfie))

    return (
        sample("genuine", "Portrait and selfie are two photographs of one person.", card, genuine),
        sample("impostor", "Another person holds the card.", card, picture["stranger"]),
        sample(
            "recaptured", "The selfie was photographed from a simulated screen.", card, recaptured
        ),
        sample("altered", "One digit of the card's number was changed.", altered, genuine),
    )
