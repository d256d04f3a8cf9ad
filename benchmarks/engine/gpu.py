"""What the driver says of a GPU while it works: clock, temperature, power, limits, energy.

Everything is read through NVML, from this process: no framework is asked. What a GPU cannot say is
None.

GPU 0 is the first that this process may use: `CUDA_VISIBLE_DEVICES` is how a cluster says which of
a machine's GPUs are whose. Without it they are numbered by their PCI bus, here and in workers (see
`home.environment`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

#: Reasons for a lower clock that are no part of normal work, NVML's nvmlClocksThrottleReason...
_LIMITS = {
    0x04: "its power limit",
    0x08: "a hardware slow-down",
    0x20: "its temperature",
    0x40: "its temperature (hardware)",
    0x80: "its power supply",
}
#: The counter of joules moves every 20 to 100 ms: what lasts little longer says nothing (PETSc's
#: manual, PetscLogGpuEnergyMeter).
LONG_ENOUGH = 1.0  # seconds


def token(number: int) -> str:
    """What `CUDA_VISIBLE_DEVICES` has to be for a worker that is to see GPU `number` alone."""
    visible = _asked()
    return str(number) if visible is None else visible[number]


def _asked() -> list[str] | None:
    """The GPUs that the surroundings leave to this process: numbers or UUIDs; None: all."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if visible is None else [one.strip() for one in visible.split(",")]


def handles() -> list[Any]:
    """Of the GPUs that this process may use, in their order.

    As CUDA does, it reads numbers, UUIDs and their beginnings, UUIDs of MIG instances, and nothing
    that comes after one that does not exist.

    Raises:
        NVMLError: there is no driver; or it was not initialised.
    """
    import pynvml as nvml

    every = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    if (asked := _asked()) is None:
        return every
    found = []
    with suppress(nvml.NVMLError, IndexError):
        for one in asked:
            if one.isdigit():
                found.append(every[int(one)])
                continue
            like = [h for h in every if one and nvml.nvmlDeviceGetUUID(h).startswith(one)]
            found.append(like[0] if like else nvml.nvmlDeviceGetHandleByUUID(one))
    return found


class Gpu:
    """One GPU's gauges."""

    def __init__(self, number: int) -> None:
        """Open the gauges of GPU `number`; where there is no driver, nothing can be read."""
        import pynvml

        self.number = number
        self._nvml, self._handle = pynvml, None
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self._handle = dict(enumerate(handles())).get(number)

    def state(self) -> dict[str, Any]:
        """Now: clock_mhz, memory_clock_mhz, temperature (°C), watts, limited_by (see `limits`)."""
        nvml = self._nvml
        watts = self._read(nvml.nvmlDeviceGetPowerUsage)
        return {
            "gpu": self.number,
            "clock_mhz": self._read(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            "memory_clock_mhz": self._read(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_MEM),
            "temperature": self._read(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
            "watts": None if watts is None else watts / 1000,
            "limited_by": self.limits(),
        }

    def limits(self) -> list[str]:
        """What keeps its clock down at this moment, in words; nothing, for a GPU that is idle."""
        reasons = self._read(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons) or 0
        return [word for bit, word in _LIMITS.items() if reasons & bit]

    def held_back(self) -> dict[str, float]:
        """Seconds for which its power and its temperature have kept its clock down so far."""
        nvml = self._nvml
        found = {}
        for word, policy in (
            ("its power limit", nvml.NVML_PERF_POLICY_POWER),
            ("its temperature", nvml.NVML_PERF_POLICY_THERMAL),
        ):
            status = self._read(nvml.nvmlDeviceGetViolationStatus, policy)
            if status is not None:
                found[word] = status.violationTime / 1e9
        return found

    def joules(self) -> float | None:
        """Energy since the driver was loaded."""
        millijoules = self._read(self._nvml.nvmlDeviceGetTotalEnergyConsumption)
        return None if millijoules is None else millijoules / 1000

    def _read(self, gauge: Callable[..., Any], *arguments: Any) -> Any:
        if self._handle is None:
            return None
        try:
            return gauge(self._handle, *arguments)
        except self._nvml.NVMLError:  # not every GPU has every gauge
            return None


def of(devices: Iterable[str]) -> dict[str, Gpu]:
    """The gauges of those of the devices that are GPUs: "cuda:1" is number 1."""
    kinds = {device: device.partition(":") for device in devices}
    return {
        device: Gpu(int(number or 0))
        for device, (kind, _, number) in kinds.items()
        if kind == "cuda"
    }


class Watch:
    """Collects what limits GPUs while they work.

    A GPU is idle most of the time, and what limits it is gone when it is: so it is looked at right
    after its samples, and besides it counts for itself.
    """

    #: Seconds of being held back that are worth a word.
    WORTH = 0.05

    def __init__(self, gpus: Iterable[Gpu]) -> None:
        self._found: dict[Gpu, list[str]] = {gpu: [] for gpu in gpus}
        self._before = {gpu: gpu.held_back() for gpu in self._found}

    def look(self) -> None:
        """Note what limits the GPUs at this moment."""
        for gpu, found in self._found.items():
            found += [word for word in gpu.limits() if word not in found]

    def troubles(self) -> list[str]:
        """What slowed the GPUs down until now, a line each."""
        for gpu, found in self._found.items():
            for word, seconds in gpu.held_back().items():
                if seconds - self._before[gpu].get(word, 0.0) > self.WORTH and word not in found:
                    found.append(word)
        return [
            f"GPU {gpu.number} was slowed down by {' and '.join(found)}"
            for gpu, found in self._found.items()
            if found
        ]
