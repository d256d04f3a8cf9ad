"""Implementations of linear regression behind one interface: see `backends.base`."""
