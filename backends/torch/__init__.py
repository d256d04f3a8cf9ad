"""Gradient descent and least squares in torch, which is imported on first use."""

from typing import TYPE_CHECKING

from backends.lazy import lazy

if TYPE_CHECKING:
    import torch as torch
else:
    torch = lazy("torch")
