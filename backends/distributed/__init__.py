"""Least squares by several processes that share each fit; see `backends.distributed.base`."""
