"""TensorFlow: gradient descent and least squares."""
