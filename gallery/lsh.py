"""Which few entries of a large list are worth an exact comparison?

The sign of each coordinate is one bit; of two unit vectors at an angle a, a share a / pi of the
bits of randomly turned coordinates differs (M. X. Goemans and D. P. Williamson, J. ACM 42(6),
1995; M. S. Charikar, STOC 2002). A scan over 64 bytes an entry then takes the place of one over
4 d. Where there are fewer coordinates than bits, several orthogonal turns are laid side by side,
which estimate the angle with less variance than independent directions (J. Ji et al., "Super-Bit
Locality-Sensitive Hashing", NIPS 2012).
"""

import importlib.util

import numpy as np
from numpy.typing import NDArray

__all__ = ["BITS", "SignEncoder", "has_fast_scan", "nearest_codes"]

BITS = 512
_SEED = 20_120_711  # part of the stored format: codes of two seeds do not compare


class SignEncoder:
    """Turns vectors into codes of `BITS` bits.

    Args:
        dimensions: Of the vectors, above 0.
    """

    def __init__(self, dimensions: int) -> None:
        rng = np.random.default_rng(_SEED)
        turns = -(-BITS // dimensions)
        blocks = [
            np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0] for _ in range(turns)
        ]
        self._directions = np.concatenate(blocks, axis=1)[:, :BITS].astype(np.float32)

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Sketch some vectors.

        Args:
            vectors: (n, d) float32.

        Returns:
            (n, `BITS` / 8) uint8.
        """
        return np.packbits(vectors @ self._directions > 0, axis=1)


def has_fast_scan() -> bool:
    """Whether faiss is installed; without it galleries are scanned exactly."""
    return importlib.util.find_spec("faiss") is not None


def nearest_codes(
    codes: NDArray[np.uint8], code: NDArray[np.uint8], count: int
) -> NDArray[np.int64]:
    """Rows of the codes that differ in the fewest bits; needs faiss.

    Args:
        codes: (n, b) uint8, C-contiguous.
        code: (b,) uint8.
        count: How many rows; at most n.

    Returns:
        (count,) int64, in no stated order.
    """
    import faiss

    # One query has no use for more threads, and idle ones spin.
    faiss.omp_set_num_threads(1)
    _, rows = faiss.knn_hamming(code[None], codes, count, variant="mc")
    found: NDArray[np.int64] = rows[0]
    return found
