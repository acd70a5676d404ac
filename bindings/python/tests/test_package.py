"""The package as a whole: how it finds the library, that it hides no field of the C interface, and that its types hold."""

import dataclasses
import importlib.metadata
import importlib.util
import inspect
import os
import pydoc
import shutil
import subprocess
import sys

import pytest

import snarm
from snarm import _abi


def load(library, **environment):
    """What importing the package with that library says, or where it was found."""
    code = "import snarm; print(snarm._library.lib._name)"
    environment = {**os.environ, "SNARM_LIBRARY": str(library), **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def test_finds_the_library_or_says_what_is_wrong(tmp_path):
    library = snarm._library.lib._name
    assert load(library) == library
    assert load(tmp_path / "none.so") == (
        f"ImportError: snarm: libsnarm is not found (set SNARM_LIBRARY to its path); tried {tmp_path}/none.so: no such file"
    )
    (tmp_path / "text.so").write_text("no library")
    assert f"{tmp_path}/text.so cannot be loaded" in load(tmp_path / "text.so")
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    others = "".join(f"void {name}(void) {{}}\n" for name in snarm._library.FUNCTIONS if name != "snarm_version")
    needed = snarm._constants.VERSION[0]
    for name, code, words in (
        ("other", "int other(void) { return 1; }", "has no snarm_version and is another library"),
        ("older", 'const char *snarm_version(void) { return "0.0.9"; }', "is version 0.0.9 and has no snarm_last_error, which"),
        ("newer", others + 'const char *snarm_version(void) { return "97.1.0"; }', f"is version 97.1.0; this package needs version {needed}.x"),
    ):
        (tmp_path / f"{name}.c").write_text(code)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / f"{name}.so", tmp_path / f"{name}.c"], check=True)
        assert words in load(tmp_path / f"{name}.so", LD_PRELOAD="")


def fields(structure, *hidden):
    return {field[0] for field in structure._fields_} - {"struct_size", "reserved", "layer_count", "stage_count", "progress_user", *hidden}


@pytest.mark.parametrize(
    "structure, kind, hidden, more",
    [
        (_abi.snarm_result, snarm.Result, {"anomalous"}, {"verdict", "map"}),
        (_abi.snarm_detector_info, snarm.DetectorInfo, set(), set()),
        (_abi.snarm_backbone_info, snarm.BackboneInfo, set(), set()),
        (_abi.snarm_scorer_info, snarm.ScorerInfo, set(), set()),
        (_abi.snarm_train_report, snarm.TrainReport, set(), set()),
        (_abi.snarm_train_options, snarm.TrainOptions, {"coverage", "stage_channels"}, set()),  # arguments of train_scorer
        (_abi.snarm_preprocess, snarm.Preprocess, set(), set()),
        (_abi.snarm_bank_search_info, snarm.BankSearch, set(), set()),
        (_abi.snarm_score_metrics, snarm.ScoreMetrics, set(), set()),
        (_abi.snarm_pixel_metrics_result, snarm.PixelMetricsResult, set(), set()),
        (_abi.snarm_sample, snarm.Sample, set(), set()),
    ],
)
def test_every_field_is_shown(structure, kind, hidden, more):
    assert fields(structure, *hidden) == {field.name for field in dataclasses.fields(kind)} - more


@pytest.mark.parametrize(
    "structure, function, hidden, more",
    [
        (_abi.snarm_fit_options, snarm.Detector.fit, set(), {"images", "backbone", "bgr"}),
        (_abi.snarm_detector_options, snarm.Detector.load, {"reserved"}, {"path"}),
        (
            _abi.snarm_pipeline_options,
            snarm.Detector.inspect_many,
            {"loaders", "no_map"},
            {"self", "pictures", "depths", "bgr", "with_map", "on_error"},
        ),
        (_abi.snarm_backbone_options, snarm.Backbone.__init__, set(), {"self", "path"}),
        (_abi.snarm_bank_options, snarm.Bank.__init__, set(), {"self", "vectors", "images"}),
        (_abi.snarm_coreset_options, snarm.select_coreset, set(), {"vectors", "target"}),
        (_abi.snarm_residual_options, snarm.ResidualEngine.__init__, {"channels"}, {"self", "weight", "bias"}),
        (_abi.snarm_scorer_options, snarm.Scorer.__init__, set(), {"self", "path"}),
        (_abi.snarm_pixel_metrics_options, snarm.PixelMetrics.__init__, set(), {"self"}),
        (_abi.snarm_dataset_options, snarm.Dataset.__init__, set(), {"self", "path"}),
        (_abi.snarm_image_options, snarm.load_image, set(), {"path"}),
        (_abi.snarm_heatmap_options, snarm.render_heatmap, set(), {"picture", "map", "bgr"}),
        (_abi.snarm_report_options, snarm.Report.__init__, set(), {"self"}),
    ],
)
def test_every_option_is_an_argument(structure, function, hidden, more):
    assert fields(structure, *hidden) == set(inspect.signature(function).parameters) - more


def test_every_option_is_explained():
    for function in (snarm.Detector.fit, snarm.Detector.inspect_many, snarm.Backbone.__init__, snarm.ResidualEngine.__init__, snarm.Scorer.__init__, snarm.train_scorer):
        for name in set(inspect.signature(function).parameters) - {"self"}:
            assert name in function.__doc__, f"{function.__qualname__}: {name}"
    for kind in (snarm.DetectorInfo, snarm.BackboneInfo, snarm.ScorerInfo, snarm.TrainReport, snarm.TrainOptions, snarm.Result):
        for field in dataclasses.fields(kind):
            assert field.name in kind.__doc__, f"{kind.__name__}: {field.name}"


def test_everything_public_has_a_docstring():
    for name in snarm.__all__:
        thing = getattr(snarm, name)
        if name in ("Depth", "Picture", "Pictures", "Progress", "TrainProgress"):  # type aliases, documented in their modules
            continue
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, (property, classmethod))):
                    assert pydoc.getdoc(value), f"{name}.{member}"


def test_version():
    assert snarm.__version__ == ".".join(map(str, snarm._constants.VERSION))
    if "site-packages" in snarm.__file__:
        assert importlib.metadata.version("snarm") == snarm.__version__


def test_small_things():
    assert 1 <= snarm.default_threads() <= 64
    assert snarm.status_name(1) == "bad argument" and snarm.status_name(99)
    assert issubclass(snarm.OutOfMemoryError, MemoryError) and issubclass(snarm.FileError, OSError)
    assert {kind.status for kind in snarm.Error.__subclasses__()} == set(snarm.Status) - {snarm.Status.OK}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_types_hold(tmp_path):
    shutil.copytree(os.path.dirname(snarm.__file__), tmp_path / "snarm", ignore=shutil.ignore_patterns("*.so*", "__pycache__"))
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache"), "snarm"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "LD_PRELOAD": ""})
    assert done.returncode == 0, done.stdout
