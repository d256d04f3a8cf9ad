"""What backends, and workloads of plug-ins, say of themselves: checked, before any of them runs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

from backends.base import Device, DType, Kind, Stability, Style

#: Characters of a name, and of any other text; how many texts an attribute may have.
LONGEST_NAME, LONGEST_TEXT, MOST_TEXTS = 60, 200, 100

#: By attribute: what it has to be, in words, and whether a value is that.
_Rules = Mapping[str, tuple[str, Callable[[object], bool]]]


class PluginError(Exception):
    """A plug-in cannot be used; the message says which and why, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(value: object) -> object:
    """`value` with a blank for every unprintable character in its texts."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value).strip()
    if isinstance(value, tuple):
        return tuple(map(printable, value))
    if isinstance(value, Mapping):
        return {printable(key): printable(item) for key, item in value.items()}
    return value


def described(error: BaseException) -> str:
    """An exception in words, whatever its own `__str__` does."""
    try:
        return f"{type(error).__name__}: {error}"[:LONGEST_TEXT]
    except BaseException:
        return f"{type(error).__name__}, which cannot say what it is about"


def _shown(value: object) -> str:
    try:
        return repr(value)[:LONGEST_NAME]
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


def _is_text(value: object, longest: int = LONGEST_TEXT) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest


def _is_name(value: object) -> bool:
    # With these, it could pass for several backends, or for a variant of another one.
    return _is_text(value, LONGEST_NAME) and not re.search("[,/@]", str(value))


def _is_module(value: object) -> bool:
    """A name such as `__main__` stands for a module that is running, and not for a framework."""
    return _is_text(value, LONGEST_NAME) and all(
        part.isidentifier() and not part.startswith("__") for part in str(value).split(".")
    )


def _is_distribution(value: object) -> bool:
    return _is_text(value) and bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*(\[[\w,.-]*\])?", str(value)))


def _is_count(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _some(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether a value is a tuple of at least one of those."""
    return lambda value: (
        isinstance(value, tuple) and 0 < len(value) <= MOST_TEXTS and all(map(accepts, value))
    )


def _one_of(kind: Any) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in get_args(kind)


def _are_failures(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) <= MOST_TEXTS
        and all(_is_text(text) for pair in value.items() for text in pair)
    )


_OF_BACKENDS: _Rules = {
    "name": (f"a text of 1 to {LONGEST_NAME} characters without ',', '/' and '@'", _is_name),
    "framework": ("the name of a module, such as 'torch' or 'scipy.linalg'", _is_module),
    "requires": (
        "a tuple of at least one distribution, such as ('torch',)",
        _some(_is_distribution),
    ),
    "methods": ("a tuple of 'gradient descent', 'least squares' or both", _some(_one_of(Kind))),
    "devices": ("a tuple of 'cpu', 'cuda' or both", _some(_one_of(Device))),
    "algorithm": (f"a text of 1 to {LONGEST_TEXT} characters", _is_text),
    "style": ("'idiomatic' or 'tuned'", _one_of(Style)),
    "optional": ("True or False", lambda value: isinstance(value, bool)),
    "distributed": ("True or False", lambda value: isinstance(value, bool)),
    "hidden": (
        f"a tuple of at most {MOST_TEXTS} names of packages",
        lambda value: value == () or _some(_is_module)(value),
    ),
    "copies": (
        "a number of at least 0",
        lambda value: isinstance(value, int | float) and 0 <= value < float("inf"),
    ),
    "stability": ("'orthogonal' or 'normal equations'", _one_of(Stability)),
    "known_failures": (
        f"a mapping from workloads to reasons, texts of 1 to {LONGEST_TEXT} characters",
        _are_failures,
    ),
}
_OF_WORKLOADS: _Rules = {
    "name": (
        f"1 to {LONGEST_NAME} letters, digits, '-', '_' and '.', first a letter",
        # With others, it could pass for a glob, a size or a list.
        lambda v: (
            isinstance(v, str)
            and bool(re.fullmatch(rf"[a-zA-Z][\w.-]{{0,{LONGEST_NAME - 1}}}", v, re.ASCII))
        ),
    ),
    "description": (f"a text of 1 to {LONGEST_TEXT} characters", _is_text),
    "n_samples": ("a number from 2 to a billion", lambda v: _is_count(v, 2, 10**9)),
    "n_features": ("a number from 1 to a million", lambda v: _is_count(v, 1, 10**6)),
    "dtype": ("'float32' or 'float64'", _one_of(DType)),
    "threads": ("None or a number from 1 to 4096", lambda v: v is None or _is_count(v, 1, 4096)),
}


class _Checked:
    """The attributes of a class, checked.

    Texts are printable, and none is longer than the limits of this module.
    """

    rules: ClassVar[_Rules]

    @classmethod
    def of(cls, defined: type, where: str, **more: str) -> Self:
        """The description of a class that `where`, in words, defines; `more` is not checked.

        Raises:
            PluginError: an attribute is missing, or not what it has to be.
        """
        who, values = f"{where}: {defined.__name__[:LONGEST_NAME]}", dict[str, object]()
        for attribute in cls.rules:
            try:
                values[attribute] = getattr(defined, attribute)
            except AttributeError:
                continue
            except Exception as error:
                raise cls._refusal(who, attribute, f"raises {described(error)}") from error
        return cls.checked(values, who, **more)

    @classmethod
    def checked(cls, values: Mapping[str, object], who: str, **more: str) -> Self:
        """The description that consists of `values`, by attribute; for the rest see `of`."""
        kept: dict[str, Any] = {}
        for attribute, (_, accepts) in cls.rules.items():
            if attribute not in values:
                raise cls._refusal(who, attribute, "is missing")
            kept[attribute] = printable(values[attribute])
            if not accepts(kept[attribute]):
                raise cls._refusal(who, attribute, f"is {_shown(values[attribute])}")
        if "least squares" in kept.get("methods", ()) and not kept["stability"]:
            trouble = "is empty, although methods has 'least squares'"
            raise cls._refusal(who, "stability", trouble)
        return cls(**kept, **more)

    @classmethod
    def _refusal(cls, who: str, attribute: str, trouble: str) -> PluginError:
        return PluginError(f"{who}: {attribute} must be {cls.rules[attribute][0]}, and {trouble}")


@dataclass(frozen=True)
class Description(_Checked):
    """The attributes of a backend's class, as `Backend` explains them."""

    rules = _OF_BACKENDS

    name: str
    framework: str
    requires: tuple[str, ...]
    methods: tuple[Kind, ...]
    devices: tuple[Device, ...]
    algorithm: str
    style: Style
    optional: bool
    distributed: bool
    hidden: tuple[str, ...]
    copies: float
    stability: Stability
    known_failures: Mapping[str, str]
    #: The absolute path of the file that defines it, or the name of its entry point; empty for the
    #: suite's own.
    plugin: str = ""

    @property
    def source(self) -> str:
        """`plugin` without folders, and printable."""
        name = Path(self.plugin).name if Path(self.plugin).is_absolute() else self.plugin
        return str(printable(name))


@dataclass(frozen=True)
class WorkloadDescription(_Checked):
    """The attributes of the class of a workload, as `CustomWorkload` explains them."""

    rules = _OF_WORKLOADS

    name: str
    description: str
    n_samples: int
    n_features: int
    dtype: DType
    threads: int | None
