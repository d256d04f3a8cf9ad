"""torch: gradient descent and least squares, idiomatic and tuned."""
