"""Backends that are one and the same program under other names: none is faster than another."""

from backends.scipy import ScipyCholesky

HOW_MANY = 10

for _number in range(HOW_MANY):
    globals()[f"Twin{_number}"] = type(
        f"Twin{_number}", (ScipyCholesky,), {"name": f"twin-{_number}", "__module__": __name__}
    )
