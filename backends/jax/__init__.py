"""JAX: gradient descent and least squares."""
