"""--precision: in every command, what is reported, and how little it moves scores.

    test_precision.py SNARM MAKE_PARTS
"""

import json
import os
import shutil
import sys
import unittest

import sample_files as sample
import test_cli as cli
from test_cli import Shared, run

NAMES = ["f32", "bf16", "int8", "auto"]
NO_BF16 = "the processor has no instructions for bf16"
NO_INT8 = "the processor has no instructions for int8"
EXACT = "exact searches are made in f32"
# 29 x 29 patches of each of five pictures: a bank of 4,096 vectors or more gets a filter.
FILTERED = ["--steps", "0", "--size", "232", "--bank-size", "4100", "--layers", "2,3"]
# oneDNN then uses no later instructions than these, whatever the processor has.
OLD_PROCESSOR = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}


class Case(cli.CommandCase):
    def precision_of(self, path, *more, **options):
        """What info says in JSON, which must be what it says in its line."""
        code, output, errors = run("info", "--json", path, *more, **options)
        self.assertEqual((code, errors), (0, ""))
        facts = json.loads(output)["precision"]
        self.assertEqual(list(facts), ["asked", "backbone", "search", "scorer", "note"])
        code, output, _ = run("info", path, *more, **options)
        line = next(line for line in output.splitlines() if line.startswith("precision ")).split(None, 1)[1]
        self.assertEqual(line, self.line_of(facts))
        return facts

    def line_of(self, facts):
        parts = ", ".join(f"{part} {facts[part]}" for part in ("backbone", "search", "scorer") if facts[part] is not None)
        return parts + (f" ({facts['note']})" if facts["note"] else "")

    def check_notes(self, facts, parts, filtered=False):
        """Each part that is f32 although more was asked for has its reason, and no other has one. Auto takes f32 for a search without filter."""
        asked = facts["asked"]
        wanted = {"backbone": asked != "f32", "search": asked == "int8" or (filtered and asked == "auto"), "scorer": asked != "f32"}
        told = {name for piece in facts["note"].split("; ") if piece for name in piece.split(": ")[0].split(", ")}
        self.assertEqual({part for part in facts if part in wanted and facts[part] is not None}, set(parts))
        self.assertEqual(told, {part for part in parts if wanted[part] and facts[part] == "f32"}, facts)
        for part in parts:
            self.assertIn(facts[part], ("f32", "int8" if part == "search" else "bf16"))
            if not wanted[part]:
                self.assertEqual(facts[part], "f32")


class Reports(Case):
    def test_info(self):
        bank = sample.safetensors(
            self.path("bank"), {"vectors": ("F32", [2, 8], b"\0" * 64), "images": ("I32", [2], b"\0" * 8)}
        )
        for name in NAMES:
            with self.subTest(name):
                facts = self.precision_of(Shared.model, "--precision", name)
                self.assertEqual(facts["asked"], name)
                self.check_notes(facts, ["backbone", "search"])
                self.check_notes(self.precision_of(Shared.weights, f"--precision={name}"), ["backbone"])
                self.check_notes(self.precision_of(bank, f"--precision={name}"), ["search"])
        self.assertEqual(self.precision_of(Shared.model)["asked"], "auto")

    def test_filtered_model_with_a_scorer(self):
        model = self.path("m.snarm")
        options = ["--steps", "2", "--samples", "16", "--embedding", "8", *FILTERED[2:]]
        self.run_well("fit", "--images", Shared.good, "--backbone", Shared.weights, *options, "--out", model, "--precision", "f32")
        for name in NAMES:
            facts = self.precision_of(model, "--precision", name)
            self.check_notes(facts, ["backbone", "search", "scorer"], filtered=True)
            self.assertNotIn(EXACT, facts["note"])
            self.assertEqual(facts["backbone"], facts["scorer"])
        facts = self.precision_of(model, env=OLD_PROCESSOR)
        self.assertEqual(facts, {"asked": "auto", "backbone": "f32", "search": "f32", "scorer": "f32",
                                 "note": f"backbone, scorer: {NO_BF16}; search: {NO_INT8}"})

    def test_fit(self):
        for name in "f32", "auto":
            output = self.run_well("fit", "--images", Shared.good, "--backbone", Shared.weights, *cli.FIT, "--out",
                                   self.path("m.snarm"), "--precision", name)
            line = next(line for line in output.splitlines() if line.startswith("precision ")).split(None, 1)[1]
            self.assertEqual(line, self.line_of(self.precision_of(self.path("m.snarm"), "--precision", name)))

    def test_bench(self):
        for name in NAMES:
            output = self.run_well("bench", "--model", Shared.model, "--runs", "1", "--warmup", "0", "--precision", name,
                                   "--json", self.path("b.json"))
            facts = json.loads(sample.read(self.path("b.json")))["precision"]
            self.assertEqual(facts, self.precision_of(Shared.model, "--precision", name))
            self.assertIn("precision: " + self.line_of(facts) + "\n", output)


class Scores(Case):
    def inspect(self, model, name, **options):
        code, output, errors = run("inspect", "--quiet", "--format", "json", "--model", model, "--precision", name, Shared.test,
                                   Shared.odd, **options)
        self.assertEqual((code, errors), (0, ""))
        return [json.loads(line) for line in output.splitlines()]

    def fit(self, name, options, out, **more):
        code, output, errors = run("fit", "--images", Shared.good, "--backbone", Shared.weights, *options, "--out", self.path(out),
                                   "--precision", name, **more)
        self.assertEqual((code, errors), (0, ""))
        return float(next(line for line in output.splitlines() if line.startswith("threshold ")).split()[1])

    def assert_near(self, found, expected):
        """Less than 2% between them on the average. Single pictures may differ by more here, as random weights make distances that
        are small beside the features' length; trained ones do not."""
        self.assertEqual([line["file"] for line in found], [line["file"] for line in expected])
        changes = [abs(one["score"] - other["score"]) / other["score"] for one, other in zip(found, expected)]
        self.assertLess(sum(changes) / len(changes), 0.02)
        self.assertLess(max(changes), 0.06)

    def test_inspections(self):
        for options in cli.FIT, FILTERED:
            threshold = self.fit("f32", options, "m.snarm")
            reference = self.inspect(self.path("m.snarm"), "f32")
            for name in NAMES[1:]:
                found = self.inspect(self.path("m.snarm"), name)
                self.assert_near(found, reference)
                if self.precision_of(self.path("m.snarm"), "--precision", name)["backbone"] == "bf16":
                    self.assertNotEqual([line["score"] for line in found], [line["score"] for line in reference])
            other = self.fit("auto", options, "other.snarm")
            self.assertLess(abs(other - threshold), 0.02 * threshold)
            self.assert_near(self.inspect(self.path("other.snarm"), "auto"), reference)

    def test_without_instructions_all_is_f32(self):
        self.fit("f32", FILTERED, "m.snarm", env=OLD_PROCESSOR)
        self.fit("auto", FILTERED, "other.snarm", env=OLD_PROCESSOR)
        self.assertEqual(sample.read(self.path("m.snarm")), sample.read(self.path("other.snarm")))
        expected = [line["score"] for line in self.inspect(self.path("m.snarm"), "f32", env=OLD_PROCESSOR)]
        for name in NAMES[1:]:
            self.assertEqual([line["score"] for line in self.inspect(self.path("m.snarm"), name, env=OLD_PROCESSOR)], expected)

    def test_eval_and_benchmark(self):
        """They compute in what they are told: in f32 the one's numbers are the other's to the digit."""
        data = self.path("set", "washer")
        shutil.copytree(Shared.path("parts", "washer"), data)
        for name in "f32", "auto":
            self.fit(name, cli.FIT, "m.snarm")
            output = self.run_well("eval", "--quiet", "--model", self.path("m.snarm"), "--dataset", self.path("set"), "--json", "-",
                                   "--precision", name)
            measured = json.loads(output)["categories"]["washer"]
            self.run_well("benchmark", "--quiet", "--dataset", self.path("set"), "--backbone", Shared.weights, *cli.FIT, "--out",
                          self.path(name), "--precision", name)
            result = json.loads(sample.read(self.path(name, "results.json")))
            self.assertEqual(result["options"]["precision"], name)
            seed = result["categories"]["washer"]["seeds"]["0"]
            self.assertEqual({key: seed[key] for key in cli.METRICS}, {key: measured[key] for key in cli.METRICS})


if __name__ == "__main__":
    try:
        Shared.make()
        if Shared.fitted[0] != 0:
            sys.exit(f"the model could not be made: {Shared.fitted}")
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
