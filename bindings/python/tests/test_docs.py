"""What docs/python.md shows is run, and so is examples/score_image.py."""

import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import sample_files
import snarm
from conftest import ROOT, paint

GUIDE = os.path.join(ROOT, "docs", "python.md")
EXAMPLE = os.path.join(ROOT, "examples", "score_image.py")
# Trainings of the guide take minutes; here they need only run.
SHORT = "snarm.TrainOptions(steps=2, samples=16, batch=2, embedding=8, depth=1, "

pytestmark = pytest.mark.skipif(not os.path.isfile(GUIDE), reason="needs the checkout")


def blocks():
    """(line, packages it needs, code) of each Python block."""
    with open(GUIDE, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(r"(?:<!-- needs: ([\w ]+) -->\n)?```python\n(.*?)```", text, re.S):
        yield text[: match.start(2)].count("\n") + 1, (match[1] or "").split(), match[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the guide speaks of."""
    root = tmp_path_factory.mktemp("guide")
    sample_files.safetensors(str(root / "resnet18.safetensors"), sample_files.random_resnet(3))
    kinds = {"parts/good": False, "parts/today": True, "mvtec/ring/train/good": False, "mvtec/ring/test/good": False,
             "mvtec/ring/test/scratch": True}
    for name, defect in kinds.items():
        (root / name).mkdir(parents=True)
        for number in range(3):
            snarm.save_png(root / name / f"{number}.png", paint(number, defect))
    (root / "mvtec/ring/ground_truth/scratch").mkdir(parents=True)
    mask = np.zeros((72, 96), np.uint8)
    mask[30:36, 20:60] = 1
    for number in range(3):
        snarm.save_png(root / f"mvtec/ring/ground_truth/scratch/{number}.png", mask)
    return root


@pytest.mark.skipif(os.environ.get("SNARM_BUILTIN_NETWORK") == "0", reason="the guide begins with the built-in network")
def test_guide(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    if importlib.util.find_spec("matplotlib"):
        monkeypatch.setenv("MPLBACKEND", "agg")
    names, run, left_out = {"__name__": "guide"}, 0, []
    for line, needs, code in blocks():
        missing = [name for name in needs if importlib.util.find_spec(name) is None]
        if missing:
            left_out.append(f"line {line}: no {', '.join(missing)}")
            continue
        code = code.replace("snarm.TrainOptions(", SHORT)
        exec(compile("\n" * (line - 1) + code, GUIDE, "exec"), names)
        run += 1
    output = capsys.readouterr().out
    assert run + len(left_out) >= 12 and len(left_out) <= 2
    assert "parts/today/2.png anomalous" in output and "missing.snarm" in output
    assert "ERROR_IO" in output and "picture: layout of strides" in output and "image AUROC 1.0000" in output
    if importlib.util.find_spec("sklearn"):
        assert "[-1 -1 -1]" in output
        assert names["estimator"].predict(snarm.list_images("parts/good")).tolist() == [1, 1, 1]
    found = names["test"](names["model"], "mvtec", "ring")
    assert found["image_AUROC"] == 1 and 0.5 < found["pixel_AUROC"] <= 1
    trained = names["trained"]
    assert np.abs(names["scorer_map"](trained, "parts/today/0.png") - trained.inspect("parts/today/0.png").map).max() < 1e-5
    print("\n".join(left_out))


def test_guide_names_every_public_thing():
    with open(GUIDE, encoding="utf-8") as file:
        text = file.read()
    for name in ("Detector", "Backbone", "Bank", "ResidualEngine", "Scorer", "train_scorer", "TrainOptions", "PixelMetrics", "Report", "Dataset"):
        assert re.search(rf"\b{name}\b", text), name


def test_example(folder, work):
    def run(*arguments):
        done = subprocess.run([sys.executable, EXAMPLE, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    model, heat = work / "example.snarm", work / "example.png"
    good, bad = folder / "parts/good/1.png", folder / "parts/today/1.png"
    learn = ["--good", folder / "parts/good", "--backbone", folder / "resnet18.safetensors", "--size", 64, "--model", model]
    code, output, errors = run(*learn, good)
    assert (code, errors) == (0, "") and "learnt from 3 pictures" in output and "1.png (96 x 72): normal" in output
    code, output, errors = run("--model", model, bad, "--heatmap", heat)
    assert (code, errors) == (1, "") and "anomalous" in output and snarm.load_image(heat).shape == (72, 96, 3)
    code, output, errors = run("--model", work / "none.snarm", bad)
    assert code == 3 and output == "" and errors.startswith("score_image: ") and "none.snarm" in errors and errors.count("\n") == 1
    if os.environ.get("SNARM_BUILTIN_NETWORK") != "0":
        code, output, errors = run("--good", folder / "parts/good", "--size", 64, "--model", work / "builtin.snarm", good)
        assert (code, errors) == (0, "") and "1.png (96 x 72): normal" in output
    code, output, errors = run("--model", model, "--backbone", folder / "resnet18.safetensors", bad)
    assert (code, output) == (2, "") and "--backbone is of no use without --good" in errors
    assert run(bad)[0] == 2
