"""When a fit is right: the reference solution, the bounds from theory, the verdict."""
