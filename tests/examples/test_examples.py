"""The ladder of examples from outside: what each prints, what it writes, and how it ends.

usage: test_examples.py SNARM MAKE_PARTS NAME PROGRAM [NAME PROGRAM]...
"""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
import sample_files as sample  # noqa: E402

SNARM, MAKE_PARTS = map(os.path.abspath, sys.argv[1:3])
PROGRAMS = dict(zip(sys.argv[3::2], map(os.path.abspath, sys.argv[4::2])))
# Waiting threads that spin would take the cores of the tests beside this one.
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "passive"}


def run(program, *arguments):
    """Exit code, stdout and stderr."""
    command = [PROGRAMS.get(program, program), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=300, env=ENVIRONMENT, text=True)
    return done.returncode, done.stdout, done.stderr


def interrupt(program, *arguments, when, stream):
    """Sends SIGINT once a line or progress that matches comes; exit code, stdout and stderr."""
    command = [PROGRAMS[program], *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env={**ENVIRONMENT, "LC_ALL": "C"}, bufsize=0) as process:
        seen = b""
        while not re.search(when, seen):
            piece = getattr(process, stream).read(1)
            assert piece, f"{program} ended before {when!r}: {seen!r}"
            seen += piece
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    both = {"stdout": stdout, "stderr": stderr}
    both[stream] = seen + both[stream]
    return process.returncode, both["stdout"].decode(), both["stderr"].decode()


def tensors(path):
    """{name: (dtype, shape)} of a safetensors file."""
    data = sample.read(path)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    assert max(item["data_offsets"][1] for item in header.values()) + 8 + length == len(data), path
    return {name: (item["dtype"], item["shape"]) for name, item in header.items()}


class Shared:
    """What is made once: parts, weights, a model."""

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.root, *names)

    @classmethod
    def make(cls, root):
        cls.root = root
        for product in "washer", "fabric":
            code, _, said = run(MAKE_PARTS, cls.path("parts"), "--count", "12", "--product", product)
            assert code == 0, said
        cls.washers, cls.fabrics = cls.path("parts", "washer"), cls.path("parts", "fabric")
        cls.good = os.path.join(cls.washers, "train", "good")
        cls.weights = sample.safetensors(cls.path("weights.safetensors"), sample.random_resnet())
        cls.model = cls.path("washer.snarm")
        fit = ["--backbone", cls.weights, "--size", "288", "--layers", "1,2", "--bank-size", "1000", "--steps", "0"]
        code, _, said = run(SNARM, "fit", "--images", cls.good, *fit, "--out", cls.model)
        assert code == 0, said
        # Unlike anything that was learnt.
        cls.odd = sample.png(cls.path("odd.png"), 96, 64, lambda x, y: (255, 40, 255 * (x // 8 % 2)))


class ScoreImage(unittest.TestCase):
    program = "score_image"
    line = re.compile(r"(.*): (normal|anomalous), score (\S+), threshold (\S+), normalized (\S+)\n")

    def score(self, path, *more):
        code, out, said = run(self.program, Shared.model, path, *more)
        found = self.line.match(out)
        self.assertTrue(found, out + said)
        self.assertEqual((found[1], said), (path, ""))
        self.assertEqual(code, {"normal": 0, "anomalous": 1}[found[2]])
        self.assertEqual(float(found[3]) >= float(found[4]), found[2] == "anomalous")
        return float(found[3]), found[2], out

    def test_verdicts_and_scores_are_those_of_the_command(self):
        pictures = [os.path.join(Shared.washers, "test", kind, "000.png") for kind in ("good", "stain", "scratch")]
        pictures.append(Shared.odd)
        code, out, said = run(SNARM, "inspect", "--model", Shared.model, "--format", "json", *pictures)
        self.assertEqual(code, 0, said)
        expected = {line["file"]: line for line in map(json.loads, out.splitlines())}
        scores = []
        for path in pictures:
            score, verdict, _ = self.score(path)
            self.assertAlmostEqual(score, expected[path]["score"], delta=1e-3 * score)
            self.assertEqual(verdict, expected[path]["verdict"])
            scores.append(score)
        self.assertEqual(scores[0], min(scores))
        self.assertEqual(scores[3], max(scores))
        self.assertEqual(self.score(Shared.odd)[1], "anomalous")

    def test_heat_map_has_the_size_of_the_picture(self):
        heat = Shared.path(self.program + "-heat.png")
        _, _, out = self.score(Shared.odd, heat)
        self.assertEqual(sample.png_size(heat), (96, 64))
        x, y = map(float, re.search(r"most suspicious at x (\d+), y (\d+) of 96x64 pixels", out).groups())
        self.assertTrue(0 <= x <= 96 and 0 <= y <= 64, out)
        code, read, _ = run(self.program, Shared.model, heat) # it is a picture that can be read
        self.assertIn(code, (0, 1), read)

    def test_failures(self):
        for arguments, name in (
            (["nothing.snarm", Shared.odd], "nothing.snarm"),
            ([Shared.weights, Shared.odd], "weights.safetensors"),
            ([Shared.model, "nothing.png"], "nothing.png"),
            ([Shared.model, Shared.weights], "weights.safetensors"),
            ([Shared.model, Shared.odd, "no/folder/heat.png"], "no/folder/heat.png"),
        ):
            code, _, said = run(self.program, *arguments)
            self.assertEqual(code, 3, arguments)
            self.assertTrue(said.startswith("score_image: ") and name in said, said)


@unittest.skipUnless("score_image_cpp" in PROGRAMS, "there is no C++ compiler")
class ScoreImageInCpp(ScoreImage):
    program = "score_image_cpp"

    def test_prints_what_the_one_in_c_prints(self):
        for path in Shared.odd, os.path.join(Shared.washers, "test", "good", "001.png"):
            self.assertEqual(run("score_image", Shared.model, path), run(self.program, Shared.model, path))


class BuildBank(unittest.TestCase):
    def test_writes_a_bank_and_scores_each_picture_without_its_own_vectors(self):
        banks = [Shared.path("first.bank"), Shared.path("again.bank")]
        outputs = [run("build_bank", Shared.weights, Shared.good, bank, "300") for bank in banks]
        code, out, said = outputs[0]
        self.assertEqual((code, said), (0, ""))
        self.assertRegex(out, r"^300 of \d+ vectors of \d+ channels from 12 pictures\n")
        found = tensors(banks[0])
        channels = int(re.search(r"of (\d+) channels", out)[1])
        self.assertEqual(found["vectors"], ("F32", [300, channels]))
        self.assertEqual(found["images"], ("I32", [300]))
        scores = dict(re.findall(r"^(.*\.png): (\S+)$", out, re.M))
        self.assertEqual([os.path.basename(name) for name in scores], [f"{i:03}.png" for i in range(12)])
        self.assertTrue(all(0 < float(score) < 1e6 for score in scores.values()), scores)
        self.assertEqual(outputs[1], outputs[0])
        self.assertEqual(sample.read(banks[1]), sample.read(banks[0]))

    def test_failures(self):
        for arguments, name in (
            (["nothing.safetensors", Shared.good, "x.bank"], "nothing.safetensors"),
            ([Shared.weights, "nothing", "x.bank"], "nothing"),
            ([Shared.weights, Shared.good, "no/folder/x.bank", "10"], "no/folder/x.bank"),
        ):
            code, _, said = run("build_bank", *arguments)
            self.assertEqual(code, 3, arguments)
            self.assertIn(name, said)


class Train(unittest.TestCase):
    def test_trains_and_writes_a_model_that_inspects(self):
        model = Shared.path("trained.snarm")
        code, out, said = run("train", Shared.weights, Shared.good, model, "20", "32")
        self.assertEqual(code, 0, said)
        self.assertRegex(out, r"^12 pictures, \d+ bank vectors, threshold \S+\ntrained 20 of 20 steps in \d+ s, weights")
        values = [float(value) for value in re.findall(r"(?:precision|AUROC|distances) (\d\.\d+)", out)]
        self.assertTrue(len(values) == 4 and all(0 <= value <= 1 for value in values), out)
        self.assertIn("features", said)
        self.assertIn("step 20 of 20", said)
        code, out, said = run("score_image", model, Shared.odd)
        self.assertIn(code, (0, 1), said)
        code, out, said = run(SNARM, "info", model)
        self.assertEqual(code, 0, said)
        self.assertIn("scorer", out)

    def test_interrupt_while_training_keeps_the_best_weights(self):
        model = Shared.path("interrupted.snarm")
        arguments = [Shared.weights, Shared.good, model, "100000", "32"]
        code, out, said = interrupt("train", *arguments, when=rb"step [1-9]\d* of 100000", stream="stderr")
        self.assertEqual(code, 0, said)
        self.assertRegex(out, r"trained \d+ of 100000 steps in \d+ s, ended early")
        self.assertIn(run("score_image", model, Shared.odd)[0], (0, 1))

    def test_interrupt_before_leaves_nothing(self):
        model = Shared.path("cancelled.snarm")
        arguments = [Shared.weights, Shared.good, model, "100000", "32"]
        code, _, said = interrupt("train", *arguments, when=rb"features", stream="stderr")
        self.assertEqual(code, 3, said)
        self.assertIn("train: cancelled", said)
        self.assertFalse(os.path.exists(model))


class EvaluateFolder(unittest.TestCase):
    def test_metrics_are_those_of_the_command(self):
        report, table = Shared.path("report.html"), Shared.path("eval.json")
        code, out, said = run("evaluate_folder", Shared.model, Shared.washers, report)
        self.assertEqual((code, said), (0, ""))
        eval_ = ["eval", "--model", Shared.model, "--dataset", Shared.path("parts"), "--category", "washer"]
        self.assertEqual(run(SNARM, *eval_, "--json", table)[0], 0)
        expected = json.loads(sample.read(table))["categories"]["washer"]
        printed = dict(re.findall(r"^(\S+ \S+|AUPRO)\s+(\d\.\d{4})$", out, re.M))
        for name, key in (
            ("image AUROC", "image_auroc"),
            ("pixel AUROC", "pixel_auroc"),
            ("pixel AP", "pixel_ap"),
            ("AUPRO", "aupro"),
        ):
            self.assertAlmostEqual(float(printed[name]), expected[key], delta=1e-4)
        # Painted defects stand out even for a network of random weights: chance would be 0.5.
        self.assertGreater(expected["image_auroc"], 0.7)
        self.assertGreater(expected["pixel_auroc"], 0.9)
        self.assertRegex(out, r"images +24, 16 of them defective\n")
        self.assertRegex(out, r"at threshold  \d+ of 16 defective found, \d+ of 8 good called anomalous\n")
        page = sample.read(report).decode()
        self.assertTrue(page.startswith("<!") and "washer" in page and page.rstrip().endswith("</html>"))

    def test_failures(self):
        for arguments, name in (
            ([Shared.model, "nothing"], "nothing"),
            ([Shared.model, Shared.good], "good"),
            ([Shared.model, Shared.washers, "no/folder/r.html"], "no/folder/r.html"),
        ):
            code, _, said = run("evaluate_folder", *arguments)
            self.assertEqual(code, 3, arguments)
            self.assertIn(name, said)


class CameraLoop(unittest.TestCase):
    last = re.compile(r"(\d+) inspected, (\d+) anomalous, (\d+) dropped; latency p50 (\S+) ms, p99 (\S+) ms\n$")

    def loop(self, code, out, said):
        """Numbers of the frames inspected, in order, and of those dropped."""
        self.assertEqual((code, said), (0, ""))
        frames = re.findall(r"^frame (\d+) (normal|anomalous) score \S+ latency (\S+) ms$", out, re.M)
        inspected, anomalous, dropped, p50, p99 = self.last.search(out).groups()
        self.assertEqual(len(out.splitlines()), len(frames) + 1)
        self.assertEqual(int(inspected), len(frames))
        self.assertEqual(int(anomalous), sum(verdict == "anomalous" for _, verdict, _ in frames))
        latencies = sorted(float(latency) for _, _, latency in frames)
        self.assertEqual(float(p50), latencies[len(latencies) // 2])
        self.assertEqual(float(p99), latencies[len(latencies) * 99 // 100])
        return [int(number) for number, _, _ in frames], int(dropped)

    def folder(self):
        return os.path.join(Shared.washers, "test", "good")

    def test_wait_inspects_every_frame_in_order(self):
        frames, dropped = self.loop(*run("camera_loop", Shared.model, self.folder(), "wait", "30", "0"))
        self.assertEqual((frames, dropped), (list(range(30)), 0))

    def test_drop_keeps_the_newest_and_counts_the_others(self):
        frames, dropped = self.loop(*run("camera_loop", Shared.model, self.folder(), "drop", "200", "0"))
        self.assertEqual(len(frames) + dropped, 200)
        self.assertGreater(dropped, 100) # nothing inspects 200 frames while they are put into a queue
        self.assertEqual(frames, sorted(set(frames)))
        self.assertEqual(frames[-4:], [196, 197, 198, 199])

    def test_interrupt_ends_it_cleanly(self):
        arguments = [Shared.model, self.folder(), "wait", "90000", "5"]
        frames, dropped = self.loop(*interrupt("camera_loop", *arguments, when=rb"frame 2 .*\n", stream="stdout"))
        self.assertEqual((frames, dropped), (list(range(len(frames))), 0))
        self.assertLess(len(frames), 1000)

    def test_failures(self):
        empty = Shared.path("empty")
        os.makedirs(empty, exist_ok=True)
        for arguments, code, name in (
            ([Shared.model, empty, "wait", "3", "0"], 3, "no pictures"),
            (["nothing.snarm", self.folder(), "wait", "3", "0"], 3, "nothing.snarm"),
            ([Shared.model, "nothing", "wait", "3", "0"], 3, "nothing"),
            ([Shared.model, self.folder(), "perhaps", "3", "0"], 2, "usage"),
            ([Shared.model, self.folder(), "wait", "0", "0"], 2, "usage"),
        ):
            ended, _, said = run("camera_loop", *arguments)
            self.assertEqual(ended, code, arguments)
            self.assertIn(name, said)


class OwnFeatures(unittest.TestCase):
    def test_defects_score_above_good_parts(self):
        scorer = Shared.path("own.scorer")
        code, out, said = run("own_features", Shared.fabrics, scorer)
        self.assertEqual((code, said), (0, ""))
        self.assertRegex(out, r"^held-out pixel AP [01]\.\d+, of distances [01]\.\d+\n")
        lines = re.findall(r"^(\w+) +(\d\.\d+) \S+\.png$", out, re.M)
        good = [float(score) for kind, score in lines if kind == "good"]
        defective = [float(score) for kind, score in lines if kind != "good"]
        self.assertEqual(len(good) + len(defective), 8) # a third of 24
        self.assertGreater(min(defective), max(good), out)
        names = tensors(scorer)
        self.assertTrue(any(name.startswith("mamba_list.") for name in names), sorted(names))

    def test_failures(self):
        for arguments, name in (
            (["nothing", "x.scorer"], "nothing"),
            ([Shared.fabrics, "no/folder/x.scorer"], "no/folder/x.scorer"),
        ):
            code, _, said = run("own_features", *arguments)
            self.assertEqual(code, 3, arguments)
            self.assertIn(name, said)


class Ladder(unittest.TestCase):
    def test_sources_are_short_and_say_how_they_are_used(self):
        folder = os.path.join(ROOT, "examples")
        with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
            table = file.read()
        sources = [name for name in sorted(os.listdir(folder)) if name.endswith((".c", ".cpp"))]
        self.assertEqual(len(sources), 7)
        for name in sources:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            self.assertTrue(60 <= text.count("\n") <= 150, f"{name}: {text.count(chr(10))} lines")
            head = text[: text.index("#")]
            self.assertIn("What it teaches", head, name)
            self.assertRegex(head, rf"c\+?\+?c? .*{re.escape(name)} .*pkg-config --cflags --libs snarm", name)
            self.assertIn(f"]({name})", table)

    def test_usage(self):
        for name in PROGRAMS:
            code, out, said = run(name)
            self.assertEqual((code, out), (2, ""), name)
            self.assertTrue(said.startswith("usage: "), said)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="snarm-examples-") as scratch:
        Shared.make(scratch)
        os.chdir(scratch)
        unittest.main(argv=sys.argv[:1], verbosity=2)
