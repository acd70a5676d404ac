"""snarm with depth pictures, from outside.

usage: test_depth.py SNARM MAKE_PARTS [TEST]...
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

import sample_files as sample
from test_cli import SNARM, CommandCase, Shared, run

WIDTH, HEIGHT = 64, 48
FIT = ["--steps", "0", "--size", "64", "--bank-size", "200", "--layers", "2,3", "--depth"]


def part(folder, name, dent=False, layout="mvtec3d"):
    """A plate in one grey with ribs that only depth shows; its picture's path."""
    chance = random.Random(name + folder)
    away, shift = 300 + chance.uniform(-3, 3), chance.uniform(0, 1)

    def point(x, y):
        if chance.random() < 0.02:
            return 0.0, 0.0, 0.0
        height = 3 + ((x + shift) // 6 % 2) if 6 <= x < WIDTH - 6 and 6 <= y < HEIGHT - 6 else 0
        if dent and 36 <= x < 48 and 20 <= y < 32:
            height -= 2.5 if (x + y) % 6 < 3 else 0
        return 0.5 * x, 0.5 * y, away + 0.01 * x - height + chance.gauss(0, 0.01)

    rgb, xyz = ("rgb", "xyz") if layout == "mvtec3d" else ("", "")
    for sub in rgb, xyz:
        os.makedirs(os.path.join(folder, sub), exist_ok=True)
    sample.xyz_tiff(os.path.join(folder, xyz, name + ".tiff"), WIDTH, HEIGHT, point)
    grey = [120 + chance.randrange(8) for _ in range(WIDTH * HEIGHT)]
    return sample.png(os.path.join(folder, rgb, name + ".png"), WIDTH, HEIGHT, lambda x, y: [grey[y * WIDTH + x]] * 3)


class Depth(CommandCase):
    @classmethod
    def setUpClass(cls):
        cls.data = Shared.path("deep")
        plate = os.path.join(cls.data, "plate")
        for i in range(8):
            part(os.path.join(plate, "train", "good"), f"{i:03}")
        for i in range(3):
            part(os.path.join(plate, "test", "good"), f"{i:03}")
            picture = part(os.path.join(plate, "test", "dent"), f"{i:03}", dent=True)
            mask = picture.replace("rgb", "gt")
            os.makedirs(os.path.dirname(mask), exist_ok=True)
            sample.png(mask, WIDTH, HEIGHT, lambda x, y: [255 * (36 <= x < 48 and 20 <= y < 32)] * 3)
        cls.good = os.path.join(plate, "train", "good")
        cls.test = os.path.join(plate, "test")
        cls.model = Shared.path("deep.snarm")
        cls.fitted = run("fit", "--images", cls.good, "--backbone", Shared.weights, *FIT, "--out", cls.model)

    def fit(self, *more, images=None):
        return ["fit", "--images", images or self.good, "--backbone", Shared.weights, *FIT, "--out", self.path("m.snarm"), *more]

    def test_fit(self):
        code, output, errors = self.fitted
        self.assertEqual(code, 0, errors)
        self.assertIn("images       8\n", output)  # the depth pictures in the folder are no pictures of their own
        self.assertIn("depth        heights up to", output)
        facts = json.loads(self.run_well("info", "--json", self.model))
        self.assertEqual((facts["format_version"], facts["feature_channels"]), (3, 2 * facts["channels"]))
        self.assertGreater(facts["depth_range"], 3)

    def test_inspect(self):
        folders = [os.path.join(self.test, kind, "rgb") for kind in ("good", "dent")]
        lines = [json.loads(line) for line in self.run_well("inspect", "--model", self.model, "--format", "json", *folders).splitlines()]
        self.assertEqual(len(lines), 6)
        dents = [line for line in lines if "dent" in line["file"]]
        self.assertEqual([line["verdict"] for line in dents], ["anomalous"] * 3)
        for line in dents:
            self.assertTrue(28 < line["map_max"][0] < 56 and 12 < line["map_max"][1] < 40, line)
        self.assertLess(max(line["score"] for line in lines if line not in dents), min(line["score"] for line in dents))

    def test_beside_the_picture(self):
        for end in ".tiff", ".tif", ".TIFF":
            folder = self.path("flat" + end)
            picture = part(folder, "a", layout="flat")
            os.rename(picture[:-4] + ".tiff", picture[:-4] + end)
            code, output, errors = run("inspect", "--model", self.model, "--format", "json", "--quiet", folder)
            if end == ".TIFF":  # not looked for: the sentence names what is
                self.assertEqual(code, 3)
                self.assertIn("a.tiff", errors)
            else:
                self.assertEqual((code, len(output.splitlines())), (0, 1), errors)

    def test_eval(self):
        out = json.loads(self.run_well("eval", "--model", self.model, "--dataset", self.data, "--quiet", "--json", "-", "--report", self.path("r.html")))
        self.assertEqual(out["categories"]["plate"]["image_auroc"], 1)
        self.assertGreater(out["categories"]["plate"]["pixel_auroc"], 0.9)
        self.assertGreater(os.path.getsize(self.path("r.html")), 10000)

    def test_benchmark(self):
        command = ["benchmark", "--dataset", self.data, "--backbone", Shared.weights, *FIT, "--out", self.path("out"), "--quiet"]
        self.run_well(*command)
        with open(self.path("out", "results.json"), encoding="utf-8") as file:
            self.assertIn('"depth": true', file.read())
        without = [word for word in command if word != "--depth"]
        self.assert_fails(2, ["--depth"], *without)

    def test_bench(self):
        self.run_well("bench", "--model", self.model, "--runs", "2", "--warmup", "0")
        self.run_well("bench", "--model", self.model, "--runs", "2", "--image", os.path.join(self.test, "dent", "rgb", "000.png"))

    def test_missing_depth(self):
        folder = self.path("good")
        shutil.copytree(self.good, folder)
        os.remove(os.path.join(folder, "xyz", "003.tiff"))
        self.assert_fails(3, [os.path.join("xyz", "003.tiff")], *self.fit(images=folder))
        self.assertFalse(os.path.exists(self.path("m.snarm")))
        code, output, errors = run("inspect", "--model", self.model, "--format", "json", "--quiet", folder)
        errors_of = {os.path.basename(line["file"]): line["error"] for line in map(json.loads, output.splitlines())}
        self.assertEqual((code, len(errors_of)), (3, 8))
        self.assertIn("003.tiff", errors_of["003.png"])
        self.assertEqual([name for name, error in errors_of.items() if error], ["003.png"])
        # A picture where depth should be, and nothing that was measured.
        shutil.copy(os.path.join(folder, "rgb", "003.png"), os.path.join(folder, "xyz", "003.tiff"))
        self.assert_fails(3, ["003.tiff"], *self.fit(images=folder))
        sample.xyz_tiff(os.path.join(folder, "xyz", "003.tiff"), WIDTH, HEIGHT, lambda x, y: (0, 0, 0))
        self.assert_fails(3, ["picture 3", "0 measured points"], *self.fit(images=folder))

    def test_usage(self):
        self.assert_fails(2, ["--depth-weight", "--depth is missing"], *[a for a in self.fit("--depth-weight", "2") if a != "--depth"])
        self.assert_fails(2, ["--depth-weight", "'0'"], *self.fit("--depth-weight", "0"))
        self.assert_fails(2, ["--scorer", "--depth"], *[a for a in self.fit("--scorer", "x") if a not in ("--steps", "0")])
        self.assert_fails(2, ["--protocol", "--depth"], *self.fit("--protocol", "paper"))

    def test_watch(self):
        line, log = self.path("line"), self.path("log.jsonl")
        os.mkdir(line)
        with subprocess.Popen([SNARM, "inspect", "--quiet", "--model", self.model, "--watch", line, "--log", log, "--settle", "20"],
                              stdout=subprocess.DEVNULL) as watch:
            try:
                made = self.path("made")
                for number in range(4):
                    part(made, f"{number}", dent=number == 3, layout="flat")
                for number in range(4):
                    # The picture first: it waits for its depth picture.
                    shutil.copy(os.path.join(made, f"{number}.png"), line)
                    if number == 0:
                        time.sleep(1)
                    shutil.copy(os.path.join(made, f"{number}.tiff"), os.path.join(line, "copy.tmp"))
                    os.rename(os.path.join(line, "copy.tmp"), os.path.join(line, f"{number}.tiff"))
                end = time.monotonic() + 60
                while time.monotonic() < end and (not os.path.exists(log) or sample.read(log).count(b"\n") < 4):
                    time.sleep(0.05)
                watch.send_signal(signal.SIGTERM)
                self.assertEqual(watch.wait(60), 0)
            finally:
                watch.kill()
        lines = sorted((json.loads(text) for text in sample.read(log).splitlines()), key=lambda l: l["path"])
        self.assertEqual([(l["path"], l["error"]) for l in lines], [(f"{i}.png", None) for i in range(4)])
        self.assertEqual(lines[3]["verdict"], "anomalous")


if __name__ == "__main__":
    try:
        Shared.make()
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
