"""What the driver says of a GPU: clock, temperature, power, throttling, energy.

It is read through NVML; no framework is asked. What a GPU does not say is None.

GPU 0 is the first that this process may use: clusters say with `CUDA_VISIBLE_DEVICES` which of a
machine's GPUs are whose. Without it they are numbered by their PCI bus, as in workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # making its classes takes longer than finding the GPUs
    from benchmarks.runfile.records import GpuRecord

#: Reasons for a lower clock that are not part of normal work: nvmlClocksThrottleReason...
_THROTTLE_REASONS = {
    0x04: "its power limit",
    0x08: "a hardware slow-down",
    0x20: "its temperature",
    0x40: "its temperature (hardware)",
    0x80: "its power supply",
}
#: Seconds. The counter of joules moves every 20 to 100 ms: it cannot tell shorter fits
#: (PETSc's manual, PetscLogGpuEnergyMeter).
LONG_ENOUGH = 1.0
#: Seconds of throttling that are worth a warning.
_WORTH_A_WARNING = 0.05


def number_of(device: str) -> int:
    """1 for "cuda:1"."""
    return int(device.partition(":")[2] or 0)


def token(device: str) -> str:
    """What `CUDA_VISIBLE_DEVICES` has to be for a worker to see this GPU alone."""
    number, visible = number_of(device), _visible()
    return str(number) if visible is None else visible[number]


def _visible() -> list[str] | None:
    """The GPUs that are left to this process, by number or UUID; None: all."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if visible is None else [one.strip() for one in visible.split(",")]


def handles() -> list[Any]:
    """NVML's handles of the GPUs that this process may use, in their order.

    `CUDA_VISIBLE_DEVICES` is read as CUDA reads it: numbers, UUIDs and their beginnings, UUIDs of
    MIG instances, and nothing after one that does not exist.

    Raises:
        NVMLError: there is no driver, or it was not initialised.
    """
    import pynvml as nvml

    count = nvml.nvmlDeviceGetCount()
    every = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
    if (visible := _visible()) is None:
        return every
    found = []
    with suppress(nvml.NVMLError, IndexError):
        for one in visible:
            if one.isdigit():
                found.append(every[int(one)])
                continue
            like = [h for h in every if one and nvml.nvmlDeviceGetUUID(h).startswith(one)]
            found.append(like[0] if like else nvml.nvmlDeviceGetHandleByUUID(one))
    return found


class Gpu:
    """One GPU's gauges."""

    def __init__(self, number: int) -> None:
        """Open the gauges; without a driver, nothing can be read."""
        import pynvml

        self.number = number
        self._nvml, self._handle = pynvml, None
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self._handle = dict(enumerate(handles())).get(number)

    def record(self, workload: str) -> GpuRecord:
        """Its state now, before or after the samples of a workload."""
        from benchmarks.runfile.records import GpuRecord

        nvml = self._nvml
        milliwatts = self._read(nvml.nvmlDeviceGetPowerUsage)
        return GpuRecord(
            workload=workload,
            gpu=self.number,
            clock_mhz=self._read(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            memory_clock_mhz=self._read(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_MEM),
            temperature=self._read(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
            watts=None if milliwatts is None else milliwatts / 1000,
            limited_by=self.throttle_reasons(),
        )

    def throttle_reasons(self) -> list[str]:
        """What lowers its clock now, in words; empty while it idles."""
        reasons = self._read(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons) or 0
        return [word for bit, word in _THROTTLE_REASONS.items() if reasons & bit]

    def throttled_seconds(self) -> dict[str, float]:
        """How long power and temperature have lowered its clock."""
        nvml = self._nvml
        policies = {
            "its power limit": nvml.NVML_PERF_POLICY_POWER,
            "its temperature": nvml.NVML_PERF_POLICY_THERMAL,
        }
        return {
            word: status.violationTime / 1e9
            for word, policy in policies.items()
            if (status := self._read(nvml.nvmlDeviceGetViolationStatus, policy))
        }

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
    """The gauges of those of the devices that are GPUs."""
    return {device: Gpu(number_of(device)) for device in devices if device != "cpu"}


class Throttling:
    """Collects what lowers the clocks of GPUs while they work.

    Throttle reasons vanish when a GPU idles, so `poll` after each sample. Besides, the driver
    counts for how long some of them applied.
    """

    def __init__(self, gpus: Iterable[Gpu]) -> None:
        self._found: dict[Gpu, list[str]] = {gpu: [] for gpu in gpus}
        self._before = {gpu: gpu.throttled_seconds() for gpu in self._found}

    def poll(self) -> None:
        """Note what lowers the clocks at this moment."""
        for gpu, found in self._found.items():
            found += [word for word in gpu.throttle_reasons() if word not in found]

    def warnings(self) -> list[str]:
        """What slowed the GPUs down until now, a line each."""
        for gpu, found in self._found.items():
            for word, seconds in gpu.throttled_seconds().items():
                longer = seconds - self._before[gpu].get(word, 0.0)
                if longer > _WORTH_A_WARNING and word not in found:
                    found.append(word)
        return [
            f"GPU {gpu.number} was slowed down by {' and '.join(found)}"
            for gpu, found in self._found.items()
            if found
        ]
