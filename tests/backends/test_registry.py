"""What a backend says of itself is checked once, where it enters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends import registry
from backends.description import Description

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


NAME, ALGORITHM = '    name = "mine"\n', '    algorithm = "none"\n'

RAISES = """    class Raises:
        def __get__(self, *_):
            raise ValueError("no\\nidea")
    name = Raises()
"""


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        (NAME, "", "name must be a text of 1 to 60 characters .*, and is missing"),
        (NAME, '    name = ""\n', "name must be a text .*, and is ''"),
        (NAME, '    name = " \\n"\n', "name must be a text of 1 to 60 characters"),
        (NAME, "    name = None\n", "name must be a text .*, and is None"),
        (NAME, "    name = 7\n", "name must be a text .*, and is 7"),
        (NAME, "    name = property(lambda self: 'a')\n", "name must be .* is <property object"),
        (NAME, "    name = 'a' * 10_000\n", "name must be a text of 1 to 60 .*, and is 'aaaa"),
        (
            NAME,
            "    name = 'numpy-gelsd@main'\n",
            "name must be a text .* without ',', '/' and '@'",
        ),
        (NAME, RAISES, "name must be .*, and raises ValueError: no idea"),
        ('"math"', '"__main__"', "framework must be the name of a module.*, and is '__main__'"),
        ('"math"', '""', "framework must be the name of a module, such as 'torch' .*, and is ''"),
        ('"math"', '"a b"', "framework must be the name of a module"),
        ('"math"', "None", "framework must be the name of a module.*, and is None"),
        ('    stability = "orthogonal"', "    pass", "stability must be 'orthogonal' or 'normal"),
        ('"orthogonal"', '"fast"', "stability must be 'orthogonal' or .*, and is 'fast'"),
        ('("least squares",)', '"least squares"', "methods must be a tuple .* is 'least squares'"),
        ('("least squares",)', '("ridge",)', r"methods must be .*'gradient descent'.*\('ridge',\)"),
        ('("least squares",)', "()", r"methods must be a tuple of .*, and is \(\)"),
        ('("least squares",)', "([],)", r"methods must be a tuple of .*, and is \(\[\],\)"),
        ('"none"', "3", "algorithm must be a text of 1 to 200 characters, and is 3"),
        ('"none"', "'a' * 10_000", "algorithm must be a text of 1 to 200 characters, and is 'a"),
        (ALGORITHM, "", "algorithm must be a text of 1 to 200 characters, and is missing"),
        ('"none"', '"none"\n    optional = "yes"', "optional must be True or False, and is 'yes'"),
        ('"none"', '"none"\n    style = ["tuned"]', "style must be 'idiomatic' or 'tuned', and is"),
        ('"none"', '"none"\n    requires = ("a", 2)', r"requires must be .*, and is \('a', 2\)"),
        (
            '"none"',
            '"none"\n    requires = ()',
            r"requires must be a tuple of at least one .* \(\)",
        ),
        ('"none"', '"none"\n    requires = ("",)', "requires must be a tuple of at least one"),
        ('"none"', '"none"\n    requires = ("../x",)', "requires must be a tuple of at least one"),
        ('"none"', '"none"\n    devices = ("tpu",)', "devices must be a tuple of 'cpu', .*'tpu'"),
        ('"none"', '"none"\n    known_failures = {"a": 1}', "known_failures must be a mapping"),
        ('"none"', '"none"\n    known_failures = 3', "known_failures must be a mapping .* is 3"),
    ],
)
def test_a_wrong_attribute_is_refused_in_one_line(
    line: str, instead: str, message: str, tmp_path: Path
) -> None:
    assert line in COMPLETE
    with pytest.raises(registry.PluginError) as caught:
        load(tmp_path, COMPLETE.replace(line, instead))
    found = str(caught.value)
    assert re.search(message, found)
    assert found.startswith(f"plug-in {tmp_path / 'mine.py'}: Mine: ")
    assert found.isprintable()
    assert len(found) < len(str(tmp_path)) + 300


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(registry.PluginError, match="the name 'numpy-gelsd' is taken"):
        load(tmp_path, COMPLETE.replace('"mine"', '"numpy-gelsd"'))


def test_gradient_descent_needs_no_stability(tmp_path: Path) -> None:
    source = COMPLETE.replace("least squares", "gradient descent")
    assert load(tmp_path, source.replace('    stability = "orthogonal"\n', ""))["mine"]


def test_what_it_says_is_made_printable(tmp_path: Path) -> None:
    source = COMPLETE.replace('"mine"', '"mi\\x1b[31mne"').replace('"none"', '"a\\n\\u202eb"')
    mine = Description.of(load(tmp_path, source)["mi [31mne"], "here")
    assert mine.name == "mi [31mne"
    assert mine.algorithm == "a  b"


def test_a_backend_is_found_by_its_name_and_nothing_else_is_imported(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(COMPLETE)
    sources = [str(plugin), "/nowhere.py"]
    mine = registry.find("mine", sources)
    assert mine is not None
    assert mine.name == "mine"
    own = registry.find("numpy-gelsd", ["/nowhere.py"])
    assert own is registry.load()["numpy-gelsd"]
    with pytest.raises(registry.PluginError, match=r"/nowhere\.py: not a Python file"):
        registry.find("other", sources)
    assert registry.find("other", sources[:1]) is None


def test_a_plugin_that_does_not_import_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(registry.PluginError) as caught:
        load(tmp_path, "raise RuntimeError('a\\nb\\x1b[0m')")
    assert str(caught.value).endswith("does not import: RuntimeError: a b [0m")


@pytest.mark.parametrize("source", ["import sys; sys.exit(0)", "raise KeyboardInterrupt"])
def test_a_plugin_cannot_end_who_imports_it(source: str, tmp_path: Path) -> None:
    with pytest.raises(registry.PluginError, match=r"does not import: (SystemExit|KeyboardInt)"):
        load(tmp_path, source)
