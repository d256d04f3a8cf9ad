"""A backend whose last worker gets other rows than those of the problem."""

from __future__ import annotations

import numpy as np

from backends.distributed.dask import Chunk, DaskGram


class OtherRows(DaskGram):
    name = "dask-other-rows"

    def move(self, array: np.ndarray) -> list[Chunk]:
        other = array.copy()
        other[-1] += 1
        return super().move(other)
