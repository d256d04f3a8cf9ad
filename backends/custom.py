"""Workloads of plug-ins: data on which the backends are to solve least squares."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from backends.description import LONGEST_NAME, LONGEST_TEXT, PluginError, printable


class CustomWorkload(ABC):
    """One set of data, the same for the same seed; plug-ins derive from it.

    Nobody knows a truth: fits are held against the reference solution of the data alone.
    """

    name: ClassVar[str]
    description: ClassVar[str]  # what is special about it, in one line
    n_samples: ClassVar[int]
    n_features: ClassVar[int]
    dtype: ClassVar[Literal["float32", "float64"]] = "float64"
    #: CPU threads by default; None: all cores.
    threads: ClassVar[int | None] = None

    @abstractmethod
    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """X, (n_samples, n_features), and y, (n_samples,), of finite numbers of any dtype.

        Args:
            rng: seeded; whatever is random has to come from it.
        """


@dataclass(frozen=True)
class WorkloadDescription:
    """The attributes of the class of a workload, checked; its texts are printable."""

    name: str
    description: str
    n_samples: int
    n_features: int
    dtype: Literal["float32", "float64"]
    threads: int | None

    @classmethod
    def checked(cls, values: Mapping[str, object], who: str) -> Self:
        """The description that consists of `values`, by attribute.

        Raises:
            PluginError: an attribute is missing, or not what it has to be.
        """
        kept: dict[str, Any] = {}
        for attribute, (wanted, accepts) in _RULES.items():
            value = printable(values.get(attribute, ...))
            if not accepts(value):
                found = "missing" if value is ... else repr(value)[:LONGEST_NAME]
                raise PluginError(f"{who}: {attribute} must be {wanted}, and is {found}")
            kept[attribute] = value
        return cls(**kept)


def attributes(workload: type[CustomWorkload]) -> dict[str, object]:
    """What a class says of itself, as it says it."""
    return {name: getattr(workload, name) for name in _RULES if hasattr(workload, name)}


def _is_count(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


#: By attribute: what it has to be, in words, and whether a value is that.
_RULES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "name": (
        f"1 to {LONGEST_NAME} letters, digits, '-', '_' and '.', first a letter",
        # With others, it could pass for a glob, a size or a list.
        lambda v: (
            isinstance(v, str)
            and bool(re.fullmatch(rf"[a-zA-Z][\w.-]{{0,{LONGEST_NAME - 1}}}", v, re.ASCII))
        ),
    ),
    "description": (
        f"a text of 1 to {LONGEST_TEXT} characters",
        lambda v: isinstance(v, str) and 0 < len(v) <= LONGEST_TEXT,
    ),
    "n_samples": ("a number from 2 to a billion", lambda v: _is_count(v, 2, 10**9)),
    "n_features": ("a number from 1 to a million", lambda v: _is_count(v, 1, 10**6)),
    "dtype": (
        "'float32' or 'float64'",
        lambda v: isinstance(v, str) and v in ("float32", "float64"),
    ),
    "threads": (
        "None or a number from 1 to 4096",
        lambda v: v is None or _is_count(v, 1, 4096),
    ),
}
