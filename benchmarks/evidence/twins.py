"""Backends that are one and the same program under other names: none is faster than another."""

from backends.torch.least_squares import TorchCholesky

HOW_MANY = 10

for _number in range(HOW_MANY):
    globals()[f"Twin{_number}"] = type(
        f"Twin{_number}", (TorchCholesky,), {"name": f"twin-{_number}", "__module__": __name__}
    )
