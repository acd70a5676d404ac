"""snarm benchmark, and the tables and protocol it shares with eval and fit.

usage: test_benchmark.py SNARM MAKE_PARTS [TEST]...
"""

import csv
import io
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import unittest

import sample_files as sample
import test_cli as cli
from test_cli import SNARM, Shared, run

FIT = ["--steps", "0", "--size", "64", "--bank-size", "60", "--layers", "2,3"]
# Names that need care: in LaTeX, in CSV, and one without defects.
ODD, ODDER, GOOD = '50% a_b & "c", d', "[x]~^{y}#$\\<z>--|", "only good"
COLUMNS = ["image_auroc", "pixel_auroc", "aupro", "pixel_ap", "seconds_per_image", "fit_seconds"]
TIMES = {"fit_seconds", "seconds_per_image", "seconds_per_image_with_reading", "peak_memory_mib", "fit_resumed"}


class Set:
    """A data set of three small categories, made once."""

    @classmethod
    def make(cls):
        cls.path = Shared.path("set")
        source = Shared.path("parts", "washer")
        good = sorted(os.listdir(os.path.join(source, "train", "good")))
        tested = sorted(os.listdir(os.path.join(source, "test", "good")))
        cls.defects = sorted(set(os.listdir(os.path.join(source, "test"))) - {"good"})
        for number, name in enumerate([ODD, ODDER, GOOD]):
            for split, pictures in ("train", good[number : number + 3]), ("test", tested[:2]):
                os.makedirs(os.path.join(cls.path, name, split, "good"))
                for picture in pictures:
                    shutil.copy(os.path.join(source, split, "good", picture),
                                os.path.join(cls.path, name, split, "good", picture))
            for defect in cls.defects[2 * number : 2 * number + 2] if name != GOOD else []:
                for split in "test", "ground_truth":
                    to = os.path.join(cls.path, name, split, defect)
                    os.makedirs(to)
                    for picture in sorted(os.listdir(os.path.join(source, split, defect)))[:2]:
                        shutil.copy(os.path.join(source, split, defect, picture), to)


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return value


def numbers_of(folder):
    """What the tables and results.json of a run say, apart from times."""
    text = sample.read(os.path.join(folder, "table.txt")).decode()
    tex = sample.read(os.path.join(folder, "table.tex")).decode()
    rows = list(csv.reader(io.StringIO(sample.read(os.path.join(folder, "table.csv")).decode(), newline="")))
    with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
        whole = json.load(file)
    return {
        "text": [re.split(r" {2,}", line)[:5] for line in text.splitlines()],
        "tex": [line.split(" & ")[:5] for line in tex.splitlines()],
        "csv": [row[:-4] for row in rows],
        "json": without_times(whole),
    }


class Case(cli.CommandCase):
    def out(self, name="out"):
        return self.path(name)

    def benchmark(self, *more, out="out", dataset=None, fit=FIT):
        return ["benchmark", "--dataset", dataset or Set.path, "--backbone", Shared.weights, *fit, "--out", self.out(out),
                *more]

    def result(self, category, seed, out="out"):
        with open(self.path(out, "results", f"{category}-seed{seed}.json"), encoding="utf-8") as file:
            return json.load(file)

    def run_quietly(self, *arguments):
        code, output, errors = run(*arguments, "--quiet")
        self.assertEqual((code, errors), (0, ""), arguments)
        return output


class Tables(Case):
    def test_own_models(self):
        code, output, errors = run(*self.benchmark("--seeds", "2", "--seed", "4"))
        self.assertEqual(code, 0, errors)
        self.assertEqual(output, sample.read(self.path("out", "table.txt")).decode())
        self.assertEqual(sample.all_files(self.path("out", "results")),
                         sorted(f"{name}-seed{seed}.json" for name in (ODD, ODDER, GOOD) for seed in (4, 5)))
        self.assertEqual(sample.all_files(self.path("out")).count("options.json"), 1)
        for gone in "models", "checkpoints":
            self.assertFalse(os.path.exists(self.path("out", gone)))
        self.check_numbers([ODDER, ODD, GOOD], [4, 5])

    def check_numbers(self, names, seeds):
        """Means and spreads of the tables and of results.json are those of the result files."""
        names = sorted(names, key=str.encode)
        values = {name: [self.result(name, seed) for seed in seeds] for name in names}
        with open(self.path("out", "results.json"), encoding="utf-8") as file:
            whole = json.load(file)
        self.assertEqual(list(whole["categories"]), names)
        with open(self.path("out", "table.csv"), encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        self.assertEqual([row["category"] for row in table], names + ["mean"])
        text = sample.read(self.path("out", "table.txt")).decode().splitlines()
        for column in whole["mean"]:
            means = []
            for row, name in zip(table, names):
                known = [value[column] for value in values[name] if value[column] is not None]
                self.check(whole["categories"][name], column, known)
                self.check_cell(row, column, known)
            for seed in range(len(seeds)):
                known = [values[name][seed][column] for name in names if values[name][seed][column] is not None]
                means += [statistics.fmean(known)] if known else []
            self.check(whole, column, means)
            self.check_cell(table[-1], column, means)
        for line, row in zip(text[1:], table):
            cells = re.split(r" {2,}", line)
            self.assertEqual(cells[0], row["category"])
            for cell, column in zip(cells[1:], COLUMNS):
                spread = row[column + "_spread"]
                self.assertEqual(cell, (row[column] or "-") + (" +- " + spread if spread else ""))

    def check(self, summary, column, known):
        if not known:
            self.assertIsNone(summary["mean"][column])
        else:
            self.assertAlmostEqual(summary["mean"][column], statistics.fmean(known), places=10)
        if len(known) < 2:
            self.assertIsNone(summary["spread"][column])
        else:
            self.assertAlmostEqual(summary["spread"][column], statistics.stdev(known), places=10)

    def check_cell(self, row, column, known):
        if column not in COLUMNS:
            return
        factor, decimals = (1, 3 if column == "seconds_per_image" else 1) if column in TIMES else (100, 1)
        close = 0.51 * 10**-decimals
        self.assertEqual(row[column] == "", not known)
        if known:
            self.assertRegex(row[column], rf"^\d+\.\d{{{decimals}}}$")
            self.assertAlmostEqual(float(row[column]), factor * statistics.fmean(known), delta=close)
        if len(known) > 1:
            self.assertAlmostEqual(float(row[column + "_spread"]), factor * statistics.stdev(known), delta=close)

    def test_one_seed_has_no_spread(self):
        self.run_quietly(*self.benchmark())
        self.check_numbers([ODDER, ODD, GOOD], [0])
        self.assertNotIn("+-", sample.read(self.path("out", "table.txt")).decode())
        self.assertNotIn("\\pm", sample.read(self.path("out", "table.tex")).decode())

    def test_latex(self):
        self.run_quietly(*self.benchmark("--seeds", "2"))
        lines = sample.read(self.path("out", "table.tex")).decode().splitlines()
        self.assertEqual(lines[:2], [r"\begin{tabular}{lrrrrrr}", r"\hline"])
        self.assertEqual(lines[-2:], [r"\hline", r"\end{tabular}"])
        rows = [line.split(" & ") for line in lines if line.endswith(r" \\")]
        odd = r'50\% a\_b \& "c", d'
        odder = (r"{[}x]\textasciitilde{}\textasciicircum{}\{y\}\#\$\textbackslash{}\textless{}z\textgreater{}-{}-"
                 r"\textbar{}")
        names = [line.rsplit(" & ", 6)[0] for line in lines if line.endswith(r" \\")]
        self.assertEqual(names, ["category", odd, odder, "only good", "mean"])
        good = lines[-5].rsplit(" & ", 6)
        self.assertEqual(good[1:5], ["--"] * 4)
        for cell in rows[-1][1:5]:
            self.assertRegex(cell, r"^\$\d+\.\d \\pm \d+\.\d\$$")

    def test_results_hold_what_they_were_made_with(self):
        self.run_quietly(*self.benchmark("--category", ODD, "--neighbours", "2"))
        result = self.result(ODD, 0)
        weights = json.loads(self.run_quietly("info", "--json", Shared.weights))["weights_sha256"]
        self.assertEqual((result["backbone"], result["backbone_sha256"]), ("resnet18", weights))
        self.assertEqual((result["category"], result["seed"], result["train_images"], result["images"]), (ODD, 0, 3, 6))
        options = result["options"]
        self.assertEqual((options["neighbours"], options["bank-size"], options["size"], options["layers"], options["steps"]),
                         (2, 60, [64, 64], [2, 3], 0))
        self.assertEqual((options["smoothing"], options["unified"], options["dataset"], options["precision"]),
                         (None, False, os.path.realpath(Set.path), "auto"))
        for key in "fit_seconds", "seconds_per_image", "seconds_per_image_with_reading", "peak_memory_mib":
            self.assertGreater(result[key], 0)
        for key in cli.METRICS:
            self.assertTrue(0 <= result[key] <= 1, key)
        self.assertEqual(sample.all_files(self.path("out", "results")), [f"{ODD}-seed0.json"])

    def test_kept_models(self):
        self.run_quietly(*self.benchmark("--keep-models", "--category", ODD, "--category", GOOD))
        model = self.path("out", "models", f"{ODD}-seed0.snarm")
        output = self.run_quietly("eval", "--model", model, "--dataset", Set.path, "--category", ODD, "--json", "-")
        measured = json.loads(output)["categories"][ODD]
        self.assertEqual({key: measured[key] for key in cli.METRICS},
                         {key: self.result(ODD, 0)[key] for key in cli.METRICS})
        # The same as fit would make.
        train = os.path.join(Set.path, ODD, "train")
        self.run_quietly("fit", "--images", train, "--backbone", Shared.weights, *FIT, "--out", self.path("m.snarm"))
        self.assertEqual(sample.read(self.path("m.snarm")), sample.read(model))

    def test_unified(self):
        code, output, errors = run(*self.benchmark("--unified", "--seeds", "2"))
        self.assertEqual(code, 0, errors)
        self.assertFalse(os.path.exists(self.path("out", "models")))
        self.check_numbers([ODD, ODDER, GOOD], [0, 1])
        for name in ODD, ODDER, GOOD:
            self.assertEqual(self.result(name, 1)["train_images"], 9)
        self.assertEqual(errors.count("unified, seed 0: fitted on 9 pictures"), 1)
        self.run_quietly(*self.benchmark("--unified", "--keep-models", out="kept"))
        self.assertEqual(sample.all_files(self.path("kept", "models")), ["unified-seed0.json", "unified-seed0.snarm"])
        output = self.run_quietly("eval", "--model", self.path("kept/models/unified-seed0.snarm"), "--dataset", Set.path,
                                  "--json", "-")
        for name in ODD, ODDER, GOOD:
            self.assertEqual(json.loads(output)["categories"][name]["pixel_ap"], self.result(name, 0)["pixel_ap"])

    def test_eval_tables(self):
        arguments = ["eval", "--model", Shared.model, "--dataset", Set.path, "--quiet"]
        plain = self.run_well(*arguments)
        for name in "text", "csv", "latex":
            output = self.run_well(*arguments, "--table", name, "--json", self.path("e.json"))
            self.assertEqual(output.splitlines()[:5], plain.splitlines()[:5])
            with open(self.path("e.json"), encoding="utf-8") as file:
                result = json.load(file)
            table = output.split("\n\n", 1)[1]
            if name == "csv":
                rows = list(csv.DictReader(io.StringIO(table, newline="")))
                self.assertEqual([row["category"] for row in rows], [*result["categories"], "mean"])
                for row, of in zip(rows, [*result["categories"].values(), result["mean"]]):
                    for key in COLUMNS[:4]:
                        if of[key] is None:
                            self.assertEqual(row[key], "")
                        else:
                            self.assertAlmostEqual(float(row[key]), 100 * of[key], delta=0.051)
                    self.assertEqual((row["fit_seconds"], row["fit_seconds_spread"]), ("", ""))
            else:
                self.assertIn("category", table.splitlines()[0 if name == "text" else 2])
                self.assertIn("mean ", table)
        output, errors = run(*arguments, "--table", "latex", "--json", "-")[1:]
        json.loads(output)
        self.assertIn("\\begin{tabular}", errors)


class Resume(Case):
    def setUp(self):
        super().setUp()
        self.reference = {}

    def expected(self, *more):
        self.run_quietly(*self.benchmark(*more, out="whole"))
        return numbers_of(self.path("whole"))

    def stop(self, with_signal, *more, after=lambda self: bool(sample.all_files(self.path("out", "results")))):
        """Begins a run and stops it once something is there; what it said."""
        process = subprocess.Popen([SNARM, *self.benchmark(*more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(60000):
            if after(self) or process.poll() is not None:
                break
            time.sleep(0.002)
        process.send_signal(with_signal)
        output, errors = process.communicate(timeout=300)
        return process.returncode, output.decode(), errors.decode()

    def go_on(self, *more):
        before = {name: sample.read(self.path("out", "results", name))
                  for name in sample.all_files(self.path("out", "results")) if name.endswith(".json")}
        code, _, errors = run(*self.benchmark(*more))
        self.assertEqual(code, 0, errors)
        self.assertEqual(errors.count("finished before, skipped"), len(before), errors)
        for name, content in before.items():
            self.assertEqual(sample.read(self.path("out", "results", name)), content)
        return numbers_of(self.path("out"))

    def interrupt(self, *more):
        expected = self.expected(*more)
        code, output, errors = self.stop(signal.SIGINT, *more)
        self.assertEqual((code, output), (130, ""), errors)
        self.assertEqual(errors.splitlines()[-1].count("snarm: cancelled; "), 1, errors)
        finished = len(sample.all_files(self.path("out", "results")))
        self.assertIn(f"cancelled; {finished} of 12 are finished", errors)
        self.assertFalse(os.path.exists(self.path("out", "table.txt")))
        self.assertEqual(self.go_on(*more), expected)
        self.assertFalse(os.path.exists(self.path("out", "models")))

    def kill(self, *more):
        expected = self.expected(*more)
        self.assertEqual(self.stop(signal.SIGKILL, *more)[0], -signal.SIGKILL)
        self.assertEqual(self.go_on(*more), expected)

    def test_interrupt(self):
        self.interrupt("--seeds", "4")

    def test_interrupt_unified(self):
        self.interrupt("--seeds", "4", "--unified")

    def test_kill(self):
        self.kill("--seeds", "4")

    def test_kill_unified(self):
        self.kill("--seeds", "4", "--unified")

    def test_a_model_for_all_outlasts_a_stop(self):
        code, _, errors = self.stop(signal.SIGINT, "--unified")
        if code == 0:
            self.skipTest("it was over before it could be stopped")
        self.assertEqual(code, 130, errors)
        self.assertEqual(sample.all_files(self.path("out", "models")), ["unified-seed0.json", "unified-seed0.snarm"])
        errors = run(*self.benchmark("--unified"))[2]
        self.assertIn("unified, seed 0: fitted before\n", errors)
        self.assertFalse(os.path.exists(self.path("out", "models")))

    def test_training_goes_on(self):
        training = ["--samples", "24", "--embedding", "8", "--category", ODD, "--steps", "300"]
        fit = ["--size", "64", "--bank-size", "60", "--layers", "2,3"]

        def benchmark(out):
            return self.benchmark(*training, out=out, fit=fit)

        self.run_quietly(*benchmark("whole"))
        expected = numbers_of(self.path("whole"))
        checkpoint = self.path("out", "checkpoints", ODD + "-seed0")
        process = subprocess.Popen([SNARM, *benchmark("out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first = None
        while process.poll() is None:  # until the second one is there
            if os.path.exists(checkpoint):
                first = first or os.stat(checkpoint).st_ino
                if os.stat(checkpoint).st_ino != first:
                    break
            time.sleep(0.005)
        process.kill()
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.run_quietly(*benchmark("out"))
        self.assertEqual(numbers_of(self.path("out")), expected)
        self.assertTrue(self.result(ODD, 0)["fit_resumed"])
        self.assertFalse(self.result(ODD, 0, "whole")["fit_resumed"])
        self.assertFalse(os.path.exists(self.path("out", "checkpoints")))

    def test_fit_only(self):
        self.run_quietly(*self.benchmark(out="whole"))
        code, output, errors = run(*self.benchmark("--fit-only"))
        self.assertEqual((code, output), (0, ""), errors)
        models = sample.all_files(self.path("out", "models"))
        self.assertEqual(len(models), 6)
        self.assertEqual(sample.all_files(self.path("out", "results")), [])
        self.assertEqual(run(*self.benchmark("--fit-only"))[2].count("fitted before, skipped"), 3)
        code, _, errors = run(*self.benchmark())
        self.assertEqual((code, errors.count("fitted before")), (0, 3), errors)
        self.assertEqual(numbers_of(self.path("out")), numbers_of(self.path("whole")))
        self.assertEqual(sample.all_files(self.path("out", "models")), models)

    def test_more_seeds_and_categories(self):
        self.run_quietly(*self.benchmark("--category", ODD))
        self.run_quietly(*self.benchmark("--seeds", "2"))
        code, _, errors = run(*self.benchmark("--seeds", "2"))
        self.assertEqual((code, errors.count("finished before, skipped")), (0, 6))
        self.run_quietly(*self.benchmark("--seeds", "2", out="whole"))
        self.assertEqual(numbers_of(self.path("out")), numbers_of(self.path("whole")))

    def test_other_options_are_refused(self):
        self.run_quietly(*self.benchmark("--category", ODD))
        before = sample.all_files(self.path("out"))
        other = sample.safetensors(self.path("other"), sample.random_resnet(2))
        for words, more in [
            (["--bank-size was 60", "61"], ["--bank-size", "61"]),
            (["--neighbours was not given", "3"], ["--neighbours", "3"]),
            (["--unified was false", "true"], ["--unified"]),
            (["--size was [64,64]", "[72,64]"], ["--size", "72,64"]),
            (["--layers was [2,3]", "[2]"], ["--layers", "2"]),
            (["--smoothing was not given", "3.25"], ["--smoothing", "3.25"]),
            (["--full-resolution"], ["--full-resolution"]),
            (["--threads"], ["--threads", "1"]),
            (['--precision was "auto"', '"f32"'], ["--precision", "f32"]),
            (["--backbone-sha256"], ["--backbone", other]),
        ]:
            with self.subTest(more):
                self.assert_fails(2, ["options.json", *words], *self.benchmark("--category", ODD, *more))
        copied = Shared.path("set-copy")
        shutil.copytree(Set.path, copied)
        self.assert_fails(2, ["--dataset", "set-copy"], *self.benchmark("--category", ODD, dataset=copied))
        self.assertEqual(sample.all_files(self.path("out")), before)
        # A result of another run, put among these.
        self.run_quietly(*self.benchmark("--category", ODD, "--bank-size", "61", out="foreign"))
        name = f"{ODD}-seed0.json"
        shutil.copy(self.path("foreign", "results", name), self.path("out", "results", name))
        self.assert_fails(2, [name, "--bank-size"], *self.benchmark("--category", ODD))

    def test_broken_results(self):
        self.run_quietly(*self.benchmark("--category", GOOD, "--category", ODD))
        path = self.path("out", "results", f"{ODD}-seed0.json")
        whole = sample.read(path)
        good = json.loads(whole)

        def changed(**values):
            return json.dumps({**good, **values}).encode()

        contents = {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "list": b"[]",
            "object": b"{}",
            "text": b"no numbers\n",
            "zeros": b"\0" * 100,
            "deep": b"[" * 100000,
            "large": b" " * (1 << 20) + whole,
            "duplicate": whole.rstrip()[:-1] + b', "seed": 0}',
            "above 1": changed(pixel_ap=1.5),
            "negative": changed(aupro=-0.1),
            "word": changed(image_auroc="good"),
            "nan": whole.replace(b'"image_ap": ', b'"image_ap": NaN, "x": ', 1),
            "infinite": whole.replace(b'"fit_seconds": ', b'"fit_seconds": 1e999, "x": ', 1),
            "no seconds": changed(fit_seconds=None),
            "other category": changed(category=GOOD),
            "other seed": changed(seed=1),
            "seed of another kind": changed(seed=0.0),
            "images": changed(images=7),
            "training images": changed(train_images=10**30),
            "hash": changed(backbone_sha256="0" * 64),
            "network": changed(backbone="x" * 200),
            "network as number": changed(backbone=3),
            "options": changed(options=None),
            "flag": changed(fit_resumed=0),
        }
        for name, content in contents.items():
            with self.subTest(name):
                sample.write(path, content)
                self.assert_fails(3, [f"{ODD}-seed0.json", "remove this file"], *self.benchmark("--category", ODD))
                self.assertEqual(sample.read(path), content)
        for value in good:
            with self.subTest(without=value):
                sample.write(path, json.dumps({key: item for key, item in good.items() if key != value}).encode())
                self.assert_fails(3, [f"{ODD}-seed0.json", value], *self.benchmark("--category", ODD))
        os.remove(path)
        os.mkdir(path)
        self.assert_fails(3, [f"{ODD}-seed0.json"], *self.benchmark("--category", ODD))
        os.rmdir(path)
        os.mkfifo(path)
        self.assert_fails(3, [f"{ODD}-seed0.json"], *self.benchmark("--category", ODD))
        os.remove(path)
        os.symlink("nowhere", path)
        self.assert_fails(3, [f"{ODD}-seed0.json"], *self.benchmark("--category", ODD))
        os.remove(path)
        self.run_quietly(*self.benchmark("--category", ODD))
        self.assertEqual(without_times(self.result(ODD, 0)), without_times(good))
        sample.write(self.path("out", "options.json"), b"{")
        self.assert_fails(3, ["options.json"], *self.benchmark("--category", ODD))

    def test_broken_records(self):
        self.run_quietly(*self.benchmark("--fit-only", "--category", ODD))
        record, model = (self.path("out", "models", f"{ODD}-seed0.{end}") for end in ("json", "snarm"))
        whole, bytes_of_model = sample.read(record), sample.read(model)
        for content in b"", b"{}", whole.replace(b'"kept": true', b'"kept": 1'):
            sample.write(record, content)
            self.assert_fails(3, [f"{ODD}-seed0.json"], *self.benchmark("--category", ODD))
        sample.write(record, whole)
        sample.write(model, bytes_of_model[:1000])
        self.assert_fails(3, [f"{ODD}-seed0.snarm"], *self.benchmark("--category", ODD))
        # Another model under its name.
        shutil.copy(Shared.model, model)
        self.assert_fails(3, [f"{ODD}-seed0.snarm", "pictures"], *self.benchmark("--category", ODD))
        os.remove(model)
        code, _, errors = run(*self.benchmark("--category", ODD))
        self.assertEqual((code, errors.count("fitted on 3 pictures")), (0, 1), errors)


class Usage(Case):
    def test_what_is_missing(self):
        self.assert_fails(2, ["--dataset"], "benchmark", "--out", "x", "--backbone", "y")
        self.assert_fails(2, ["--out"], "benchmark", "--dataset", "x", "--backbone", "y")
        self.assert_fails(2, ["--images"], "benchmark", "--images", "x")
        self.assert_fails(2, ["--seeds", "'0'"], "benchmark", "--seeds", "0")
        self.assert_fails(2, ["--layout", "'shelf'"], "benchmark", "--layout", "shelf")
        self.assert_fails(3, ["nowhere"], *self.benchmark(dataset=self.path("nowhere")))
        self.assert_fails(3, ["--category", "'cup'"], *self.benchmark("--category", "cup"))
        self.assert_fails(3, ["none.safetensors"], *self.benchmark("--backbone", self.path("none.safetensors")))
        self.assert_fails(2, ["--textures", "nothing is trained"], *self.benchmark("--textures", Shared.good))
        self.assert_fails(3, ["/dev/null"], *self.benchmark("--out", "/dev/null"))
        self.assertEqual(sample.all_files(self.folder), [])
        # What only the network can tell.
        self.assert_fails(2, ["65"], *self.benchmark("--size", "65"))

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SNARM, *self.benchmark("--quiet")], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assert_one_line(done.stderr.decode())

    def test_a_category_that_cannot_be_read(self):
        shutil.copytree(Set.path, self.path("set"))
        bad = self.path("set", ODDER, "train", "good", "zz.png")
        sample.write(bad, b"no picture")
        code, output, errors = run(*self.benchmark("--quiet", dataset=self.path("set")))
        self.assertEqual((code, output), (3, ""))
        self.assert_one_line(errors)
        self.assertIn("zz.png", errors)
        os.remove(bad)
        code, _, errors = run(*self.benchmark(dataset=self.path("set")))
        self.assertEqual((code, errors.count("finished before, skipped")), (0, 1), errors)


class Protocol(Case):
    def test_contradictions(self):
        for command in self.benchmark(fit=[]), ["fit", "--images", Shared.good, "--backbone", Shared.weights, "--out",
                                                self.path("m.snarm")]:
            for name, given, shown, needed in [
                ("--size", "64", "64,64", "392"),
                ("--resize", "448,449", "448,449", "448"),
                ("--bank-size", "20000", "20000", "100000"),
                ("--neighbours", "1", "1", "3"),
                ("--smoothing", "0", "0", "4"),
            ]:
                self.assert_fails(2, [name, f"'{shown}'", "--protocol paper needs " + needed], *command, "--protocol",
                                  "paper", name, given)
        self.assert_fails(2, ["--full-resolution"], *self.benchmark("--protocol", "paper", "--full-resolution", fit=[]))
        self.assert_fails(2, ["--protocol", "'ours'"], *self.benchmark("--protocol", "ours"))
        self.assert_fails(2, ["--full-resolution"], "eval", "--model", Shared.model, "--dataset", Set.path, "--protocol",
                          "paper", "--full-resolution")
        self.assertEqual(sample.all_files(self.folder), [])

    def test_other_models(self):
        self.assert_fails(3, [Shared.model, "resize 64x64 instead of 448x448", "size 64x64 instead of 392x392",
                              "a bank of 200 instead of 320", "neighbours 1 instead of 3"],
                          "eval", "--model", Shared.model, "--dataset", Set.path, "--protocol", "paper")

    def test_protocol(self):
        shutil.copytree(os.path.join(Set.path, ODDER), self.path("set", "x"))
        pictures = os.path.join(self.path("set", "x", "train", "good"))
        for name in sorted(os.listdir(pictures))[2:]:
            os.remove(os.path.join(pictures, name))
        fit = ["--steps", "0", "--layers", "2,3", "--size", "392"]
        self.run_quietly(*self.benchmark("--protocol", "paper", "--keep-models", dataset=self.path("set"), fit=fit))
        model = self.path("out", "models", "x-seed0.snarm")
        info = json.loads(self.run_quietly("info", "--json", model))
        self.assertEqual((info["resize"], info["input"], info["neighbours"], info["smoothing"], info["bank"]),
                         ([448, 448], [392, 392], 3, 4, 2 * 49 * 49))
        arguments = ["eval", "--model", model, "--dataset", self.path("set"), "--json", "-"]
        measured = json.loads(self.run_quietly(*arguments, "--protocol", "paper"))["categories"]["x"]
        for key in cli.METRICS:
            self.assertEqual(measured[key], self.result("x", 0)[key])
        self.assertEqual(self.result("x", 0)["options"]["protocol"], "paper")


if __name__ == "__main__":
    try:
        Shared.make()
        if Shared.fitted[0] != 0:
            sys.exit(f"the model could not be made: {Shared.fitted}")
        Set.make()
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
