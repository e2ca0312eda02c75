"""How well do lips and sound tell a genuine answer from a generated one?"""

from veridical.errors import ModelError
from veridical.evaluation.request import Evaluation, Request
from veridical.verification.settings import Settings

__all__ = ["evaluate_lips"]


def evaluate_lips(request: Request, settings: Settings) -> Evaluation:
    """Evaluate lip liveness over an index.

    Raises:
        ModelError: `evaluation.not_built`: always, until the chain measures `liveness.lips`.
    """
    raise ModelError(
        f"the evaluation of lips ({request.index.name}, profile {settings.profile}) is not built "
        "yet: the chain does not measure liveness.lips",
        "evaluation.not_built",
    )
