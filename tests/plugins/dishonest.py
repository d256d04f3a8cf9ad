"""Backends that are right, and whose workers answer one request with nonsense.

The worker is the backend's own process, so that it can replace what writes the answers.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from backends.base import Fit
from backends.numpy import NumpyGelsd
from backends.worker import serve

Rewrite = Callable[[str], str]


class _Dishonest(NumpyGelsd):
    """Rewrites the answer to one kind of request."""

    request: ClassVar[str]
    rewrite: ClassVar[Rewrite]

    def start(self, device: str, threads: int) -> None:
        super().start(device, threads)
        honest, rewrite = serve._answered, type(self).rewrite

        def answered(handle: Callable[..., Any], request: dict[str, Any]) -> str:
            answer = honest(handle, request)
            return rewrite(answer) if handle.__name__ == self.request else answer

        serve._answered = answered


def _says(**fields: Any) -> Rewrite:
    """Replaces fields of the answer."""
    return lambda answer: json.dumps(json.loads(answer) | fields)


def _fits(**fields: Any) -> Rewrite:
    """Replaces fields of the fit."""

    def rewrite(answer: str) -> str:
        whole = json.loads(answer)
        return json.dumps(whole | {"fit": whole["fit"] | fields})

    return rewrite


def _lacks(name: str) -> Rewrite:
    return lambda answer: json.dumps({k: v for k, v in json.loads(answer).items() if k != name})


def _writes(content: bytes, times: int = 1) -> Rewrite:
    """Writes something in place of the answer, without the end of a line."""

    def rewrite(answer: str) -> str:
        for _ in range(times):
            os.write(int(sys.argv[2]), content)
        return ""  # which ends the line

    return rewrite


_NESTED = "[" * 900 + "]" * 900
_MEBIBYTE = 1 << 20

#: The answers to the first fit.
_FIRST: dict[str, Rewrite] = {
    "text": lambda answer: "no JSON at all",
    "nothing": lambda answer: "",
    "nested": lambda answer: answer[:-1] + f', "description": {_NESTED}}}',
    "list": lambda answer: f"[{answer}]",
    "null": lambda answer: "null",
    "text-for-number": _says(seconds="0.001"),
    "nan": _says(seconds=float("nan")),
    "infinite": _says(seconds=float("inf")),
    "negative": _says(seconds=-1e-3),
    "huge": _says(seconds=10**400),
    "endless-number": lambda answer: answer[:-1] + ', "seconds": ' + "9" * 5000 + "}",
    "no-seconds": _lacks("seconds"),
    "no-fit": _lacks("fit"),
    "no-token": _lacks("token"),
    "other-token": _says(token="0" * 16),
    "not-ok": _lacks("ok"),
    "ok-in-words": _says(ok="yes"),
    "list-for-object": _says(description=["dtype", "float32"]),
    "number-for-fit": _says(fit=1.0),
    "half-a-count": _says(peak_bytes=0.5),
    "bytes": _writes(b"\xff\xfe\x00\x80"),
    "half-a-character": lambda answer: answer.replace("float32", "\\ud800"),
    "long-description": _says(description={"version": "9" * _MEBIBYTE}),
    "long-reason": _says(ok=False, kind="error", reason="why? " * _MEBIBYTE),
    "other-kind": _says(ok=False, kind="error" * 100, reason="none"),
    "long": _writes(b" " * _MEBIBYTE, times=100),
    "endless": _writes(b" " * _MEBIBYTE, times=1 << 40),
    "twice": lambda answer: f"{answer}\n{answer}",
    # What is not numbers in a fit: the gate says what it should have been.
    "weight-nested": _fits(weight=[[1.0]]),
    "weight-text": _fits(weight="heavy"),
    "weight-texts": _fits(weight=["heavy"]),
    "weight-none": _fits(weight=None),
    "weight-number": _fits(weight=1.0),
    "weight-object": _fits(weight={"0": 1.0}),
    "weight-ragged": _fits(weight=[[1.0], [1.0, 2.0]]),
    "weight-overflow": lambda answer: answer.replace('"weight": [', '"weight": [1e400, '),
    "weight-infinite": _fits(weight=[float("inf")]),
    "weight-huge": _fits(weight=[10**400]),
    "weight-truth": _fits(weight=[True]),
    "bias-text": _fits(bias="strong"),
    "bias-list": _fits(bias=[1.0]),
    "bias-huge": _fits(bias=10**400),
    "described-oddly": lambda answer: answer.replace('"algorithm": "', '"device": [1], "x": "'),
}
#: The answers to a sample.
_SAMPLE: dict[str, Rewrite] = {
    "sample-zero": _says(seconds=0.0),
    "sample-negative": _says(seconds=-1.0),
    "sample-nan": _says(seconds=float("nan")),
    "sample-text": _says(seconds="1e-6"),
    "sample-missing": _lacks("seconds"),
}

for _request, _kinds in ("first", _FIRST), ("sample", _SAMPLE):
    for _kind, _rewrite in _kinds.items():
        _fields = {"name": f"dishonest-{_kind}", "request": _request, "__module__": __name__}
        globals()[f"Says {_kind}"] = type(
            f"Says {_kind}", (_Dishonest,), _fields | {"rewrite": staticmethod(_rewrite)}
        )


class WritesAhead(NumpyGelsd):
    """Writes the answer to the next sample beforehand: a thousandth of the time."""

    name = "dishonest-ahead"

    def fit(self) -> Fit:
        os.write(int(sys.argv[2]), b'{"ok": true, "seconds": 1e-9}\n')
        return super().fit()


class Undescribable(NumpyGelsd):
    """Describes itself by what JSON does not know."""

    name = "dishonest-set"

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"versions": {1, 2}}
