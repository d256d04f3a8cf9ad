"""`linreg-bench calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.options import Seed, parse_seconds
from benchmarks.errors import UserError


def calibrate(
    budget: Annotated[str, typer.Option(help="Measurement time.")] = "60s",
    workload: Annotated[str, typer.Option(help="What to fit; default: 50 epochs of it.")] = "",
    backend: Annotated[str, typer.Option(help="What to fit it with.")] = "torch-eager",
    seed: Seed = 0,
) -> None:
    """Find out which differences this machine can tell, for later runs to show."""
    seconds = parse_seconds("--budget", budget)
    from backends import registry
    from benchmarks.engine import plan
    from benchmarks.evidence import calibrate as calibration
    from benchmarks.evidence.versus import FIFTY
    from benchmarks.problems.workloads import select

    [chosen] = plan.choose_backends([backend], registry.load())
    [wanted] = select([workload]) if workload else [FIFTY]
    if wanted.method.kind not in chosen.methods:
        raise UserError(f"{backend} does not solve {wanted.method.kind}; choose --workload")
    found = calibration.calibrate(wanted, chosen, seconds, seed)
    calibration.save(found)
    print(f"{backend} on {wanted.name}, time relative to itself:")
    for name, ratio in found.ratios.items():
        print(f"  {name}: {ratio}, {ratio.against_one()}")
    overhead = found.overhead
    print(f"an empty fit takes {1e9 * overhead.empty_fit:.0f} ns; ", end="")
    print(f"between two samples pass {1e6 * overhead.between_samples:.0f} µs")
    print(found.line())
