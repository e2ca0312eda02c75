"""What does an institution ask, and what follows from what was measured?"""

from veridical.policy.policy import (
    Policy,
    earlier_policies,
    load_policy,
    parse_policy,
    shipped_policies,
)

__all__ = ["Policy", "earlier_policies", "load_policy", "parse_policy", "shipped_policies"]
