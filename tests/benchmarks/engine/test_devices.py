"""CPU and GPU side by side, by contract: a thread plays the GPU (see tests/plugins/devices.py)."""

from __future__ import annotations

import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from backends import registry
from benchmarks.engine import catalogue, choice, gpu, machine, plan, resume
from benchmarks.engine.plan import Entry, Options
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process, environment
from benchmarks.engine.run import run
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import select
from benchmarks.runfile.records import DeviceRecord, GpuRecord, WarningRecord
from benchmarks.runfile.run import Run
from reports import page
from reports.analysis.rows import Row, rows
from reports.document import document

TESTS = Path(__file__).parents[2]
PLUGINS = (TESTS / "plugins" / "devices.py",)
HONEST = ["device-honest", "numpy-gelsd"]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A fresh fake driver with two GPUs."""
    spec = importlib.util.spec_from_file_location("pynvml", TESTS / "fakes" / "pynvml.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return module


def measure(folder: Path, backends: list[str], workloads: str, **more: Any) -> Run:
    """Run on the CPU and the fake GPU."""
    made = plan.make(
        select(workloads.split(",")),
        choice.choose_backends(backends, catalogue.known(PLUGINS)),
        ["cpu", "cuda:0"],
        n_cores=1,
        n_gpus=1,
        threads=1,
        available_bytes=psutil.virtual_memory().available,
        replicates=1,
        **more,
    )
    options = Options(["test"], machine.usable_cores(), budget=1.0, patience=20, plugins=PLUGINS)
    run(made, options, folder)
    return Run.read(folder)


def by_name(finished: Run) -> dict[str, Row]:
    return {f"{row.entry.workload}/{row.entry.name}": row for row in rows(finished)}


def page_of(finished: Run) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return page.write(document(finished, rows(finished)), Path(folder)).read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All backends of the plug-in, without TF32."""
    backends = ["device-*", "numpy-gelsd"]
    return measure(tmp_path_factory.mktemp("devices"), backends, "200x5,100x3:float64")


def test_an_honest_device_is_ranked_beside_the_cpu(finished: Run) -> None:
    found = by_name(finished)
    for name in HONEST:
        assert found[f"200x5/{name}"].passed, found[f"200x5/{name}"].reason
        assert found[f"200x5/{name}"].place
    device = found["200x5/device-honest"]
    assert device.entry.device == "cuda:0"
    assert device.phases["transfer"] is not None
    assert len(device.transfers) >= 3
    warm = statistics.median(sample.seconds for sample in device.transfers.values())
    assert device.with_transfer == warm + device.time.value
    assert len(found["200x5/numpy-gelsd"].transfers) >= 3


def test_data_travel_once_and_each_fit_waits_once(finished: Run) -> None:
    """X and y in `load`, then the result of the only fit before `describe`."""
    fit = by_name(finished)["200x5/device-honest"].fit
    assert fit
    assert (fit.description["transfers"], fit.description["synchronisations"]) == (3, 2)


REASONS = {
    "device-early": "returned before its device had finished: the result changed afterwards",
    "device-early-once-warm": "returned before its device had finished: the result came",
    "device-promises": "fit() returned its weight as linreg_bench_plugin_devices.Lazy",
    "device-falls-back": "device is 'cpu', not 'cuda:0' as asked for",
    "device-tf32": "tf32 is True, not False as asked for",
    "device-tf32-hidden": "coefficients are off by",
    "device-out-of-memory": "out of memory: CUDA out of memory. Tried to allocate 96.00 GiB. GPU 0",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_who_cheats_is_named(finished: Run, name: str, reason: str) -> None:
    row = by_name(finished)[f"200x5/{name}"]
    assert row.status == "failed"
    assert row.reason.startswith(reason) or f": {reason}" in row.reason
    assert row.place == ""


def test_every_cheat_of_the_plugin_is_tested(finished: Run) -> None:
    failed = {row.entry.name for row in rows(finished) if row.entry.workload == "200x5"}
    assert failed - set(HONEST) == set(REASONS)


def test_a_result_is_looked_at_again_for_each_workload(finished: Run) -> None:
    """A backend that waits for the first fit of its life only is caught in the second workload."""
    found = by_name(finished)
    for name in ("device-early", "device-early-once-warm"):
        assert "before its device had finished" in found[f"100x3:float64/{name}"].reason


def test_tf32_makes_no_difference_to_float64(finished: Run) -> None:
    assert by_name(finished)["100x3:float64/device-tf32-hidden"].passed


def test_the_devices_own_time_is_recorded(finished: Run) -> None:
    found = by_name(finished)
    # Two operations, of at least 2 ms each.
    assert found["200x5/device-honest"].device_seconds >= 0.004
    assert found["200x5/numpy-gelsd"].device_seconds is None
    assert found["200x5/device-honest"].joules is None  # there is no driver to ask


def test_its_columns_are_there_only_when_a_device_was(finished: Run) -> None:
    heads = ("of data on the host", "by the device's own clock")
    shown = page_of(finished)
    assert all(head.replace("'", "&#39;") in shown for head in heads)
    on_host = [entry for entry in finished.header.entries if entry.device == "cpu"]
    header = replace(finished.header, entries=on_host)
    shown = page_of(Run(header, [header, *finished.records[1:]]))
    assert not any(head.replace("'", "&#39;") in shown for head in heads)


@pytest.fixture
def with_tf32(tmp_path: Path, driver: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same with TF32 asked for, on a GPU whose driver is there and holds it back."""
    driver.REASONS = 0x1 | 0x4 | 0x20
    # A second of every fit would be too long for a test.
    monkeypatch.setattr(gpu, "LONG_ENOUGH", 1e-3)
    backends = ["device-honest", "device-tf32-hidden", "numpy-gelsd"]
    return measure(tmp_path, backends, "200x5", tf32=True)


def test_tf32_is_for_all_on_cuda_or_for_none(with_tf32: Run) -> None:
    found = by_name(with_tf32)
    device, host = found["200x5/device-honest"], found["200x5/numpy-gelsd"]
    assert device.passed, device.reason
    assert device.verdict.weight_error > 1e-5  # it did round
    assert device.verdict.bound > 100 * host.verdict.bound
    assert "TF32" in device.verdict.checks[0].source
    assert "TF32" not in host.verdict.checks[0].source
    assert found["200x5/device-tf32-hidden"].reason == "tf32 is False, not True as asked for"
    assert "on for float32 products on CUDA" in page_of(with_tf32)
    again = resume.plan(with_tf32.header, catalogue.known(PLUGINS))
    assert {entry.process.device: entry.process.tf32 for entry in again.entries} == {
        "cpu": False,
        "cuda:0": True,
    }


def test_what_the_driver_says_is_in_the_run(with_tf32: Run) -> None:
    before, after = with_tf32.of(GpuRecord)
    assert before.workload == after.workload == "200x5"
    assert (before.gpu, before.clock_mhz, before.temperature) == (0, 1410, 41)
    slowed = "GPU 0 was slowed down by its power limit and its temperature"
    assert f"200x5: {slowed}" in [record.message for record in with_tf32.of(WarningRecord)]
    device = by_name(with_tf32)["200x5/device-honest"]
    # 250 W for longer than a fit takes: by a little, or by a lot on a machine that is busy.
    assert 0.8 < device.joules / (250 * device.time.value) < 100
    shown = page_of(with_tf32)
    assert "1410 to 1410 MHz" in shown
    assert " J</td>" in shown


def test_over_sizes_the_page_says_from_which_one_cuda_pays(tmp_path: Path) -> None:
    """The fake device takes 4 ms for whatever it is given: it pays at no such size."""
    measured = measure(tmp_path, HONEST, "100x2,300x2,1000x2,3000x2")
    assert {row.status for row in rows(measured)} == {"passed"}
    said = "CUDA pays at no size up to 3,000 samples with the data on the device"
    assert said in page_of(measured)


def test_energy_is_that_of_the_fastest_on_the_gpu_and_of_fits_that_last(
    tmp_path: Path, driver: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples of 5 ms say nothing of it: what does, goes on for as long as the counter needs."""
    # Long enough for the fake counter, and not too long for a test.
    monkeypatch.setattr(gpu, "LONG_ENOUGH", 0.3)
    found = measure(tmp_path, HONEST, "200x5")
    device = by_name(found)["200x5/device-honest"]
    assert device.joules == pytest.approx(250 * device.time.value, rel=0.5)
    assert by_name(found)["200x5/numpy-gelsd"].joules is None
    assert sum(record.joules is not None for record in found.of(DeviceRecord)) == 1


def test_gauges_that_a_gpu_lacks_are_left_out(driver: ModuleType) -> None:
    driver.ABSENT = {"power", "energy", "reasons", "violations"}
    [gauges] = gpu.of(["cpu", "cuda:1"]).values()
    assert gauges.record("line") == GpuRecord(
        workload="line",
        gpu=1,
        clock_mhz=1410,
        memory_clock_mhz=2600,
        temperature=42,
        watts=None,
        limited_by=[],
    )
    assert gauges.joules() is None
    assert gpu.Throttling([gauges]).warnings() == []


def test_what_held_a_gpu_back_between_two_looks_is_in_its_counters(driver: ModuleType) -> None:
    driver.HELD_BACK = [3.0, 5.0]  # long ago
    throttling = gpu.Throttling(gpu.of(["cuda:0"]).values())
    driver.HELD_BACK = [3.01, 5.5]
    throttling.poll()
    assert throttling.warnings() == ["GPU 0 was slowed down by its temperature"]


def test_without_a_driver_there_is_nothing_to_read(driver: ModuleType) -> None:
    driver.GPUS = 0
    assert machine.gpus() == []
    [gauges] = gpu.of(["cuda:0"]).values()
    assert gauges.joules() is None
    assert gauges.record("line").clock_mhz is None


def test_a_limit_that_passes_between_two_looks_is_remembered(driver: ModuleType) -> None:
    throttling = gpu.Throttling(gpu.of(["cuda:0", "cuda:1"]).values())
    throttling.poll()
    assert throttling.warnings() == []
    driver.REASONS = 0x40
    throttling.poll()
    driver.REASONS = 0
    throttling.poll()
    assert throttling.warnings() == [
        "GPU 0 was slowed down by its temperature (hardware)",
        "GPU 1 was slowed down by its temperature (hardware)",
    ]


@pytest.mark.parametrize(
    ("device", "seen"), [("cpu", "-1"), ("cuda", "0"), ("cuda:0", "0"), ("cuda:3", "3")]
)
def test_a_worker_sees_its_own_gpu_and_leaves_memory_to_others(
    device: str, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = environment(Process("x", device, 1))
    assert found["CUDA_VISIBLE_DEVICES"] == seen
    assert found["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert found["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert found["CUDA_LAUNCH_BLOCKING"] == "0"
    assert found["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize(
    ("visible", "names", "tokens"),
    [
        (None, ["0", "1"], ["0", "1"]),
        ("1", ["1"], ["1"]),
        ("1, 0", ["1", "0"], ["1", "0"]),
        ("GPU-1a", ["1"], ["GPU-1a"]),
        ("MIG-7", ["1"], ["MIG-7"]),
        ("0,5,1", ["0"], ["0"]),  # what follows one that is not there is not seen, as in CUDA
        ("-1", [], []),
        ("", [], []),
    ],
)
def test_only_gpus_that_are_left_to_this_process_are_used(
    driver: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    visible: str | None,
    names: list[str],
    tokens: list[str],
) -> None:
    driver.MIG = {"MIG-7": 1}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [found.name for found in machine.gpus()] == [f"NVIDIA Fake {name}" for name in names]
    processes = [Process("x", f"cuda:{number}", 1) for number in range(len(tokens))]
    assert [environment(process)["CUDA_VISIBLE_DEVICES"] for process in processes] == tokens
    gauges = gpu.of(process.device for process in processes).values()
    assert [one.record("line").temperature - 41 for one in gauges] == [int(name) for name in names]


def test_a_gpu_that_shares_its_memory_with_the_host_is_there(driver: ModuleType) -> None:
    driver.ABSENT = {"memory"}
    assert [found.memory_bytes for found in machine.gpus()] == [None, None]


def test_the_fake_driver_has_nothing_that_the_real_one_lacks(driver: ModuleType) -> None:
    sys.modules.pop("pynvml")
    real = importlib.import_module("pynvml")
    assert real.__file__ != driver.__file__
    for name in (name for name in vars(driver) if name.lower().startswith("nvml")):
        assert hasattr(real, name), name
        if name.startswith("NVML_"):
            assert getattr(real, name) == getattr(driver, name)


@pytest.mark.parametrize("name", ["torch-cholesky", "jax-cholesky", "tensorflow-cholesky"])
def test_a_framework_that_sees_no_gpu_is_absent_and_says_why(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    backend = catalogue.known()[name]
    if missing := registry.missing(backend):
        pytest.skip(missing)
    [line] = select(["line"])
    with Pool(tmp_path, machine.usable_cores()) as pool, pytest.raises(WorkerFailed) as caught:
        pool.first_fit(Entry(line, backend, Process(name, "cuda:0", 1)))
    assert caught.value.kind == "unavailable"
    assert re.search("without CUDA|has no CUDA|no usable GPU", str(caught.value))


def test_what_lowers_precision_from_outside_is_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "ANY")
    found = environment(Process("x", "cuda:0", 1))
    assert (found["NVIDIA_TF32_OVERRIDE"], found["ONEDNN_DEFAULT_FPMATH_MODE"]) == ("0", "STRICT")
    switches = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUPY_TF32")
    assert [found[name] for name in switches] == ["0", "0", "0"]
    emulated = ("CUBLAS_EMULATE_SINGLE_PRECISION", "CUBLAS_EMULATE_DOUBLE_PRECISION")
    assert {found[name] for name in emulated} == {"0"}
    asked_for = environment(Process("x", "cuda:0", 1, tf32=True))
    assert [asked_for[name] for name in switches] == ["1", "1", "1"]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole command on a machine with two GPUs, as its driver says."""
    out = tmp_path_factory.mktemp("command")
    arguments = ["--devices", "cpu,cuda", "--workloads", "200x5", "--budget", "1s", "--tf32"]
    for backend in ("device-honest", "numpy-gelsd", "cupy-*"):
        arguments += ["--backends", backend]
    arguments += ["--replicates", "1"]
    arguments += ["--plugin", str(PLUGINS[0]), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cli", "run", *arguments],
        cwd=TESTS.parent,
        env=os.environ | {"PYTHONPATH": str(TESTS / "fakes")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_command_puts_both_devices_into_one_ranking(command: Path) -> None:
    finished = Run.read(command)
    ranked = {(row.entry.name, row.entry.device) for row in rows(finished) if row.place}
    assert ranked == {
        ("device-honest", "cuda:0"),
        ("cupy-lstsq", "cuda:0"),
        ("cupy-cholesky", "cuda:0"),
        ("numpy-gelsd", "cpu"),
    }
    header = finished.header
    assert [found.name for found in header.machine.gpus] == ["NVIDIA Fake 0", "NVIDIA Fake 1"]
    assert not any(absence.device == "cuda" for absence in header.absent)
    assert header.tf32
