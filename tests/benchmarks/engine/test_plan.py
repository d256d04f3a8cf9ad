"""The plan has all combinations that make sense; an entry finds out other work than its own."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from inspect import signature
from typing import Any, ClassVar

import pytest

from backends import registry
from backends.base import Backend, Data, Fit, Kind, Method
from backends.description import Description
from benchmarks.cli.options import parse_seconds
from benchmarks.cli.run import run
from benchmarks.engine import catalogue, choice, plan
from benchmarks.engine.plan import MOST_PROCESSES, MOST_REPLICATES, Entry, Plan
from benchmarks.engine.process import Launch, Process, environment
from benchmarks.errors import UserError
from benchmarks.problems.workloads import WORKLOADS, select
from benchmarks.runfile.header import Absence, Variant


class Descent(Backend):
    name = "a-descent"
    framework = "numpy"
    requires = ("numpy",)
    methods: ClassVar[tuple[Kind, ...]] = ("gradient descent",)
    devices = ("cpu", "cuda")
    algorithm = "steps"
    known_failures: ClassVar[dict[str, str]] = {"tutorial": "wanders off"}

    def start(self, device: str, threads: int) -> None: ...
    def load(self, data: Data, method: Method) -> None: ...
    def fit(self) -> Fit:
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        return {}


class Direct(Descent):
    name = "a-direct"
    framework = "numpy.linalg"
    methods = ("least squares",)
    devices = ("cpu",)
    stability = "orthogonal"


class Both(Descent):
    name = "b-both"
    methods = ("gradient descent", "least squares")
    stability = "orthogonal"


def of(*backends: type[Backend]) -> list[Description]:
    """As the suite knows them."""
    return [Description.of(backend, "here") for backend in backends]


ALL = of(Descent, Direct, Both)
KNOWN = {backend.name: backend for backend in ALL}


def make(
    workloads: str = "line,line-descent",
    backends: Sequence[type[Backend]] = (Descent, Direct, Both),
    devices: tuple[str, ...] = ("cpu",),
    **arguments: Any,
) -> Plan:
    given = {"n_cores": 4, "n_gpus": 0, "threads": None, "available_bytes": 1 << 40} | arguments
    return plan.make(select(workloads.split(",")), of(*backends), devices, **given)


def processes(made: Plan) -> set[Process]:
    return {process for entry in made.entries for process in made.processes(entry)}


def ids(made: Plan) -> list[str]:
    return [entry.id for entry in made.entries]


def test_each_backend_gets_what_it_solves_workload_by_workload() -> None:
    assert ids(make()) == [
        "line/a-direct/cpu/1",
        "line/b-both/cpu/1",
        "line-descent/a-descent/cpu/1",
        "line-descent/b-both/cpu/1",
    ]


def test_a_device_is_used_by_the_backends_that_can() -> None:
    made = make("line,line-descent", devices=("cpu", "cuda:0", "cuda:1"), n_gpus=2)
    on_gpu = [entry for entry in ids(made) if "cuda" in entry]
    assert on_gpu == [
        "line/b-both/cuda:0/1",
        "line/b-both/cuda:1/1",
        "line-descent/a-descent/cuda:0/1",
        "line-descent/a-descent/cuda:1/1",
        "line-descent/b-both/cuda:0/1",
        "line-descent/b-both/cuda:1/1",
    ]
    assert made.absent == []


def test_no_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    [absence] = make().absent
    assert (absence.device, absence.reason) == ("cuda", "no NVIDIA GPU on this machine")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    [absence] = make().absent
    assert absence.reason == "no NVIDIA GPU that CUDA_VISIBLE_DEVICES leaves to this run"


def test_threads_are_the_workloads_own_all_cores_or_what_was_asked_for() -> None:
    assert ids(make("line,tall", [Direct], n_cores=3)) == [
        "line/a-direct/cpu/1",
        "tall/a-direct/cpu/3",
    ]
    assert ids(make("line,tall", [Direct], threads=2)) == [
        "line/a-direct/cpu/2",
        "tall/a-direct/cpu/2",
    ]


@pytest.mark.parametrize("threads", [0, -1, 5])
def test_more_threads_than_cores_are_refused(threads: int) -> None:
    with pytest.raises(UserError, match="1 to 4 usable cores"):
        make(threads=threads)


def test_a_known_failure_is_in_the_entry_of_its_workload_only() -> None:
    made = make("tutorial,line-descent", [Descent])
    known = [entry.record().known_failure for entry in made.entries]
    assert known == ["wanders off", ""]


class NotInstalled(Direct):
    name = "c-absent"
    framework = "no_such_framework.core"
    requires = ("no-such-framework[extra]", "another-that-brings-it")


ABSENT = "no_such_framework.core is not installed: pip install 'no-such-framework[extra]'"


def test_a_package_that_is_missing_makes_its_backends_absent() -> None:
    made = make("line", [Direct, NotInstalled])
    assert ids(made) == ["line/a-direct/cpu/1"]
    assert made.absent[0] == Absence(backend="c-absent", device="any", reason=ABSENT)
    with pytest.raises(UserError, match=r"nothing to run: no_such_framework\.core is not"):
        make("line", [NotInstalled])


def test_what_is_missing_says_what_to_install() -> None:
    assert registry.missing(Direct) == ""
    assert registry.missing(NotInstalled) == ABSENT


def test_the_installed_version_is_that_of_whatever_brings_the_framework() -> None:
    class Either(Direct):
        requires = ("no-such-framework[extra]", "numpy[extra]")

    assert registry.installed_version(Either.requires) == version("numpy")


@pytest.mark.parametrize(
    ("driver", "wanted"),
    [("/usr/bin/nvidia-smi", "'tensorflow[and-cuda]'"), (None, "tensorflow-cpu")],
)
def test_tensorflow_is_to_be_installed_with_cuda_where_there_is_a_driver(
    driver: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backends are classes: their module is made anew, as a fresh process makes it."""
    # The machine of the test may have a driver or not.
    monkeypatch.setattr("shutil.which", lambda program: driver)
    spec = importlib.util.find_spec("backends.tensorflow.base")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert registry.to_install(module.TensorFlowBackend) == wanted


def test_nothing_that_fits_together_is_refused() -> None:
    with pytest.raises(UserError, match="nothing to run: none of these backends solves"):
        make("line", [Descent])
    with pytest.raises(UserError, match="nothing to run"):
        make("line", [Direct], devices=("cuda:0",), n_gpus=1)


def test_a_workload_that_nothing_solves_is_left_out() -> None:
    assert [w.name for w in make("line,line-descent", [Direct]).workloads] == ["line"]


def test_a_workload_that_fits_into_memory_for_no_backend_is_refused_before_it_is_made() -> None:
    with pytest.raises(UserError, match=r"'1000000x1000' needs about 1\d.\d GiB") as caught:
        make("1000000x1000", [Direct], available_bytes=2 << 30)
    assert "2.0 GiB are free" in str(caught.value)
    needed = 3 * WORKLOADS["line"].bytes
    assert make("line", [Direct], available_bytes=needed).entries
    with pytest.raises(UserError, match="'line' needs"):
        make("line", [Direct], available_bytes=needed - 1)


def test_descent_needs_memory_for_its_reference_whatever_the_backend() -> None:
    needed = 4 * WORKLOADS["line-descent"].bytes
    assert make("line-descent", [Descent], available_bytes=needed).entries
    with pytest.raises(UserError, match="'line-descent' needs"):
        make("line-descent", [Descent], available_bytes=needed - 1)


class Streaming(Direct):
    name = "c-streaming"
    copies = 0.0


def test_a_backend_that_needs_more_copies_than_memory_holds_is_left_out_and_says_so() -> None:
    made = make("1000000x1000", [Direct, Streaming], available_bytes=2 << 30)
    [(entry, reason)] = made.too_large.items()
    assert entry.backend.name == "a-direct"
    assert re.fullmatch(r"needs about 11\.\d GiB of memory; 2\.0 GiB are free", reason)
    assert made.replicates == MOST_REPLICATES  # of the only one that runs


@pytest.mark.parametrize(
    ("backends", "replicates"),
    [([Direct], MOST_REPLICATES), ([Descent, Direct, Both], MOST_PROCESSES // 3)],
)
def test_few_entries_get_more_processes_each(backends: list[Any], replicates: int) -> None:
    made = make(backends=backends)
    assert made.replicates == replicates
    assert len(processes(made)) == replicates * len(backends) <= MOST_PROCESSES
    numbers = [process.replicate for process in made.processes(made.entries[0])]
    assert numbers == list(range(replicates))


def test_many_entries_get_one_process_each_unless_asked_for() -> None:
    many: list[type[Backend]] = [type(f"D{n}", (Direct,), {"name": f"d{n}"}) for n in range(9)]
    assert make("line", many).replicates == 1
    assert make("line", many, replicates=3).replicates == 3
    assert make("line", [Direct], replicates=1).replicates == 1


def test_a_process_serves_all_workloads_with_its_threads() -> None:
    assert len(processes(make("line,wide,tall", [Direct], replicates=1))) == 2
    assert len(processes(make("line,wide,tall", [Direct], replicates=1, threads=4))) == 1


def test_a_cold_plan_has_a_process_for_every_entry() -> None:
    warm, cold = (make("line,wide,tall", [Direct], cold=cold) for cold in (False, True))
    assert len(processes(cold)) == 3 * cold.replicates
    assert ids(cold) == ids(warm)
    assert cold.replicates == warm.replicates


def test_a_variant_stands_beside_the_backend_as_it_is() -> None:
    main = Variant(kind="revision", name="main", source="origin/main")
    made = make("line", [Direct], launches=[Launch(), Launch(main)])
    assert ids(made) == ["line/a-direct/cpu/1", "line/a-direct@main/cpu/1"]
    plain, variant = (entry.record() for entry in made.entries)
    assert (plain.variant, variant.variant) == (None, main)
    assert (variant.backend, variant.original) == ("a-direct", plain.id)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["*"], ["a-descent", "a-direct", "b-both"]),
        (["b-*", "a-direct"], ["a-direct", "b-both"]),
        (["a-direct", "a-*"], ["a-descent", "a-direct"]),
    ],
)
def test_names_and_globs_choose_backends(patterns: list[str], names: list[str]) -> None:
    assert [b.name for b in choice.choose_backends(patterns, KNOWN)] == names


def test_an_optional_backend_is_left_out_unless_named_or_in_full() -> None:
    class Rare(Direct):
        name = "rare"
        optional = True

    [rare] = of(Rare)
    known = {**KNOWN, "rare": rare}
    assert [b.name for b in choice.choose_backends([], known)] == [*KNOWN]
    assert [b.name for b in choice.choose_backends([], known, full=True)] == [*KNOWN, "rare"]
    assert choice.choose_backends(["r*"], known) == [rare]


class Shared(Direct):
    name = "c-shared"
    optional = True
    distributed = True


def test_several_workers_share_the_threads_of_a_workload() -> None:
    made = make("line,wide", [Direct, Shared], workers=[1, 2, 4])
    assert ids(made) == [
        *("line/a-direct/cpu/1", "line/c-shared/cpu/1"),
        *("wide/a-direct/cpu/4", "wide/c-shared/cpu/4"),
        *("wide/c-shared×2/cpu/4", "wide/c-shared×4/cpu/4"),
    ]
    said = [(a.backend, a.reason) for a in made.absent if "workers" in a.backend]
    assert said == [
        ("2 workers", "the threads of line cannot be divided by 2: --threads"),
        ("4 workers", "the threads of line cannot be divided by 4: --threads"),
    ]
    several = made.entries[-1].process
    assert environment(several)["OMP_NUM_THREADS"] == "1"
    assert made.entries[-1].record().original == made.entries[-1].id
    assert "workers is 2, not 4" in made.entries[-1].mismatch(
        FAIR | {"threads": 4, "workers": 2}, SHA, SHA
    )


def test_the_command_line_has_the_budget_of_a_plan() -> None:
    """It does not import the plan, so that `--help` answers at once."""
    assert parse_seconds("--budget", signature(run).parameters["budget"].default) == plan.BUDGET


def test_more_workers_than_cores_are_refused() -> None:
    with pytest.raises(UserError, match="--workers 1,8: there are 1 to 4 usable cores here"):
        make("wide", [Shared], workers=[1, 8])


def test_workers_on_several_machines_have_all_threads_of_each() -> None:
    made = make("line,wide", [Shared], workers=[1, 3], machines=3)
    assert ids(made) == [
        *("line/c-shared/cpu/1", "line/c-shared×3/cpu/3"),
        *("wide/c-shared/cpu/4", "wide/c-shared×3/cpu/12"),
    ]
    assert environment(made.entries[-1].process)["OMP_NUM_THREADS"] == "4"
    with pytest.raises(UserError, match="--workers 4: there are 1 to 3 machines here"):
        make("wide", [Shared], workers=[4], machines=3)


def test_distributed_backends_take_part_where_several_workers_are_asked_for() -> None:
    known = {**KNOWN, **{backend.name: backend for backend in of(Shared)}}
    assert "c-shared" not in [b.name for b in choice.choose_backends([], known)]
    assert "c-shared" in [b.name for b in choice.choose_backends([], known, shared=True)]


def test_an_unknown_backend_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'a-direct'"):
        choice.choose_backends(["a-*", "a-driect"], KNOWN)


@pytest.mark.parametrize(
    ("asked", "n_gpus", "devices"),
    [
        (["cpu"], 2, ["cpu"]),
        ([], 0, ["cpu"]),
        ([], 8, ["cpu", "cuda:0"]),
        (["all"], 0, ["cpu"]),
        (["all"], 2, ["cpu", "cuda:0", "cuda:1"]),
        (["cuda"], 2, ["cuda:0"]),
        (["cuda:1", "cpu", "cuda:1"], 2, ["cuda:1", "cpu"]),
    ],
)
def test_devices_by_name(asked: list[str], n_gpus: int, devices: list[str]) -> None:
    assert choice.choose_devices(asked, n_gpus) == devices


@pytest.mark.parametrize(
    ("asked", "n_gpus", "message"),
    [
        ("cuda", 0, "shows no GPU"),
        ("cuda:0", 0, "unknown device"),
        ("cuda:1", 1, "did you mean 'cuda"),
        ("gpu", 1, "unknown device 'gpu'"),
    ],
)
def test_a_device_that_is_not_there_is_refused(asked: str, n_gpus: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choice.choose_devices([asked], n_gpus)


SHA = "5" * 64
FAIR = {
    "version": "1.0",
    "device": "cpu",
    "dtype": "float32",
    "threads": 2,
    "algorithm": "gelsd",
    "tf32": False,
}


def torch_entry(device: str = "cpu", workload: str = "line") -> Entry:
    return Entry(WORKLOADS[workload], catalogue.known()["torch-cholesky"], Process("x", device, 2))


def found(changes: dict[str, Any], asked: Entry | None = None, received: str = SHA) -> str:
    return (asked or torch_entry()).mismatch(FAIR | changes, received, SHA)


def test_the_work_that_was_asked_for_has_no_mismatch() -> None:
    assert found({}) == ""
    assert found({"dtype": "float64"}, torch_entry(workload="ill-conditioned")) == ""


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_a_worker_calls_its_only_gpu_the_first(device: str) -> None:
    assert found({"device": "cuda:0"}, torch_entry(device)) == ""
    assert found({}, torch_entry(device)) == "device is 'cpu', not 'cuda:0' as asked for"
    assert "device is 'cuda:0'" in found({"device": "cuda:0"})


@pytest.mark.parametrize("tf32", [True, False])
def test_tf32_is_on_where_it_was_asked_for_and_nowhere_else(tf32: bool) -> None:
    asked = replace(torch_entry("cuda:0"), process=Process("x", "cuda:0", 2, tf32=tf32))
    assert found({"device": "cuda:0", "tf32": tf32}, asked) == ""
    said = f"tf32 is {not tf32}, not {tf32} as asked for"
    assert found({"device": "cuda:0", "tf32": not tf32}, asked) == said


def test_other_data_are_found_first() -> None:
    assert "SHA-256" in found({"dtype": "float64"}, received="6" * 64)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dtype": "float64"}, "dtype is 'float64', not 'float32' as asked for"),
        ({"threads": 64}, "threads is 64, not 2 as asked for"),
        ({"threads": 0}, "threads is 0, not 2 as asked for"),
        ({"tf32": True}, "tf32 is True, not False as asked for"),
    ],
)
def test_a_difference_is_named_with_what_was_asked_for(changes: dict[str, Any], said: str) -> None:
    assert found(changes) == said


@pytest.mark.parametrize("key", ["threads", "tf32"])
def test_what_a_framework_cannot_say_is_let_pass(key: str) -> None:
    assert found({key: None}) == ""
    assert torch_entry().mismatch({k: v for k, v in FAIR.items() if k != key}, SHA, SHA) == ""


@pytest.mark.parametrize("key", ["version", "device", "dtype", "algorithm"])
def test_what_every_backend_has_to_say_may_not_be_missing(key: str) -> None:
    assert found({key: None}) == f"does not say its {key}"
    assert torch_entry().mismatch({k: v for k, v in FAIR.items() if k != key}, SHA, SHA)


@pytest.mark.parametrize("key", ["version", "algorithm"])
def test_an_empty_word_says_nothing(key: str) -> None:
    assert found({key: ""}) == f"does not say its {key}"
