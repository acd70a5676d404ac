"""The built-in network from the shell: the default of fit and benchmark, by its name, shown by info; and what is said where the
library was built without it.

usage: test_builtin.py SNARM MAKE_PARTS
SNARM_BUILTIN_NETWORK in the environment: 1 or 0, the build's option.
"""

import hashlib
import json
import os
import shutil
import sys
import unittest

import sample_files as sample
import test_cli as cli
from test_cli import FIT, METRICS, Shared, run

THERE = os.environ["SNARM_BUILTIN_NETWORK"] == "1"
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "backbone", "builtin", "network.safetensors")


class Case(cli.CommandCase):
    def fit(self, *more, out="m.snarm"):
        return ["fit", "--images", Shared.good, *FIT, *more, "--out", self.path(out)]

    def info(self, path):
        return json.loads(self.run_well("info", "--json", path))

    def inspect(self, model):
        code, output, errors = run("inspect", "--quiet", "--model", self.path(model), "--format", "json", Shared.odd)
        self.assertEqual((code, errors), (0, ""))
        return {key: value for key, value in json.loads(output).items() if key != "ms"}


@unittest.skipUnless(THERE, "built without the network")
class BuiltIn(Case):
    def test_fit_takes_it_without_being_told(self):
        plain = self.run_well(*self.fit())
        named = self.run_well(*self.fit("--backbone", "builtin", out="named.snarm"))
        file = self.run_well(*self.fit("--backbone", FILE, out="file.snarm"))
        name = self.info("builtin")["network"]
        self.assertNotEqual(name, "")
        for output in plain, named:
            self.assertRegex(output, rf"(?m)^backbone     {name} \(built in\): resnet18, 64 x 64 pixels$")
        self.assertRegex(file, rf"(?m)^backbone     {name}: resnet18, 64 x 64 pixels$")
        self.assertEqual(sample.read(self.path("m.snarm")), sample.read(self.path("named.snarm")))
        self.assertEqual(sample.read(self.path("m.snarm")), sample.read(self.path("file.snarm")))
        self.assertEqual(self.inspect("m.snarm"), self.inspect("file.snarm"))

    def test_fit_trains_on_it(self):
        output = self.run_well("fit", "--images", Shared.good, "--steps", "4", "--samples", "24", "--embedding", "8", "--size", "64",
                               "--bank-size", "200", "--out", self.path("m.snarm"))
        self.assertIn("4 of 4 steps", output)
        self.assertTrue(self.info(self.path("m.snarm"))["scorer"])

    def test_a_file_of_that_name(self):
        shutil.copy(Shared.weights, self.path("builtin"))
        here = {"cwd": self.folder}
        code, output, errors = run(*self.fit("--backbone", "./builtin"), **here)
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(output, r"(?m)^backbone     resnet18, 64 x 64 pixels$")
        self.assertEqual(self.info(self.path("m.snarm"))["weights_sha256"], self.info(Shared.weights)["weights_sha256"])
        code, output, errors = run("info", "builtin", **here)
        self.assertEqual((code, errors), (0, ""))
        self.assertNotIn(self.info(Shared.weights)["weights_sha256"], output)
        self.assert_fails(3, ["no/builtin"], *self.fit("--backbone", "no/builtin"))
        self.assert_fails(2, ["--backbone is ''"], *self.fit("--backbone", ""))

    def test_info(self):
        facts = self.info("builtin")
        self.assertEqual((facts["file"], facts["kind"], facts["architecture"]), ("builtin", "weights", "resnet18"))
        self.assertEqual((facts["layers"], facts["stride"], facts["input"], facts["grid"]), ([2, 3], 8, [392, 392], [49, 49]))
        self.assertEqual(facts["weights_sha256"], hashlib.sha256(sample.read(FILE)).hexdigest())
        for key in "network", "licence":
            self.assertNotEqual(facts[key], "", key)
        for key in "mean", "std":
            self.assertEqual(len(facts[key]), 3)
            self.assertTrue(all(0 < value < 1 and value == round(value, 6) for value in facts[key]), facts)
        text = self.run_well("info", "builtin")
        self.assertEqual([line.split()[0] for line in text.splitlines()], list(facts))
        lines = dict(line.split(None, 1) for line in text.splitlines())
        self.assertEqual((lines["network"], lines["stride"], lines["licence"]), (facts["network"], "8", facts["licence"]))
        self.assertEqual(lines["mean"], json.dumps(facts["mean"]))
        # The same of a model that holds it.
        self.run_well(*self.fit())
        model = self.info(self.path("m.snarm"))
        for key in "network", "architecture", "licence", "weights_sha256", "layers", "stride", "mean", "std":
            self.assertEqual(model[key], facts[key], key)

    def test_benchmark(self):
        run_of = ["benchmark", "--dataset", Shared.path("parts"), *FIT, "--quiet", "--out"]
        code, output, errors = run(*run_of, self.path("out"))
        self.assertEqual((code, errors), (0, ""))
        with open(self.path("out", "results.json"), encoding="utf-8") as file:
            results = json.load(file)
        self.assertEqual((results["backbone"], results["backbone_sha256"]), ("resnet18", self.info("builtin")["weights_sha256"]))
        self.assertEqual([key for key in METRICS if key not in results["mean"]], [])
        # By name it is the same run, which is finished; by its file too.
        for backbone in "builtin", FILE:
            code, again, errors = run(*run_of, self.path("out"), "--backbone", backbone)
            self.assertEqual((code, again, errors), (0, output, ""))
        self.assert_fails(2, ["backbone-sha256"], *run_of, self.path("out"), "--backbone", Shared.weights)


@unittest.skipIf(THERE, "built with the network")
class Absent(Case):
    def test_it_is_said(self):
        for arguments in (self.fit(), self.fit("--backbone", "builtin"), ["info", "builtin"],
                          ["benchmark", "--dataset", Shared.path("parts"), *FIT, "--out", self.path("out")]):
            self.assert_fails(3, ["the built-in network", "built without it", "builtin_network"], *arguments)
        self.run_well(*self.fit("--backbone", Shared.weights))
        self.run_well(*self.fit("--backbone", FILE))  # a file like others


class Files(Case):
    def test_info_of_a_file_states_what_its_features_are(self):
        facts = self.info(Shared.weights)
        self.assertEqual((facts["network"], facts["layers"], facts["stride"]), ("", [2, 3], 8))
        self.assertEqual((facts["mean"], facts["std"]), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        self.assertRegex(self.run_well("info", Shared.weights), r"(?m)^network +-$")


if __name__ == "__main__":
    Shared.make()
    try:
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
