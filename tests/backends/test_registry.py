"""What a backend says of itself is checked once, where it enters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends import registry

COMPLETE = """
from backends.base import Backend, Fit

class Mine(Backend):
    name = "mine"
    framework = "math"
    methods = ("least squares",)
    algorithm = "none"
    stability = "orthogonal"

    def fit(self):
        return Fit(self.data.X[0], 0.0)
"""


def load(folder: Path, source: str) -> dict[str, type[registry.Backend]]:
    plugin = folder / "mine.py"
    plugin.write_text(source)
    return registry.load((plugin,))


def test_a_backend_says_what_the_base_cannot_know_and_no_more(tmp_path: Path) -> None:
    mine = load(tmp_path, COMPLETE)["mine"]
    assert (mine.requires, mine.devices, mine.style, mine.optional) == (
        ("math",),
        ("cpu",),
        "idiomatic",
        False,
    )
    assert mine().describe()["threads"] is None


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ('    name = "mine"\n', "", "Mine does not say name"),
        ('    name = "mine"\n', '    name = ""\n', "Mine does not say name"),
        ('    stability = "orthogonal"\n', "", "does not say its stability"),
        ('"orthogonal"', '"fast"', "stability must be .*'orthogonal'.*, and is 'fast'"),
        (
            '("least squares",)',
            '"least squares"',
            "methods must be tuple.*, and is 'least squares'",
        ),
        ('("least squares",)', '("ridge",)', r"methods must be .*'gradient descent'.*\('ridge',\)"),
        ('    algorithm = "none"', "    algorithm = 3", "algorithm must be .*str.*, and is 3"),
        ('"none"', '"none"\n    optional = "yes"', "optional must be .*bool.*, and is 'yes'"),
        ('"none"', '"none"\n    requires = ("a", 2)', r"requires must be .*, and is \('a', 2\)"),
        ('"none"', '"none"\n    devices = ("tpu",)', "devices must be .*'cuda'.*'tpu'"),
        ('"none"', '"none"\n    known_failures = {"a": 1}', "known_failures must be .*Mapping"),
        ('"mine"', '"numpy-gelsd"', "the name 'numpy-gelsd' is taken"),
    ],
)
def test_a_wrong_attribute_is_refused_in_one_line(
    line: str, instead: str, message: str, tmp_path: Path
) -> None:
    assert line in COMPLETE
    with pytest.raises(registry.PluginError) as caught:
        load(tmp_path, COMPLETE.replace(line, instead))
    assert re.search(message, str(caught.value))
    assert "\n" not in str(caught.value)


def test_gradient_descent_needs_no_stability(tmp_path: Path) -> None:
    source = COMPLETE.replace("least squares", "gradient descent")
    assert load(tmp_path, source.replace('    stability = "orthogonal"\n', ""))["mine"]


def test_what_it_says_is_made_printable(tmp_path: Path) -> None:
    source = COMPLETE.replace('"mine"', '"mi\\x1b[31mne"').replace('"none"', '"a\\n\\u202eb"')
    [mine] = [b for name, b in load(tmp_path, source).items() if name.startswith("mi ")]
    assert mine.name == "mi [31mne"
    assert mine.algorithm == "a  b"


def test_a_plugin_that_does_not_import_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(registry.PluginError) as caught:
        load(tmp_path, "raise RuntimeError('a\\nb\\x1b[0m')")
    assert str(caught.value).endswith("does not import: RuntimeError: a b [0m")
