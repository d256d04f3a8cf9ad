"""`linreg-bench calibrate`."""

from typing import Annotated

from typer import Option

from benchmarks.cli.options import Seed, parse_seconds


def calibrate(
    budget: Annotated[str, Option(help="Measurement time.")] = "60s",
    workload: Annotated[str, Option(help="What to fit; default: 50 epochs of it.")] = "",
    backend: Annotated[str, Option(help="What to fit it with.")] = "torch-eager",
    seed: Seed = 0,
) -> None:
    """Find out which differences this machine can tell, for later runs to show."""
    seconds = parse_seconds("--budget", budget)
    from benchmarks.evidence import calibrate as calibration
    from benchmarks.evidence.versus import FIFTY
    from benchmarks.problems.workloads import select

    workloads = select([workload]) if workload else [FIFTY]
    found = calibration.calibrate(workloads, backend, seconds, seed)
    calibration.save(found)
    print(f"time of one fit relative to {backend}:")
    for name, ratio in found.ratios.items():
        print(f"  {name}: {ratio}, {ratio.against_one()}")
    print(f"an empty fit takes {1e9 * found.overhead.empty_fit:.0f} ns")
    print(f"between two samples pass {1e6 * found.overhead.between_samples:.0f} µs")
    print(found.line())
