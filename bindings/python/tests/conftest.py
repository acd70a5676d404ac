"""What the tests share: parts painted with numpy, weights of a small random network, detectors fitted once.

The tests use the snarm package that Python finds: that of the checkout (tests/run.py) or one that was installed (test_wheel.sh).
"""

import os
import subprocess
import sys

import numpy as np
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "cli")]

import sample_files  # noqa: E402
import snarm  # noqa: E402

SIZE = 64  # of the network's input; the grid is 8 x 8
FIT = {"width": SIZE, "height": SIZE, "layers": [1, 2], "bank_size": 200, "threads": 2}


def paint(number, defect=False):
    """A part of (72, 96, 3) uint8: a ring on a plain ground, a little noise; a dark scratch where it is defective."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[0:72, 0:96].astype(np.float32)
    radius = np.hypot(x - 48 - random.uniform(-2, 2), y - 36 - random.uniform(-2, 2))
    picture = np.full((72, 96, 3), (70, 72, 80), np.float32)
    picture[(radius > 14) & (radius < 28)] = (190, 180, 160)
    if defect:
        picture[30:36, 20:60] = (250, 20, 40)
    picture += random.normal(0, 2, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("snarm")


@pytest.fixture(scope="session")
def good_parts():
    return [paint(number) for number in range(6)]


@pytest.fixture(scope="session")
def bad_part():
    return paint(100, defect=True)


@pytest.fixture(scope="session")
def good_folder(work, good_parts):
    folder = work / "parts" / "good"
    folder.mkdir(parents=True)
    for number, part in enumerate(good_parts):
        snarm.save_png(folder / f"{number:02d}.png", part)
    return folder


@pytest.fixture(scope="session")
def bad_file(work, bad_part):
    snarm.save_png(work / "bad.png", bad_part)
    return work / "bad.png"


@pytest.fixture(scope="session")
def weights(work):
    """A ResNet-18 up to its second stage with random weights."""
    return sample_files.safetensors(str(work / "resnet18.safetensors"), sample_files.random_resnet(2))


@pytest.fixture(scope="session")
def detector(good_folder, weights):
    return snarm.Detector.fit(good_folder, weights, **FIT)


@pytest.fixture(scope="session")
def trained(good_folder, weights):
    """A detector with a scorer, of a training too short to be any good."""
    options = snarm.TrainOptions(steps=6, samples=16, batch=2, embedding=8, depth=1)
    return snarm.Detector.fit(good_folder, weights, channels=32, train=options, **FIT)


@pytest.fixture(scope="session")
def command():
    """Runs the snarm command of the same build."""
    program = os.environ.get("SNARM_COMMAND")
    if not program:
        pytest.skip("SNARM_COMMAND does not name the snarm command")

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
