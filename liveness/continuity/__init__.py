"""Is a clip one unbroken take, of one person?"""

from veridical.liveness.continuity.check import ContinuityCheck, ContinuitySettings
from veridical.liveness.continuity.picture import Steps, steps_of

__all__ = ["ContinuityCheck", "ContinuitySettings", "Steps", "steps_of"]
