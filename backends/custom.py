"""Workloads of plug-ins: data on which the backends are to solve least squares."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from backends.base import DType


class CustomWorkload(ABC):
    """One set of data, the same for the same seed; plug-ins derive from it.

    Nobody knows a truth: fits are held against the reference solution of the data alone.
    """

    name: ClassVar[str]
    description: ClassVar[str]  # what is special about it, in one line
    n_samples: ClassVar[int]
    n_features: ClassVar[int]
    dtype: ClassVar[DType] = "float64"
    #: CPU threads by default; None: all cores.
    threads: ClassVar[int | None] = None

    @abstractmethod
    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """X, (n_samples, n_features), and y, (n_samples,), of finite numbers of any dtype.

        Args:
            rng: seeded; whatever is random has to come from it.
        """
