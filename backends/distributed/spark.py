"""Spark's MLlib, in one Java process on this machine (`local[threads]`)."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import numpy as np

from backends.base import Backend, Data, Fit, Method, Unavailable
from backends.lazy import lazy

arrow = lazy("pyarrow")
parquet = lazy("pyarrow.parquet")
functions = lazy("pyspark.ml.functions")
regression = lazy("pyspark.ml.regression")
sql = lazy("pyspark.sql")

_NO_JAVA = "Spark needs Java 17 or later, and finds none: install default-jre-headless"
_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    # The suite stops this process while others are timed. Spark would drop the rows of what is
    # silent for long.
    "spark.network.timeout": "7d",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
#: The share of the machine's memory that Java may fill before it looks for what is not needed.
_HEAP = 0.25


class SparkLinear(Backend):
    """`pyspark.ml.regression.LinearRegression` by the normal equations, without a penalty.

    It adds up X'X of all partitions, of which there is one for each thread, and solves with the
    features scaled to a standard deviation of 1. Its vectors are of doubles.
    """

    name = "spark-linear"
    framework = "pyspark.ml.regression"
    requires = ("pyspark",)
    hidden = ("pandas",)
    methods = ("least squares",)
    algorithm = "LinearRegression(solver='normal'): Cholesky of X'X, always in float64 inside"
    stability = "normal equations"
    copies = 12.0  # of float32; much of it is garbage
    optional = True
    distributed = True

    rows: Any = None  # pyspark.sql.DataFrame

    def start(self, device: str, threads: int) -> None:
        """Start Java.

        Raises:
            Unavailable: there is none, or several workers are asked for.
        """
        if self.workers > 1:
            raise Unavailable("Spark has a single process on one machine: --workers 1")
        home = os.environ.get("JAVA_HOME")
        if shutil.which(Path(home, "bin", "java") if home else "java") is None:
            raise Unavailable(_NO_JAVA)
        folder, self.threads = tempfile.gettempdir(), threads
        options = f"-Djava.io.tmpdir={folder} -XX:-UsePerfData -XX:ActiveProcessorCount={threads}"
        os.environ |= {
            "JAVA_TOOL_OPTIONS": options,
            "SPARK_LOCAL_DIRS": folder,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        builder = sql.SparkSession.builder.master(f"local[{threads}]")
        settings = _SETTINGS | {"spark.driver.memory": f"{int(_HEAP * memory) >> 20}m"}
        self.session = builder.config(map=settings).getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")

    def load(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method
        with self._while_java_lives():
            if self.rows is not None:
                self.rows.unpersist()
            self.rows = self._cached(data.X, data.y)

    def move(self, array: np.ndarray) -> None:
        rows = array.reshape(len(array), -1)
        if rows.size:
            self._cached(rows, rows[:, 0]).unpersist()

    def _cached(self, X: np.ndarray, y: np.ndarray) -> Any:
        """A data frame that Spark has read into its memory, by way of Parquet files."""
        with tempfile.TemporaryDirectory() as folder:
            for number in range(self.threads):
                rows, targets = (np.array_split(a, self.threads)[number] for a in (X, y))
                ends = np.arange(0, rows.size + 1, X.shape[1])
                features = arrow.LargeListArray.from_arrays(ends, arrow.array(rows.reshape(-1)))
                table = arrow.table({"features": features, "label": targets})
                parquet.write_table(table, Path(folder, f"{number}.parquet"), compression="none")
            vectors = functions.array_to_vector("features").alias("features")
            found = self.session.read.parquet(folder).select(vectors, "label").cache()
            if (there := found.count()) != len(y):
                raise RuntimeError(f"Spark has read {there} of {len(y)} rows")
        return found

    def fit(self) -> Fit:
        kept = {"solver": "normal", "regParam": 0.0, "standardization": False}
        with self._while_java_lives():
            self.model = regression.LinearRegression(**kept).fit(self.rows)
        weight = self.model.coefficients.toArray().astype(self.data.X.dtype)
        return Fit(weight, float(self.model.intercept))

    @contextmanager
    def _while_java_lives(self) -> Iterator[None]:
        """Of a Java that is gone, Spark says that it does not know some name."""
        try:
            yield
        except Exception as error:
            with suppress(TimeoutExpired):
                self.session.sparkContext._gateway.proc.wait(0.5)
                raise RuntimeError("Java has ended in the middle of its work") from error
            raise

    def describe(self) -> dict[str, Any]:
        context = self.session.sparkContext
        java = context._jvm.java.lang.System.getProperty("java.version")
        return super().describe() | {
            "workers": 1,
            "threads": context.defaultParallelism,
            "partitions": self.rows.rdd.getNumPartitions(),
            "java": str(java),
            # A matrix that is not positive definite is left to an iteration.
            "iterations": self.model.summary.totalIterations,
        }
