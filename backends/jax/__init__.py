"""Gradient descent and least squares in JAX, which is imported on first use."""

from backends.lazy import lazy

jax = lazy("jax")
jnp = lazy("jax.numpy")
