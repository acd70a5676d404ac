"""eval and benchmark on a synthetic copy of every data set layout: found by looking and named, all give the same numbers.

usage: test_layouts.py SNARM MAKE_PARTS LIBRARY [TEST]...
"""

import ctypes
import json
import os
import shutil
import sys
import unittest

import make_layouts as layouts
import sample_files as sample
import test_cli as cli
from test_cli import Shared, run

LIBRARY = os.path.abspath(sys.argv[3])
NAMES = ["mvtec", "visa", "mvtec3d", "btad", "folders"]
FIT = ["--steps", "0", "--size", "96,64", "--bank-size", "200", "--layers", "2,3"]
METRICS = [*cli.METRICS, "false_alarm_rate", "detection_rate"]


class Depth(ctypes.Structure):
    _fields_ = [("points", ctypes.POINTER(ctypes.c_float)), ("width", ctypes.c_int32), ("height", ctypes.c_int32)]


def set_path(folder):
    return Shared.path("layouts", folder)


def categories_of(folder):
    return ["01", "02", "03"] if folder == "btad" else layouts.CATEGORIES


def eval_of(*more):
    code, output, errors = run("eval", "--model", Shared.path("bar.snarm"), "--quiet", "--json", "-", *more)
    assert (code, errors) == (0, ""), (code, errors)
    return json.loads(output)


def numbers_of(result, folder):
    """The metrics of each category, in order."""
    assert list(result["categories"]) == categories_of(folder), list(result["categories"])
    return [[of[key] for key in METRICS] for of in result["categories"].values()]


class Layouts(cli.CommandCase):
    def expected(self):
        numbers = numbers_of(eval_of("--dataset", set_path("mvtec")), "mvtec")
        for values in numbers:
            self.assertTrue(all(0 <= value <= 1 for value in values), values)
        return numbers

    def test_eval(self):
        expected = self.expected()
        # The model's own category is told apart well, and no two categories give the same.
        self.assertGreater(min(expected[0][:4]), 0.8, dict(zip(METRICS, expected[0])))
        self.assertEqual(len({tuple(values) for values in expected}), 3, expected)
        for folder, layout in layouts.LAYOUTS.items():
            for named in [], ["--layout", layout]:
                with self.subTest(folder, named=named):
                    result = eval_of("--dataset", set_path(folder), *named)
                    self.assertEqual([of["images"] for of in result["categories"].values()], [layouts.TEST + 4] * 3)
                    self.assertEqual(numbers_of(result, folder), expected)

    def test_one_category(self):
        expected = self.expected()
        for folder, layout in layouts.LAYOUTS.items():
            name = categories_of(folder)[2]
            for more in ["--category", name], ["--layout", layout, "--category", name]:
                result = eval_of("--dataset", set_path(folder), *more)
                self.assertEqual([result["categories"][name][key] for key in METRICS], expected[2], folder)
            result = eval_of("--dataset", os.path.join(set_path(folder), name))
            self.assertEqual([result["categories"][name][key] for key in METRICS], expected[2], folder)

    def test_another_layout_is_refused(self):
        for folder, layout in layouts.LAYOUTS.items():
            for other in NAMES:
                if other != layout:
                    self.assert_fails(3, [set_path(folder), f"the layout is {layout}, expected {other}"], "eval", "--model",
                                      Shared.path("bar.snarm"), "--dataset", set_path(folder), "--layout", other)

    def test_the_one_named_of_several(self):
        """Categories of other layouts beside it are passed over."""
        folder = self.path("mixed")
        for of, name in ("btad", "01"), ("mvtec3d", "mesh"), ("folders", "plate"):
            shutil.copytree(os.path.join(set_path(of), name), os.path.join(folder, of + name))
        for layout, name in ("auto", "btad01"), ("btad", "btad01"), ("mvtec3d", "mvtec3dmesh"), ("folders", "foldersplate"):
            result = eval_of("--dataset", folder, "--layout", layout)
            self.assertEqual(list(result["categories"]), [name])
        self.assert_fails(3, ["the layout is btad, expected visa"], "eval", "--model", Shared.path("bar.snarm"), "--dataset",
                          folder, "--layout", "visa")

    def test_full_resolution(self):
        expected = numbers_of(eval_of("--dataset", set_path("mvtec"), "--full-resolution"), "mvtec")
        for folder in layouts.LAYOUTS:
            result = eval_of("--dataset", set_path(folder), "--full-resolution")
            self.assertEqual(numbers_of(result, folder), expected, folder)

    def test_benchmark(self):
        """The pictures to train with are the same, too."""
        found = {}
        for folder, layout in layouts.LAYOUTS.items():
            for number, more in enumerate([[], ["--layout", layout, "--unified"]]):
                out = self.path(f"{folder}{number}")
                output = self.run_well("benchmark", "--dataset", set_path(folder), "--backbone", Shared.weights, *FIT, *more,
                                       "--out", out, "--quiet")
                self.assertEqual(output, sample.read(os.path.join(out, "table.txt")).decode())
                with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
                    result = json.load(file)["categories"]
                self.assertEqual(list(result), categories_of(folder))
                for of in result.values():
                    self.assertEqual(of["seeds"]["0"]["train_images"], layouts.TRAIN * (3 if number else 1))
                found.setdefault(number, {})[folder] = [[of["mean"][key] for key in METRICS] for of in result.values()]
        for number in found:
            for folder, numbers in found[number].items():
                self.assertEqual(numbers, found[number]["mvtec"], (folder, number))
        self.assertNotEqual(found[0]["mvtec"], found[1]["mvtec"])

    def test_depth_pictures(self):
        """The TIFF files of MVTec 3D-AD's copy hold what was put into them."""
        if os.environ.get("SNARM_SANITIZE", "none") != "none":
            self.skipTest("a library with sanitizers cannot be loaded into Python")
        library = ctypes.CDLL(LIBRARY)
        library.snarm_last_error.restype = ctypes.c_char_p
        part = next(part for _, part in layouts.parts_of("mesh") if part.defect)
        path = os.path.join(set_path("mvtec3d"), "mesh", "test", part.kind, "xyz", "000.tiff")
        depth = Depth()
        if library.snarm_depth_load(ctypes.byref(depth), os.fsencode(path), None) != 0:
            message = library.snarm_last_error().decode()
            if "without libtiff" in message:
                self.skipTest(message)
            self.fail(message)
        self.assertEqual((depth.width, depth.height), (layouts.WIDTH, layouts.HEIGHT))
        for i, point in enumerate(part.points()):
            for axis in range(3):
                self.assertAlmostEqual(depth.points[3 * i + axis], point[axis], delta=1e-4)
        library.snarm_depth_release(ctypes.byref(depth))


if __name__ == "__main__":
    try:
        Shared.make()
        if Shared.fitted[0] != 0:
            sys.exit(f"the model could not be made: {Shared.fitted}")
        layouts.make(Shared.path("layouts"))
        train = os.path.join(set_path("mvtec"), "bar", "train")
        made = run("fit", "--images", train, "--backbone", Shared.weights, *FIT, "--out", Shared.path("bar.snarm"))
        if made[0] != 0:
            sys.exit(f"the model could not be made: {made}")
        unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
