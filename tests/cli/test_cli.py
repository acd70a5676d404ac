"""The snarm command from outside: what it prints, what it writes, and how it ends.

usage: test_cli.py SNARM MAKE_PARTS [TEST]...
"""

import base64
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import sample_files as sample

SNARM, MAKE_PARTS = map(os.path.abspath, sys.argv[1:3])
FIT = ["--steps", "0", "--size", "64", "--bank-size", "200", "--layers", "2,3"]
METRICS = ["image_auroc", "image_ap", "image_f1max", "pixel_auroc", "pixel_ap", "pixel_f1max", "aupro"]


def run(*arguments, **options):
    """Runs the command; its exit code, stdout and stderr."""
    done = subprocess.run([SNARM, *arguments], capture_output=True, timeout=300, **options)
    return (
        done.returncode,
        done.stdout.decode(errors="surrogateescape"),
        done.stderr.decode(errors="surrogateescape"),
    )


class Shared:
    """What is made once: parts, weights, a model."""

    root = tempfile.mkdtemp(prefix="snarm-cli-")

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.root, *names)

    @classmethod
    def make(cls):
        subprocess.run(
            [MAKE_PARTS, cls.path("parts"), "--count", "5", "--product", "washer"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        cls.good = cls.path("parts", "washer", "train", "good")
        cls.test = cls.path("parts", "washer", "test")
        cls.weights = sample.safetensors(cls.path("weights.safetensors"), sample.random_resnet())
        cls.model = cls.path("washer.snarm")
        cls.fitted = run("fit", "--images", cls.good, "--backbone", cls.weights, *FIT, "--out", cls.model)
        # Unlike anything that was learnt.
        cls.odd = sample.png(cls.path("odd.png"), 96, 64, lambda x, y: (255, 40, 255 * (x // 8 % 2)))


class CommandCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=Shared.root)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def assert_fails(self, code, words, *arguments):
        """It ends with the code, says nothing on stdout, and one line with these words on stderr."""
        result, output, errors = run(*arguments)
        self.assertEqual((result, output), (code, ""), (arguments, errors))
        self.assert_one_line(errors)
        for word in words:
            self.assertIn(word, errors)

    def assert_one_line(self, errors):
        self.assertTrue(errors.startswith("snarm: ") and errors.endswith("\n"), errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertGreater(len(errors), len("snarm: \n"))

    def run_well(self, *arguments):
        code, output, errors = run(*arguments)
        self.assertEqual(code, 0, (arguments, errors))
        return output


class Usage(CommandCase):
    def test_help(self):
        output = self.run_well("--help")
        for command in "fit", "inspect", "eval", "benchmark", "bench", "info":
            self.assertIn("\n  " + command, output)
            text = self.run_well(command, "--help")
            for option in "--threads", "--precision", "--quiet", "usage: snarm " + command:
                self.assertIn(option, text)
        self.assertEqual(self.run_well("fit", "-h"), self.run_well("fit", "--images", "x", "--help"))

    def test_version(self):
        self.assertRegex(self.run_well("--version"), r"^snarm \d+\.\d+\.\d+\n$")

    def test_wrong_commands(self):
        self.assert_fails(2, ["no command"])
        self.assert_fails(2, ["'fix'", "fit, inspect"], "fix")
        self.assert_fails(2, ["--model"], "inspect", "x.png")
        self.assert_fails(2, ["PATH"], "inspect", "--model", "x.snarm")
        self.assert_fails(2, ["FILE"], "info")
        self.assert_fails(2, ["'b'"], "info", "a", "b")
        self.assert_fails(2, ["'x'"], "bench", "--model", "m", "x")

    def test_wrong_options(self):
        for words, arguments in [
            (["--colour"], ["fit", "--colour", "3"]),
            (["--runs"], ["fit", "--runs", "3"]),
            (["'-q'"], ["fit", "-q"]),
            (["--seed", "no value"], ["fit", "--seed"]),
            (["--quiet", "'yes'"], ["fit", "--quiet=yes"]),
            (["--seed", "'x1'", "whole number"], ["fit", "--seed", "x1"]),
            (["--seed", "'1x'"], ["fit", "--seed=1x"]),
            (["--seed", "''"], ["fit", "--seed="]),
            (["--seed", "' 1'"], ["fit", "--seed", " 1"]),
            (["--seed", "'-1'", "0 to"], ["fit", "--seed", "-1"]),
            (["--seed", "'99999999999999999999'"], ["fit", "--seed", "99999999999999999999"]),
            (["--bank-size", "'0'", "1 to 10000000"], ["fit", "--bank-size", "0"]),
            (["--threads", "'65'", "64"], ["fit", "--threads", "65"]),
            (["--false-alarm-rate", "'0'", "between 0 and 1"], ["fit", "--false-alarm-rate", "0"]),
            (["--even-light", "'1.1'", "from 0 to 1"], ["fit", "--even-light", "1.1"]),
            (["--false-alarm-rate", "'1'"], ["fit", "--false-alarm-rate", "1"]),
            (["--false-alarm-rate", "'nan'"], ["fit", "--false-alarm-rate", "nan"]),
            (["--false-alarm-rate", "'0x.1'"], ["fit", "--false-alarm-rate", "0x.1"]),
            (["--smoothing", "'65'"], ["fit", "--smoothing", "65"]),
            (["--size", "'16'", "32 to 16384"], ["fit", "--size", "16"]),
            (["--tile", "'16'", "32 to 4096"], ["fit", "--tile", "16"]),
            (["--size", "'64,'"], ["fit", "--size", "64,"]),
            (["--size", "'64,64,64'"], ["fit", "--size", "64,64,64"]),
            (["--resize", "'64x64'"], ["fit", "--resize", "64x64"]),
            (["--layers", "'3,2'", "rising"], ["fit", "--layers", "3,2"]),
            (["--layers", "'2,,3'"], ["fit", "--layers", "2,,3"]),
            (["--precision", "'f64'", "f32|bf16|int8|auto"], ["info", "--precision", "f64", "x"]),
            (["--precision", "'bf1'"], ["fit", "--precision=bf1"]),
            (["--precision", "''"], ["inspect", "--precision", ""]),
            (["--format", "'xml'", "text|json|csv"], ["inspect", "--format", "xml"]),
            (["--layout", "'coco'", "auto|mvtec|visa|mvtec3d|btad|folders"], ["eval", "--layout", "coco"]),
            (["--runs", "'0'"], ["bench", "--runs", "0"]),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_fails(2, words, *arguments)

    def test_options_of_fit_that_do_not_fit(self):
        base = ["fit", "--images", Shared.good, "--out", self.path("m.snarm")]
        base += ["--backbone", Shared.weights]
        self.assert_fails(2, ["--textures", "nothing is trained"], *base, "--steps", "0", "--textures", Shared.good)
        self.assert_fails(2, ["--checkpoint", "nothing is trained"], *base, "--steps", "0", "--checkpoint", "c")
        self.assert_fails(2, ["--scorer", "--steps 5"], *base, "--steps", "5", "--scorer", "s")
        self.assert_fails(2, ["--embedding", "'4'", "8 to 512"], *base, "--embedding", "4")
        self.assert_fails(2, ["memory is 1048576"], *base, "--size", "256", "--train-memory", "1")
        self.assert_fails(2, ["--channels", "'5'"], *base, "--channels", "5")
        self.assert_fails(2, ["--neighbourhood", "'2'"], *base, "--neighbourhood", "2")
        self.assert_fails(2, ["--tile-overlap is '8'", "--tile is missing"], *base, "--tile-overlap", "8")
        self.assert_fails(2, ["--both-lights", "--even-light is missing"], *base, "--both-lights")
        self.assert_fails(2, ["--map-contrast", "'1.5'", "0 to 1"], *base, "--map-contrast", "1.5")
        self.assert_fails(2, ["--map-contrast is '0.2'", "paper has none"], *base, "--protocol", "paper", "--map-contrast", "0.2")
        self.assert_fails(2, ["tile is 64x64", "40x40"], *base, "--steps", "0", "--tile", "64", "--size", "40")
        # Only the network knows that 65 is no multiple of 8.
        self.assert_fails(2, ["65"], *base, "--size", "65")
        self.assert_fails(2, ["--images"], "fit", "--backbone", Shared.weights, "--out", "m")
        self.assert_fails(2, ["--out"], "fit", "--backbone", Shared.weights, "--images", Shared.good)
        self.assertEqual(os.listdir(self.folder), [])


class Fit(CommandCase):
    def fit(self, *more, images=None):
        return [
            "fit",
            "--images",
            images or Shared.good,
            "--backbone",
            Shared.weights,
            *FIT,
            "--out",
            self.path("m.snarm"),
            *more,
        ]

    def test_summary(self):
        code, output, errors = Shared.fitted
        self.assertEqual((code, errors), (0, ""))
        facts = dict(line.split(None, 1) for line in output.splitlines())
        self.assertEqual(facts["images"], "5")
        self.assertTrue(facts["patches"].startswith("320 "), output)
        self.assertTrue(facts["bank"].startswith("200 x"), output)
        self.assertGreater(float(facts["threshold"]), 0)
        self.assertIn(Shared.model, facts["model"])

    def train(self, *more):
        """A fit that trains a little; later options win."""
        small = ["--samples", "24", "--embedding", "8", "--size", "64", "--bank-size", "200"]
        return ["fit", "--images", Shared.good, "--backbone", Shared.weights, *small, "--out", self.path("t.snarm"), *more]

    def test_training(self):
        code, output, errors = run(*self.train("--steps", "6", "--textures", Shared.test))
        self.assertEqual((code, errors), (0, ""))
        facts = dict(line.split(None, 1) for line in output.splitlines())
        self.assertRegex(facts["training"], r"^6 of 6 steps, kept step \d; held-out defects: pixel AP 0\.\d{3} \(distance alone 0")
        code, output, errors = run("inspect", "--quiet", "--model", self.path("t.snarm"), "--format", "json", Shared.odd)
        self.assertEqual((code, errors), (0, ""))
        self.assertIsInstance(json.loads(output)["score"], float)
        code, output, errors = run("info", self.path("t.snarm"))
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(output, r"training_steps +6\n")

    def test_interrupted_training_keeps_the_best(self):
        checkpoint = self.path("t.checkpoint")
        child = subprocess.Popen([SNARM, *self.train("--steps", "1000000", "--checkpoint", checkpoint)],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(1000):  # it is written when the training begins
            if os.path.exists(checkpoint):
                break
            time.sleep(0.1)
        time.sleep(0.5)  # the first interrupt from here on ends the training, not the fit
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=120)
        self.assertEqual((child.returncode, errors), (0, b""))
        self.assertIn(b" of 1000000 steps", output)
        self.assertTrue(os.path.exists(self.path("t.snarm")))

    def test_quiet_and_repeatable(self):
        code, output, errors = run(*self.fit("--quiet"))
        self.assertEqual((code, output, errors), (0, "", ""))
        self.assertEqual(sample.all_files(self.folder), ["m.snarm"])
        self.assertEqual(sample.read(self.path("m.snarm")), sample.read(Shared.model))

    def test_many_options(self):
        output = self.run_well(
            *self.fit(
                "--images",
                Shared.odd,
                "--resize=80,72",
                "--size=72,64",
                "--channels=0",
                "--neighbourhood=1",
                "--neighbours=2",
                "--smoothing=0",
                "--seed=5",
                "--false-alarm-rate=0.2",
                "--threads=1",
                "--precision=f32",
            )
        )
        self.assertIn("images       6\n", output)
        info = json.loads(self.run_well("info", "--json", self.path("m.snarm")))
        self.assertEqual(
            (info["input"], info["resize"], info["neighbours"], info["smoothing"], info["seed"]),
            ([72, 64], [80, 72], 2, 0, 5),
        )
        self.assertEqual((info["channels"], info["neighbourhood"], info["false_alarm_rate"]), (384, 1, 0.2))

    def test_tiles(self):
        output = self.run_well(*self.fit("--tile=32", "--size=72,64", "--tile-overlap=8"))
        self.assertIn("tiles        3 x 3 of 32 x 32 pixels, 8 shared; of 72 x 64\n", output)
        self.assertIn("patches      720 (4 x 4 of each tile)\n", output)
        info = json.loads(self.run_well("info", "--json", self.path("m.snarm")))
        self.assertEqual(
            (info["format_version"], info["input"], info["canvas"], info["tile"], info["tile_overlap"], info["tiles"]),
            (2, [32, 32], [72, 64], [32, 32], 8, [3, 3]),
        )
        maps = self.path("maps")
        output = self.run_well("inspect", "--quiet", "--model", self.path("m.snarm"), "--format", "json", "--heatmaps", maps,
                               Shared.odd)
        self.assertIsInstance(json.loads(output)["score"], float)
        self.run_well("bench", "--model", self.path("m.snarm"), "--runs", "1", "--warmup", "0")
        # By default the first picture's own size.
        base = ["fit", "--images", Shared.good, "--backbone", Shared.weights, "--steps", "0", "--out", self.path("w.snarm")]
        size = sample.png_size(os.path.join(Shared.good, sorted(os.listdir(Shared.good))[0]))
        self.assertIn("of %d x %d\n" % size, self.run_well(*base, "--bank-size", "200", "--tile", "64"))
        self.assertNotIn("canvas", json.loads(self.run_well("info", "--json", Shared.model)))

    def test_replaces_a_model(self):
        sample.write(self.path("m.snarm"), b"old")
        self.run_well(*self.fit())
        self.assertEqual(sample.read(self.path("m.snarm")), sample.read(Shared.model))

    def test_no_pictures(self):
        self.assert_fails(3, ["nothing-here"], *self.fit(images=self.path("nothing-here")))
        os.mkdir(self.path("empty"))
        self.assert_fails(3, [self.path("empty"), "no pictures"], *self.fit(images=self.path("empty")))
        self.assertEqual(sample.all_files(self.folder), [])

    def test_no_place_for_the_model(self):
        self.assert_fails(3, ["none/m.snarm"], *self.fit("--out", self.path("none/m.snarm")))
        self.assert_fails(3, [self.folder], *self.fit("--out", self.folder))

    def test_unreadable_pictures(self):
        for name, make in broken_pictures().items():
            with self.subTest(name):
                bad = self.path(name)
                make(bad)
                self.assert_fails(3, [name], *self.fit("--images", bad))
                os.remove(bad)
                self.assertEqual(sample.all_files(self.folder), [])

    def test_interrupt(self):
        process = subprocess.Popen(
            [SNARM, *self.fit(*["--images", Shared.good] * 200, "--size", "224")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        self.assertEqual((process.returncode, output), (130, b""), errors)
        self.assert_one_line(errors.decode())
        self.assertIn("cancelled", errors.decode())
        self.assertEqual(sample.all_files(self.folder), [])


def broken_pictures():
    """Makers of files that are no pictures, by name."""
    whole = sample.read(os.path.join(Shared.good, "000.png"))
    return {
        "cut.png": lambda path: sample.write(path, whole[: len(whole) // 2]),
        "text.png": lambda path: sample.write(path, b"this is no picture\n"),
        "empty.png": lambda path: sample.write(path, b""),
        "huge.png": sample.huge_png,
    }


class Inspect(CommandCase):
    def inspect(self, *paths, **options):
        return run("inspect", "--model", Shared.model, *paths, **options)

    def check_object(self, line):
        self.assertEqual(
            list(line), ["file", "score", "normalized", "verdict", "threshold", "ms", "map_max", "error"]
        )
        if line["error"] is not None:
            self.assertTrue(line["error"] and "\n" not in line["error"])
            self.assertEqual(
                [line[key] for key in ("score", "normalized", "verdict", "threshold", "ms", "map_max")],
                [None] * 6,
            )
            return
        self.assertIn(line["verdict"], ("normal", "anomalous"))
        self.assertEqual(line["verdict"] == "anomalous", line["score"] >= line["threshold"])
        self.assertEqual(line["verdict"] == "anomalous", line["normalized"] >= 0.5)
        self.assertTrue(0 <= line["normalized"] < 1 and line["ms"] > 0)
        width, height = sample.png_size(line["file"])
        x, y = line["map_max"]
        self.assertTrue(0 <= x <= width and 0 <= y <= height, line)

    def test_json(self):
        code, output, errors = self.inspect("--format", "json", Shared.test, Shared.odd)
        self.assertEqual(code, 0)
        lines = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(len(lines), 25)
        for line in lines:
            self.check_object(line)
        self.assertEqual([line["file"] for line in lines[:24]], sorted(line["file"] for line in lines[:24]))
        self.assertEqual(lines[24]["file"], Shared.odd)
        self.assertEqual(lines[24]["verdict"], "anomalous")
        self.assertEqual(errors.count("\n"), 1)
        self.assertIn("25 images", errors)

    def test_same_bytes_again(self):
        first, second = (
            json.loads(self.inspect("--format=json", "--threads=2", Shared.odd)[1]) for _ in range(2)
        )
        first.pop("ms"), second.pop("ms")
        self.assertEqual(first, second)

    def test_workers(self):
        """The same lines in the same order, whatever runs beside what; each worker on the same one thread."""
        with open(self.path("broken.png"), "wb") as file:
            file.write(b"no picture")
        arguments = "--threads=1", "--heatmaps", Shared.test, self.path("broken.png"), Shared.odd, self.path("missing.png")
        lines, maps = [], []
        for extra in [], ["--workers=2"], ["--workers=4"], ["--workers=1", "--pin"]:
            folder = self.path("maps" + "".join(extra))
            code, output, errors = self.inspect("--format=json", *extra, *arguments[:2], folder, *arguments[2:])
            self.assertEqual(code, 3, errors)
            self.assertIn("broken.png", errors)
            found = [json.loads(line) for line in output.splitlines()]
            for line in found:
                self.assertTrue(line.pop("ms") is None if line["error"] else line.pop("ms") > 0)
            lines.append(found)
            names = sorted(os.path.join(where, name) for where, _, files in os.walk(folder) for name in files)
            maps.append([open(name, "rb").read() for name in names])
        self.assertGreater(len(lines[0]), 5)
        self.assertEqual(sum(line["error"] is not None for line in lines[0]), 2)
        for other in lines[1:]:
            self.assertEqual(other, lines[0])
        self.assertEqual(len(maps[0]), len(lines[0]) - 2)
        for other in maps[1:]:
            self.assertEqual(other, maps[0])
        self.assert_fails(2, ["--workers is '0'"], "inspect", "--model", Shared.model, "--workers=0", Shared.odd)
        self.assert_fails(2, ["--workers is given with --watch"], "inspect", "--model", Shared.model, "--workers=2", "--watch", Shared.test)
        if len(os.sched_getaffinity(0)) < 64:
            self.assert_fails(3, ["pin is 1 with 64 threads"], "inspect", "--quiet", "--model", Shared.model, "--threads=64", "--pin", Shared.odd)

    def test_text(self):
        code, output, errors = self.inspect("--quiet", Shared.good, Shared.odd)
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(len(output.splitlines()), 6)
        self.assertTrue(output.splitlines()[-1].startswith("anomalous "))
        self.assertTrue(output.splitlines()[-1].endswith(" " + Shared.odd))

    def test_odd_names(self):
        names = [
            b"comma, and \"quote\".png",
            b"line\nbreak.png",
            b"not-utf8-\xff.png",
            "\u00e9\u00e8.png".encode(),
            b"-dash.png",
        ]
        for name in names:
            shutil.copy(Shared.odd, os.path.join(os.fsencode(self.folder), name))
        code, output, _ = self.inspect("--format", "csv", self.folder)
        self.assertEqual(code, 0)
        rows = list(csv.reader(io.StringIO(output, newline="")))
        self.assertEqual(rows[0], "file,score,normalized,verdict,threshold,ms,map_x,map_y,error".split(","))
        self.assertEqual(
            sorted(os.fsencode(row[0]) for row in rows[1:]),
            sorted(os.path.join(os.fsencode(self.folder), name) for name in names),
        )
        for row in rows[1:]:
            self.assertEqual((len(row), row[3], row[8]), (9, "anomalous", ""))
            self.assertGreaterEqual(float(row[1]), float(row[4]))
        code, output, _ = self.inspect("--format", "json", self.folder)
        lines = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(len(lines), len(names))
        self.assertIn(self.path("line\nbreak.png"), [line["file"] for line in lines])
        self.assertIn(self.path("not-utf8-\ufffd.png"), [line["file"] for line in lines])
        code, _, _ = self.inspect("--", "-dash.png", cwd=self.folder)
        self.assertEqual(code, 0)

    def test_fail_on_anomaly(self):
        self.assertEqual(self.inspect("--fail-on-anomaly", Shared.odd)[0], 1)
        self.assertEqual(self.inspect(Shared.odd)[0], 0)
        # What was learnt is normal: the threshold lies above it.
        self.assertEqual(self.inspect("--fail-on-anomaly", os.path.join(Shared.good, "000.png"))[0], 0)
        code, _, errors = self.inspect("--quiet", "--fail-on-anomaly", Shared.odd, self.path("none.png"))
        self.assertEqual(code, 3)
        self.assert_one_line(errors)
        self.assertIn("none.png", errors)

    def test_goes_on_after_unreadable_pictures(self):
        for name, make in broken_pictures().items():
            make(self.path(name))
        shutil.copy(Shared.odd, self.path("zz.png"))
        sample.png(self.path("one.png"), 1, 1, lambda x, y: (9, 9, 9))
        for name in "json", "csv", "text":
            with self.subTest(name):
                code, output, errors = self.inspect(
                    "--quiet", "--format", name, self.folder, self.path("missing")
                )
                self.assertEqual(code, 3)
                self.assertEqual(errors.count("\n"), 5, errors)
                for line in errors.splitlines():
                    self.assertTrue(line.startswith("snarm: "), line)
                for bad in list(broken_pictures()) + ["missing"]:
                    self.assertIn(bad, errors)
                if name == "json":
                    lines = {
                        os.path.basename(line["file"]): line for line in map(json.loads, output.splitlines())
                    }
                    for line in lines.values():
                        self.check_object(line)
                    self.assertEqual(
                        {key for key, line in lines.items() if line["error"] is None}, {"zz.png", "one.png"}
                    )
                    self.assertEqual(len(lines), 7)
                elif name == "csv":
                    rows = {
                        os.path.basename(row[0]): row for row in csv.reader(io.StringIO(output, newline=""))
                    }
                    self.assertEqual(rows["empty.png"][1:8], [""] * 7)
                    self.assertIn("empty.png", rows["empty.png"][8])
                else:
                    self.assertEqual(sum(line.startswith("unreadable ") for line in output.splitlines()), 5)

    def test_heat_maps(self):
        for folder in "a", "b", "b/deep":
            os.mkdir(self.path(folder))
            shutil.copy(Shared.odd, self.path(folder, "part.png"))
        shutil.copy(Shared.odd, self.path("b", "part.PNG"))
        maps = self.path("maps", "today")
        code, _, errors = self.inspect(
            "--heatmaps", maps, self.path("a"), self.path("b"), self.path("a", "part.png")
        )
        self.assertEqual(code, 0, errors)
        self.assertEqual(
            sample.all_files(maps), ["deep/part.png", "part-2.png", "part-3.png", "part-4.png", "part.png"]
        )
        for name in sample.all_files(maps):
            self.assertEqual(sample.png_size(os.path.join(maps, name)), (96, 64))
            self.assertNotEqual(sample.read(os.path.join(maps, name)), sample.read(Shared.odd))

    def test_heat_maps_spare_the_pictures(self):
        before = sample.read(shutil.copy(Shared.odd, self.path("part.png")))
        self.assert_fails(
            2,
            ["--heatmaps", "part.png"],
            "inspect",
            "--model",
            Shared.model,
            "--heatmaps",
            self.folder,
            self.folder,
        )
        self.assertEqual(sample.read(self.path("part.png")), before)
        sample.write(self.path("file"), b"")
        code, _, errors = self.inspect("--heatmaps", self.path("file"), Shared.odd)
        self.assertEqual(code, 3)
        self.assert_one_line(errors)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [SNARM, "inspect", "--quiet", "--model", Shared.model, Shared.odd],
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
            )
        self.assertEqual(done.returncode, 3)
        self.assert_one_line(done.stderr.decode())


class Measure(CommandCase):
    def eval(self, *more):
        return ["eval", "--model", Shared.model, "--dataset", Shared.path("parts"), *more]

    def test_eval(self):
        output = self.run_well(*self.eval("--json", self.path("e.json")))
        with open(self.path("e.json"), encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual(list(result["categories"]), ["washer"])
        washer = result["categories"]["washer"]
        self.assertEqual(list(washer)[:8], ["images", *METRICS])
        self.assertEqual(washer["images"], 24)
        for key in METRICS + ["false_alarm_rate", "detection_rate"]:
            self.assertTrue(0 <= washer[key] <= 1, key)
            self.assertEqual(result["mean"][key], washer[key])
        self.assertGreater(result["seconds_per_image"], 0)
        self.assertEqual(sample.all_files(self.folder), ["e.json"])
        lines = output.splitlines()
        self.assertTrue(
            lines[0].startswith("category ")
            and lines[1].startswith("washer ")
            and lines[2].startswith("mean ")
        )
        self.assertAlmostEqual(float(lines[1].split()[2]), washer["image_auroc"], places=3)

    def test_eval_of_an_obvious_defect(self):
        for split in "train", "test":
            shutil.copytree(Shared.good, self.path("set", split, "good"))
        os.makedirs(self.path("set", "test", "wrong part"))
        os.makedirs(self.path("set", "ground_truth", "wrong part"))
        shutil.copy(Shared.odd, self.path("set", "test", "wrong part", "0.png"))
        sample.png(
            self.path("set", "ground_truth", "wrong part", "0.png"), 96, 64, lambda x, y: (255, 255, 255)
        )
        for more in [], ["--full-resolution"]:
            output = self.run_well(
                "eval", "--model", Shared.model, "--dataset", self.path("set"), "--json=-", "--quiet", *more
            )
            result = json.loads(output)["categories"]["set"]
            self.assertEqual([result[key] for key in METRICS[:3]], [1, 1, 1])
            self.assertEqual(
                (result["images"], result["detection_rate"], result["false_alarm_rate"]), (6, 1, 0)
            )
            self.assertGreater(result["pixel_auroc"], 0.9)
            self.assertGreater(result["aupro"], 0.8)

    def test_eval_with_workers(self):
        results = []
        for extra in [], ["--workers=3", "--pin"] if len(os.sched_getaffinity(0)) >= 3 else ["--workers=3"]:
            self.run_well("eval", "--quiet", "--threads=1", *extra, "--model", Shared.model, "--dataset", Shared.path("parts"),
                          "--category", "washer", "--json", self.path("e.json"))
            with open(self.path("e.json"), encoding="utf-8") as file:
                result = json.load(file)
            self.assertGreater(result["seconds_per_image"], 0)
            self.assertGreater(result["seconds_per_image_with_reading"], 0)
            results.append((result["categories"], result["mean"]))
        self.assertEqual(results[0], results[1])

    def test_eval_variants(self):
        code, output, errors = run(
            *self.eval("--json", "-", "--quiet", "--category", "washer", "--layout", "mvtec")
        )
        self.assertEqual((code, errors), (0, ""))
        small = json.loads(output)["categories"]["washer"]
        code, output, errors = run(*self.eval("--json=-", "--full-resolution"))
        self.assertEqual(code, 0)
        self.assertIn("washer ", errors)
        full = json.loads(output)["categories"]["washer"]
        self.assertEqual(small["image_auroc"], full["image_auroc"])
        self.assertNotEqual(small["pixel_ap"], full["pixel_ap"])

    def test_eval_of_a_category_without_defects(self):
        for split in "train", "test":
            shutil.copytree(Shared.good, self.path("good-only", split, "good"))
        code, output, _ = run(
            "eval", "--model", Shared.model, "--dataset", self.folder, "--json", "-", "--quiet"
        )
        self.assertEqual(code, 0)
        result = json.loads(output)["categories"]["good-only"]
        self.assertEqual((result["images"], result["image_auroc"], result["detection_rate"]), (5, None, None))
        self.assertEqual(json.loads(output)["mean"]["aupro"], None)

    def test_eval_of_plain_folders(self):
        shutil.copytree(Shared.good, self.path("bolt", "good"))
        os.makedirs(self.path("bolt", "wrong part"))
        shutil.copy(Shared.odd, self.path("bolt", "wrong part", "0.png"))
        base = ["eval", "--model", Shared.model, "--dataset", self.folder, "--json=-", "--quiet"]
        for layout in "auto", "folders":
            result = json.loads(self.run_well(*base, "--layout", layout))["categories"]["bolt"]
            # Of five good pictures one tests; without masks there is nothing to say about pixels.
            self.assertEqual((result["images"], result["image_auroc"]), (2, 1))
            self.assertEqual([result[key] for key in METRICS[3:]], [None] * len(METRICS[3:]))
        for layout in "mvtec", "visa", "mvtec3d", "btad":
            self.assert_fails(3, ["the layout is folders, expected " + layout], *base, "--layout", layout)
        os.makedirs(self.path("bolt", "ground_truth", "wrong part"))
        sample.png(
            self.path("bolt", "ground_truth", "wrong part", "0.png"), 96, 64, lambda x, y: (255, 255, 255)
        )
        result = json.loads(self.run_well(*base))["categories"]["bolt"]
        self.assertGreater(result["pixel_auroc"], 0.5)

    def test_eval_of_bad_sets(self):
        self.assert_fails(3, ["nowhere"], "eval", "--model", Shared.model, "--dataset", self.path("nowhere"))
        self.assert_fails(3, [self.folder], "eval", "--model", Shared.model, "--dataset", self.folder)
        self.assert_fails(3, ["--category", "'cup'"], *self.eval("--category", "cup"))
        self.assert_fails(3, ["none/e.json"], *self.eval("--json", self.path("none/e.json")))
        self.assert_fails(3, ["none/r.html"], *self.eval("--report", self.path("none/r.html")))
        self.assert_fails(3, [self.folder], *self.eval("--report", self.folder))
        shutil.copytree(Shared.path("parts"), self.path("parts"))
        mask = self.path("parts/washer/ground_truth/chip/002_mask.png")
        sample.write(mask, b"no mask")
        self.assert_fails(
            3, ["002_mask.png"], "eval", "--model", Shared.model, "--dataset", self.path("parts")
        )
        os.remove(mask)
        self.assert_fails(3, ["002"], "eval", "--model", Shared.model, "--dataset", self.path("parts"))

    def test_eval_report(self):
        output = self.run_well(*self.eval("--json", "-", "--quiet", "--report", self.path("r.html")))
        numbers = json.loads(output)["categories"]["washer"]
        page = sample.read(self.path("r.html")).decode()
        self.assertEqual(sample.all_files(self.folder), ["r.html"])
        start = page.index('id="data">') + len('id="data">')
        data = json.loads(page[start : page.index("</script>", start)])
        self.assertEqual(len(data["items"]), 24)
        self.assertEqual([category["name"] for category in data["categories"]], ["washer"])
        for key in METRICS + ["false_alarm_rate", "detection_rate"]:
            self.assertAlmostEqual(data["categories"][0][key], numbers[key], places=9)
        curve = data["categories"][0]["image_curve"]
        good = [item["score"] for item in data["items"] if not item["anomalous"]]
        defective = [item["score"] for item in data["items"] if item["anomalous"]]
        self.assertEqual(curve["threshold"], [None] + sorted({*good, *defective}, reverse=True))
        for threshold, fpr, tpr in list(zip(curve["threshold"], curve["fpr"], curve["tpr"]))[1:]:
            self.assertAlmostEqual(fpr, sum(score >= threshold for score in good) / len(good), places=8)
            self.assertAlmostEqual(tpr, sum(score >= threshold for score in defective) / len(defective), places=8)
        for item in data["items"]:
            self.assertTrue(base64.b64decode(item["image"]).startswith(b"\xff\xd8"))
            self.assertTrue(base64.b64decode(item["map"]).startswith(b"\xff\xd8"))
            self.assertEqual(base64.b64decode(item["mask"])[:4], b"\x89PNG" if item["anomalous"] else b"")
            self.assertEqual(item["anomalous"], not item["name"].startswith("good/"))
        version = self.run_well("--version").split()[-1]
        for fact in "resnet18", version, "weights sha256", "computed in", "search f32":
            self.assertIn(fact, page[page.index("model-title") :])

    def test_bench(self):
        output = self.run_well(
            "bench",
            "--model",
            Shared.model,
            "--runs",
            "3",
            "--warmup",
            "1",
            "--threads",
            "1",
            "--json",
            self.path("b.json"),
        )
        with open(self.path("b.json"), encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual(
            list(result["stages_ms"]), ["preprocess", "backbone", "match", "scorer", "map", "total"]
        )
        for name, stage in result["stages_ms"].items():
            self.assertTrue(0 <= stage["minimum"] <= stage["median"] <= stage["p99"] <= stage["maximum"], name)
            self.assertEqual(stage["p99"], stage["maximum"])  # of so few runs
            self.assertIn("\n" + name, output)
        self.assertEqual(
            (result["runs"], result["machine"]["threads"], result["image"]["file"]), (3, 1, None)
        )
        code, output, errors = run(
            "bench", "--model", Shared.model, "--runs=1", "--image", Shared.odd, "--json=-", "--quiet"
        )
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(json.loads(output)["image"], {"file": Shared.odd, "width": 96, "height": 64})
        self.assertFalse(json.loads(output)["machine"]["pinned"])
        output = self.run_well("bench", "--model", Shared.model, "--runs=100", "--threads=1", "--pin", "--json=" + self.path("b.json"))
        self.assertNotIn("p99 is the maximum", output)
        with open(self.path("b.json"), encoding="utf-8") as file:
            result = json.load(file)
        self.assertTrue(result["machine"]["pinned"])
        total = result["stages_ms"]["total"]
        self.assertLessEqual(total["p99"], total["maximum"])
        self.assert_fails(3, ["none.png"], "bench", "--model", Shared.model, "--image", self.path("none.png"))

    def test_info(self):
        model = json.loads(self.run_well("info", "--json", Shared.model))
        self.assertEqual(
            (model["kind"], model["images"], model["bank"], model["scorer"]), ("model", 5, 200, False)
        )
        self.assertEqual((model["input"], model["grid"], model["layers"]), ([64, 64], [8, 8], [2, 3]))
        weights = json.loads(self.run_well("info", "--json", Shared.weights))
        self.assertEqual((weights["kind"], weights["architecture"]), ("weights", "resnet18"))
        self.assertRegex(self.run_well("info", Shared.weights), r"(?m)^architecture +resnet18$")
        bank = sample.safetensors(
            self.path("bank"), {"vectors": ("F32", [2, 8], b"\0" * 64), "images": ("I32", [2], b"\0" * 8)}
        )
        self.assertEqual(json.loads(self.run_well("info", "--json", bank))["vectors"], 2)
        self.assert_fails(3, ["none"], "info", self.path("none"))
        self.assert_fails(3, ["odd.png"], "info", Shared.odd)
        self.assert_fails(3, [self.folder], "info", self.folder)


class BrokenFiles(CommandCase):
    """Files from outside that are wrong in one way each: one line and exit code 3, whatever they hold."""

    def refuse(self, path, *words):
        out = self.path("out.snarm")
        self.assert_fails(
            3,
            [os.path.basename(path), *words],
            "fit",
            "--images",
            Shared.good,
            "--backbone",
            path,
            *FIT,
            "--out",
            out,
        )
        self.assertFalse(os.path.exists(out))
        self.assert_fails(3, [os.path.basename(path)], "info", path)
        self.assert_fails(3, [os.path.basename(path)], "inspect", "--model", path, Shared.odd)

    def test_missing_tensor(self):
        tensors = sample.random_resnet()
        del tensors["layer2.1.conv2.weight"]
        self.refuse(sample.safetensors(self.path("w"), tensors), "layer2.1.conv2.weight")

    def test_wrong_shape(self):
        tensors = sample.random_resnet()
        kind, _, data = tensors["layer1.0.conv2.weight"]
        tensors["layer1.0.conv2.weight"] = (kind, [64, 576, 1, 1], data)
        self.refuse(sample.safetensors(self.path("w"), tensors), "layer1.0.conv2.weight")

    def test_broken_headers(self):
        tensor = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
        for name, header, size, length in [
            ("overlapping", {"a": tensor, "b": {**tensor, "data_offsets": [8, 24]}}, 24, None),
            ("long-header", {"a": tensor}, 16, 2**60),
            ("longest-header", {"a": tensor}, 16, 2**64 - 1),
            ("header-beyond-the-end", {"a": tensor}, 16, 4096),
            ("beyond-the-end", {"a": {**tensor, "data_offsets": [0, 2**40]}}, 16, None),
            ("backwards", {"a": {**tensor, "data_offsets": [16, 0]}}, 16, None),
            ("negative", {"a": {**tensor, "shape": [-4]}}, 16, None),
            ("overflow", {"a": {**tensor, "shape": [2**32, 2**32]}}, 16, None),
            ("shape-and-size", {"a": {**tensor, "shape": [5]}}, 16, None),
            ("kind", {"a": {**tensor, "dtype": "X9"}}, 16, None),
            ("list", [], 0, None),
            ("nothing", {}, 0, None),
        ]:
            with self.subTest(name):
                self.refuse(sample.raw_safetensors(self.path(name), header, b"\0" * size, length))

    def test_no_safetensors(self):
        self.refuse(sample.write(self.path("empty"), b""))
        self.refuse(sample.write(self.path("short"), b"abc"))
        self.refuse(sample.write(self.path("text"), b"These are no weights of a network.\n" * 9))
        self.refuse(shutil.copy(Shared.odd, self.path("picture")))
        self.refuse(self.path("missing"))
        os.mkdir(self.path("folder"))
        self.refuse(self.path("folder"))

    def test_values_that_are_no_numbers(self):
        tensors = sample.random_resnet()
        kind, shape, data = tensors["conv1.weight"]
        tensors["conv1.weight"] = (kind, shape, b"\xff\xff" + data[2:])
        self.refuse(sample.safetensors(self.path("w"), tensors), "conv1.weight")

    def test_cut_models(self):
        size = os.path.getsize(Shared.model)
        cut = shutil.copy(Shared.model, self.path("cut.snarm"))
        lengths = sorted({*range(0, size, max(size // 25, 1)), 1, 7, 8, 9, 100, 1000, size - 1}, reverse=True)
        for length in lengths:
            os.truncate(cut, length)
            with self.subTest(length=length):
                self.assert_fails(3, ["cut.snarm"], "inspect", "--model", cut, Shared.odd)
        self.assert_fails(3, ["cut.snarm"], "info", cut)
        self.assert_fails(3, ["cut.snarm"], "bench", "--model", cut)
        self.assert_fails(3, ["cut.snarm"], "eval", "--model", cut, "--dataset", Shared.path("parts"))

    def test_changed_models(self):
        """Any byte of the header may be wrong: never a crash, and one line where it is noticed."""
        whole = sample.read(Shared.model)
        header = 8 + int.from_bytes(whole[:8], "little")
        changed = self.path("changed.snarm")
        for at in sorted({*range(0, 16), *range(8, header, max(header // 40, 1))}):
            sample.write(changed, whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
            with self.subTest(at=at):
                code, output, errors = run("inspect", "--quiet", "--model", changed, Shared.odd)
                self.assertIn(code, (0, 3), errors)
                if code == 3:
                    self.assert_one_line(errors)


if __name__ == "__main__":
    try:
        Shared.make()
        if Shared.fitted[0] != 0:
            sys.exit(f"the model could not be made: {Shared.fitted}")
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
