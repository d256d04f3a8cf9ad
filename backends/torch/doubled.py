"""Residuals of float64 data as if computed with more than 20 digits."""

from __future__ import annotations

import math

from backends.torch import torch


class Doubled:
    """A as the sum of its leading bits and the rest, to compute A'(A v) where terms cancel.

    The leading parts of two factors have so few bits that every sum of their products is exact, in
    any order; the rest is small (Ozaki, Ogita, Oishi & Rump, Numer. Algorithms 59, 2012).
    """

    def __init__(self, A: torch.Tensor) -> None:
        """A is (n, q), float64."""
        bits = (53 - (max(A.shape) - 1).bit_length()) // 2
        #: Added to a number up to 1 and subtracted again, this leaves its leading bits.
        self.large = 1.5 * 2.0 ** (52 - bits)
        # Powers of 2 that make the columns at most 1; those of zeros stay zeros.
        largest = torch.linalg.vector_norm(A, math.inf, dim=0).clamp_(torch.finfo(A.dtype).tiny)
        self.scale = largest.log2_().ceil_().exp2_()
        A = A / self.scale
        self.leading = (A + self.large) - self.large
        self.rest = A - self.leading

    def normal_product(self, v: torch.Tensor) -> torch.Tensor:
        """A'(A v): (q,)."""
        leading, rest = self.leading, self.rest
        v = v * self.scale
        v_leading = self._leading(v)
        high, low = (leading @ torch.stack([v_leading, v - v_leading], 1)).unbind(1)
        low = low + rest @ v
        # They may cancel. What is left is cut anew, or its errors would be those of larger numbers.
        r = high + low
        low = (high - r) + low
        r_leading = self._leading(r)
        r_rest = (r - r_leading) + low
        small = leading.T @ r_rest + rest.T @ (r_leading + r_rest)
        return self.scale * (leading.T @ r_leading + small)

    def _leading(self, a: torch.Tensor) -> torch.Tensor:
        large = torch.linalg.vector_norm(a, math.inf) * (2 * self.large)
        return (a + large) - large
