"""A driver with two GPUs, for machines that have none: what of NVML the suite uses.

Each test sets what it needs; `ABSENT` names gauges that the GPU does not have.
"""

# ruff: noqa: N802 - the names are NVIDIA's

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL = 0, 1

GPUS = 2
REASONS = 0
WATTS = 250
HELD_BACK = [0.0, 0.0]  # seconds, by policy
ABSENT: set[str] = set()
MIG: dict[str, int] = {}  # instances by UUID, and whose they are


class NVMLError(Exception):
    pass


def nvmlInit() -> None:
    if not GPUS:
        raise NVMLError("no driver")


def nvmlShutdown() -> None:
    pass


def nvmlDeviceGetCount() -> int:
    return GPUS


def nvmlDeviceGetUUID(handle: int) -> str:
    return f"GPU-{handle}a-fake"


def nvmlDeviceGetHandleByUUID(uuid: str) -> int:
    if uuid not in MIG:
        raise NVMLError("no such GPU")
    return MIG[uuid]


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    if index >= GPUS:
        raise NVMLError("no such GPU")
    return index


def nvmlSystemGetDriverVersion() -> str:
    return "999.1"


def nvmlDeviceGetName(handle: int) -> str:
    return f"NVIDIA Fake {handle}"


def nvmlDeviceGetMemoryInfo(handle: int) -> Any:
    return SimpleNamespace(total=_gauge("memory", 8 << 30))


def _gauge(name: str, value: Any) -> Any:
    if name in ABSENT:
        raise NVMLError("not supported")
    return value


def nvmlDeviceGetClockInfo(handle: int, kind: int) -> int:
    return _gauge("clock", {NVML_CLOCK_SM: 1410, NVML_CLOCK_MEM: 2600}[kind])


def nvmlDeviceGetTemperature(handle: int, kind: int) -> int:
    return _gauge("temperature", 41 + handle)


def nvmlDeviceGetPowerUsage(handle: int) -> int:
    return _gauge("power", 1000 * WATTS)


def nvmlDeviceGetCurrentClocksThrottleReasons(handle: int) -> int:
    return _gauge("reasons", REASONS)


def nvmlDeviceGetViolationStatus(handle: int, policy: int) -> Any:
    return _gauge("violations", SimpleNamespace(violationTime=int(1e9 * HELD_BACK[policy])))


def nvmlDeviceGetTotalEnergyConsumption(handle: int) -> int:
    return _gauge("energy", int(1000 * WATTS * time.monotonic()))
