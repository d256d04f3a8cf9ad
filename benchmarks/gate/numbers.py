"""The numbers of a fit, which came from another process and may be anything."""

import numpy as np


class Malformed(Exception):
    """The fit does not consist of the numbers asked for."""


def numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as a float64 array.

    Raises:
        Malformed: it does not consist of finite real numbers in this shape.
    """
    array = real_numbers(name, value, shape)
    if bad := array.size - int(np.isfinite(array).sum()):
        raise Malformed(f"{name} has {bad} of {array.size} values that are NaN or infinite")
    return array


def real_numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as a float64 array, in which there may be NaN and infinities.

    Raises:
        Malformed: it does not consist of real numbers in this shape.
    """
    if value is None:
        raise Malformed(f"{name} is missing")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise Malformed(f"{name} is not an array of numbers") from None
    if array.size and array.dtype.kind not in "fiu":
        raise Malformed(f"{name} is not an array of real numbers")
    if array.shape != shape:
        raise Malformed(f"{name} has shape {array.shape} and not {shape}")
    return array.astype(np.float64)
