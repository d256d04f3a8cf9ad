"""The command line as a person meets it, with its exit status; where it matters, in a process."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.runfile.run import Run
from reports.analysis.rows import rows
from reports.export import COLUMNS

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]

ROOT = Path(__file__).parents[2]
PLUGINS = Path(__file__).parents[1] / "plugins"


def linreg_bench(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small finished run."""
    folder = tmp_path_factory.mktemp("a folder with 'quotes'")
    done = linreg_bench(
        *("run", "--workloads", "line,line-descent", "--backends", "numpy-*"),
        *("--budget", "500ms", "--replicates", 1, "--out", folder),
    )
    assert done.returncode == 0, done.stderr
    assert "numpy-gelsd" in done.stdout
    assert f"report: {folder / 'index.html'}" in done.stdout
    return folder


def test_list_shows_everything_at_once() -> None:
    """At once: what takes a moment to import is not needed."""
    slow = {"torch", "tensorflow", "keras", "jax", "sklearn", "matplotlib", "pyarrow"}
    program = (
        "import sys; from benchmarks.cli.app import main\n"
        "try: main(['list'])\n"
        f"finally: print('imported:', *sorted({slow} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "imported:\n"
    for name in ("torch-eager", "tensorflow-keras", "sklearn-linear", "tutorial", "cpu"):
        assert name in done.stdout


def test_a_run_leaves_a_run_file_and_a_report(small: Path) -> None:
    for name in ("run.jsonl", "index.html", "summary.md", "logs"):
        assert (small / name).exists(), name
    assert list((small / "figures").glob("*.svg"))
    assert list((small / "figures").glob("*.png"))


def test_report_draws_again(small: Path, tmp_path: Path, call: Call) -> None:
    done = call("report", small, "--out", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "index.html").read_text() == (small / "index.html").read_text()


def test_export_writes_the_rows(small: Path, call: Call) -> None:
    found = rows(Run.read(small))
    as_json = json.loads(call("export", small, "--format", "json").stdout)
    as_csv = list(csv.DictReader(io.StringIO(call("export", small, "--format", "csv").stdout)))
    assert len(as_json) == len(as_csv) == len(found) == 2
    for row, one, other in zip(found, as_json, as_csv, strict=True):
        assert set(COLUMNS) == set(one) == set(other)
        assert row.time is not None
        assert one["seconds_median"] == row.time.value == float(other["seconds_median"])


def test_export_writes_a_file_and_no_binary_to_a_terminal(
    small: Path, tmp_path: Path, call: Call
) -> None:
    out = tmp_path / "rows of a run.parquet"
    done = call("export", small, "--format", "parquet", "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    assert out.read_bytes().startswith(b"PAR1")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "benchmarks.cli", "export", small, "--format", "parquet"]
    refused = subprocess.run(command, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    os.close(ours)
    assert refused.returncode == 2
    assert "parquet is binary and this is a terminal: say where with --out" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_quiet_says_only_where_the_report_is(tmp_path: Path, call: Call) -> None:
    out = tmp_path / "a folder\x1b[31m"
    done = call(
        *("check", "--quiet", "--workloads", "line", "--backends", "numpy-gelsd", "--out", out)
    )
    assert done.returncode == 0
    assert done.stdout == f"report: {tmp_path}/a folder [31m/index.html\n"
    assert done.stderr == ""


def test_check_fails_on_a_wrong_fit_only(tmp_path: Path, call: Call) -> None:
    arguments = (
        "check",
        "--workloads",
        "line",
        "--plugin",
        PLUGINS / "wrong.py",
        "--out",
        tmp_path,
    )
    right = call(*arguments, "--backends", "numpy-gelsd")
    assert right.returncode == 0, right.stderr
    wrong = call(*arguments, "--backends", "numpy-gelsd", "--backends", "wrong-thousandth")
    assert wrong.returncode == 1
    assert "coefficients are off by" in wrong.stdout
    # The first run is not lost: it was set aside.
    assert len(list(tmp_path.glob("run*.jsonl"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run --workloads tutoral", "unknown workload 'tutoral'; did you mean 'tutorial'?"),
        ("run --workloads 10x20:condition=3", "needs more samples than features"),
        ("run --workloads 10x2:float16", "unknown option 'float16'"),
        ("run --workloads 10x2:float32:float64", "two values for dtype"),
        ("run --workloads 10x2:sigma=1:sigma=2", "two values for sigma"),
        ("run --workloads 10x1:condition=5", "condition needs 2 features or more"),
        ("run --against= --fail-if-slower 5%", "--against: needs a git revision"),
        ("run --replicates 1000000", "less than or equal to 64"),
        ("calibrate --backend *", "calibrate one backend on one workload"),
        ("calibrate --workload *", "calibrate one backend on one workload"),
        ("run --workloads 10x2:condition=0", "condition must be a number of at least 1"),
        ("run --workloads 99999999x9999", "GiB on the disk; /"),
        ("run --backends torch-eagre", "did you mean 'torch-eager'?"),
        ("run --backends tensorflow-qr --workloads tutorial", "nothing to run"),
        (
            "check --backends numpy-gelsd,numpy-loop --workloads line",
            "nothing to run for 'numpy-loop': it does gradient descent, and this run asks for"
            " least squares",
        ),
        (
            "check --backends numpy-*,cupy-lstsq --workloads line --devices cpu",
            "nothing to run for 'cupy-lstsq': it runs on cuda, and this run asks for cpu",
        ),
        ("run --data none.csv --target y", "--data: cannot read none.csv: No such file"),
        ("check --data README.md --target y", "say what separates columns with --delimiter"),
        ("run --target y", "--target needs --data, the table it is about"),
        ("check --features x", "--features needs --data"),
        ("run --drop-missing", "--drop-missing needs --data"),
        ("run --devices gpu", "unknown device 'gpu'"),
        ("run --devices cuda:7", "cuda"),
        ("run --budget -3", "--budget -3: needs a time above zero, such as 60s"),
        ("run --budget soon", "needs a time above zero"),
        ("run --patience 0", "--patience 0: needs a time above zero"),
        ("run --threads 0", "--threads 0: this machine has 1 to"),
        ("run --plugin missing.py", "plug-in missing.py: not a Python file"),
        ("run --plugin README.md", "plug-in README.md: not a Python file"),
        ("run --plugin tests/plugins/empty.txt", "not a Python file"),
        ("run --workloads line --backends numpy-gelsd --out README.md/x", "choose --out"),
        ("report nowhere", "cannot read nowhere: No such file"),
        ("report pyproject.toml", "not a record of a run"),
        ("report one two", "say where with --out"),
        ("export README.md", "README.md"),
    ],
)
def test_bad_input_gets_one_clear_line(arguments: str, message: str, call: Call) -> None:
    done = call(*arguments.split())
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_in_a_process_of_its_own_bad_input_is_one_line_as_well() -> None:
    done = linreg_bench("run", "--devices", "gpu")
    assert done.returncode == 2
    assert done.stderr.startswith("linreg-bench: unknown device 'gpu'")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import does_not_exist", "ModuleNotFoundError: No module named 'does_not_exist'"),
        ("def broken(:", "SyntaxError"),
        ("x = 1", "defines no complete subclass of Backend"),
        (
            "from backends.numpy import NumpyGelsd\nclass A(NumpyGelsd): pass",
            "the name 'numpy-gelsd' is taken",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named(
    tmp_path: Path, source: str, message: str, call: Call
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(source)
    done = call("run", "--plugin", plugin)
    assert done.returncode == 2
    assert str(plugin) in done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_keeps_and_shows_what_was_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.cli", "run", "--workloads", "line"]
    command += ["--backends", "numpy-gelsd", "--replicates", "1"]
    command += ["--budget", "60s", "--out", str(tmp_path)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs these tests in the background may have had it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    run_file, deadline = tmp_path / "run.jsonl", time.monotonic() + 30
    while time.monotonic() < deadline:
        if run_file.exists() and run_file.read_text().count('"sample"') > 20:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: the report holds what was measured until then" in errors
    assert "Traceback" not in errors
    run = Run.read(tmp_path)
    assert run.footer is not None
    assert run.footer.outcome == "interrupted"
    assert rows(run)[0].samples > 20
    assert (tmp_path / "index.html").exists()


def test_a_full_disk_ends_the_run_in_one_line(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    done = linreg_bench(
        *("run", "--workloads", "line", "--backends", "numpy-gelsd", "--replicates", 1),
        *("--budget", "30s", "--precision", "0", "--out", tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000)),
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert rows(Run.read(tmp_path))[0].samples > 0


TABLE = "a,b,=cmd(),city,y\n" + "".join(
    f"{i},{i * i % 7},{i % 3},Rome,{2 * i}\n" for i in range(20)
)


def test_own_data_are_fitted_and_judged_without_a_truth(tmp_path: Path, call: Call) -> None:
    (tmp_path / "my table.csv").write_text(TABLE)
    done = call(
        *("check", "--data", tmp_path / "my table.csv", "--target", "y"),
        *("--backends", "numpy-gelsd, scipy-gelsd", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "my table.csv" in done.stdout
    run = Run.read(tmp_path)
    found = [(row.entry.workload, row.entry.backend, row.passed) for row in rows(run)]
    assert found == [
        ("my table.csv", "numpy-gelsd", True),
        ("my table.csv", "scipy-gelsd", True),
    ]
    [file] = run.header.files
    assert (file.name, file.target) == ("my table.csv", "y")
    assert "no truth is known" in (tmp_path / "index.html").read_text()


def test_own_data_come_beside_other_workloads_only_if_asked_for(tmp_path: Path, call: Call) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    done = call(
        *("check", "--data", tmp_path / "t.csv", "--target", "y", "--workloads", "line"),
        *("--backends", "numpy-gelsd", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    found = rows(Run.read(tmp_path))
    assert [row.entry.workload for row in found] == ["t.csv", "line"]


def test_tf32_without_cuda_is_said_to_change_nothing(tmp_path: Path, call: Call) -> None:
    line = ("--workloads", "line", "--backends", "numpy-gelsd", "--devices", "cpu")
    arguments = ("check", "--quiet", *line, "--out", tmp_path)
    done = call(*arguments, "--tf32")
    assert done.returncode == 0
    assert done.stderr == "--tf32 changes nothing: no entry runs on CUDA\n"
    assert call(*arguments).stderr == ""
