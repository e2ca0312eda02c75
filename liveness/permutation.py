"""Where does what was asked stand among what could have been asked as well?

A secret that was drawn after a recording was made ranks among other draws like any one of them,
whatever the recording shows: the share of other draws that fit it at least as well is a p value
whose false accept rate is its own level, by construction.
"""

import hashlib
import hmac
import json

import numpy as np
from numpy.typing import NDArray

from veridical.types import Challenge

__all__ = ["DRAWS", "draws_of", "rank"]

DRAWS = 4999
"""Other draws a challenge is ranked among: the smallest p value is 1 in 5,000."""


def draws_of(key: bytes, challenge: Challenge, purpose: str) -> np.random.Generator:
    """Where the other draws come from: known to the holder of the key alone, and repeatable.

    Whoever could foresee them might shape a recording to them.

    Args:
        key: The server's own, 16 bytes or more.
        challenge: What was asked.
        purpose: Such as `light`: two checks of one challenge never share their draws.

    Raises:
        ValueError: The key is shorter.
    """
    if len(key) < 16:
        raise ValueError(f"a key of 16 bytes or more is wanted, got {len(key)}")
    told = json.dumps([purpose, challenge.as_json()], sort_keys=True).encode()
    digest = hmac.digest(key, told, hashlib.sha256)
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest)))


def rank(true: float, others: NDArray[np.floating]) -> float:
    """Share of all draws, the true one among them, that fit at least as well.

    Args:
        true: How well the challenge that was asked fits.
        others: (n,) how well others would have.

    Returns:
        (count + 1) / (n + 1), above 0.

    Source: B. Phipson and G. K. Smyth, "Permutation p-values should never be zero", SAGMB 9(1),
    2010.
    """
    return float(np.count_nonzero(others >= true) + 1) / (len(others) + 1)
