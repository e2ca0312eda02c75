"""By which thresholds is a score judged where neither policy nor calibration says?"""

from pathlib import Path

from veridical.models import ModelStore, Profile
from veridical.models.card import read_operating_points
from veridical.models.tables import load_table
from veridical.result import OperatingPoint

__all__ = ["RULES", "operating_points"]

RULES = Path(__file__).parent / "rules.toml"


def operating_points(store: ModelStore, profile: Profile) -> dict[str, OperatingPoint]:
    """Thresholds by check, for what neither policy nor calibration gives.

    Those of checks that no model scores, then those of the profile and its models' cards: a number
    on a model's scale stands on its card alone, and a set with another model has none of it.
    """
    rules = read_operating_points(load_table(RULES), "rules")
    points = {
        check: measured.point
        for check, measured in {**rules, **store.operating_points(profile)}.items()
    }
    if "face.match" in points:  # the same comparison of the same templates
        points.setdefault("signals.identity_face", points["face.match"])
    return points
