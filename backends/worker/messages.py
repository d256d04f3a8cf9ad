"""What a worker and its parent exchange: data, methods and fits, as JSON."""

import hashlib
from dataclasses import asdict
from typing import Any

import numpy as np

from backends.base import Data, Fit, GradientDescent, LeastSquares, Method

ARRAYS = ("X", "y", "X_test", "y_test")  # of data, each in a file of its own
FIELDS = ("weight", "bias", "train_losses", "test_losses")  # of a fit
#: Seconds in which a device finishes what it was given.
UNFINISHED = 0.5


def method_to_json(method: Method) -> dict[str, Any]:
    """A method as it is written in requests and run files."""
    return {"kind": method.kind, **asdict(method)}


def method_from_json(fields: dict[str, Any]) -> Method:
    """The method that `method_to_json` wrote."""
    fields = dict(fields)
    if fields.pop("kind") == LeastSquares.kind:
        return LeastSquares()
    return GradientDescent(**fields | {"start_weight": tuple(fields["start_weight"])})


def sha256(data: Data) -> str:
    """Digest of all bytes of a problem, shapes and dtypes included."""
    digest = hashlib.sha256()
    for name in ARRAYS:
        array = getattr(data, name)
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def fit_to_json(fit: Fit) -> dict[str, Any]:
    """A fit as numbers and lists; its types were checked (`backends.worker.results`)."""
    found = {name: getattr(fit, name) for name in FIELDS}
    return {k: None if v is None else np.asarray(v, float).tolist() for k, v in found.items()}
