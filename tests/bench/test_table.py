"""test_table.py: the tables of made-up results."""
import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import table  # noqa: E402


def row(name, milliseconds, ours=False, precision="f32", gflop=10.0, also=None, same=True):
    return {"name": name, "ours": ours, "precision": precision, "gflop": gflop, "median_ms": milliseconds,
            "minimum_ms": milliseconds * 0.9, "runs": 3, "also": also or {}, "note": "", "same": same}


def stage(rows, title="A stage", quick=False):
    return {"title": title, "date": "2026-01-02", "threads": 2, "rounds": 3, "quick": quick, "seconds": 1.0, "skipped": [],
            "ceiling": {"gflops": {"f32": 400.0, "bf16": 800.0}, "read_gbs": 40.0},
            "tables": [{"title": title, "work": "Work.", "rows": rows, "checks": []}]}


MACHINE = {"processor": "A processor", "instructions": ["avx2"], "processors": 2, "memory_gib": 8, "system": "Linux", "python": "3.11",
           "libsnarm": "0.0.0", "packages": {"torch": "2.0"}}
ROWS = [row("libsnarm f32", 50, True), row("libsnarm bf16", 40, True, "bf16"), row("PyTorch f32", 100), row("OpenVINO f32, from PyTorch", 40),
        row("OpenVINO bf16", 20, precision="bf16"), row("broken", 1, same=False)]


class Tables(unittest.TestCase):
    def results(self, *stages):
        return {"machine": MACHINE, "stages": dict(zip(("backbone", "search"), stages))}

    def test_ratios_and_shares(self):
        lines = table.stage_table(stage(ROWS)["tables"][0], stage(ROWS)["ceiling"])
        cells = {line.split(" | ")[0].strip("| *"): line.strip("| ").split(" | ") for line in lines if line.startswith("| ")}
        self.assertEqual(cells["program"][1:3], ["/ ours f32", "/ ours bf16"])
        self.assertEqual(cells["PyTorch f32"][1:3], ["2.00", "2.50"])
        self.assertEqual(cells["libsnarm f32"][-2:], ["200", "50%"])  # 10 GFLOP in 50 ms, of 400
        self.assertEqual(cells["libsnarm bf16"][-1], "31%")           # of the ceiling of its own precision

    def test_overview_takes_the_fastest_that_does_the_same(self):
        lines = table.overview([stage(ROWS)])
        self.assertEqual(lines[2].split(" | ")[1:7], ["f32", "**0.80**", "50.0 ms", "40.0 ms", "OpenVINO f32, from PyTorch", "2.00"])
        self.assertEqual(lines[3].split(" | ")[1:3], ["bf16", "**0.50**"])

    def test_shortfalls(self):
        found = table.shortfalls([stage(ROWS)])
        self.assertEqual(found, ["- A stage: libsnarm bf16 reaches 31% of the ceiling; OpenVINO bf16 takes 0.50 of what libsnarm bf16 takes; "
                                 "OpenVINO f32, from PyTorch takes 0.80 of what libsnarm f32 takes."])
        good = [row("libsnarm f32", 30, True), row("PyTorch f32", 60)]
        self.assertTrue(table.shortfalls([stage(good)])[0].startswith("Nothing"))

    def test_a_peer_of_another_precision_only(self):
        rows = [row("libsnarm f32", 30, True), row("OpenVINO bf16", 20, precision="bf16")]
        self.assertIn("OpenVINO bf16 takes 0.67 of what libsnarm f32 takes", table.shortfalls([stage(rows)])[-1])

    def test_recall_is_told(self):
        rows = [row("libsnarm f32", 30, True, also={"recall": "0.9995"}), row("graph", 20, also={"recall": "0.9991"})]
        self.assertIn("graph (recall 0.9991) takes", table.shortfalls([stage(rows)])[-1])

    def test_memory(self):
        rows = [{"name": "snarm bench f32", "ours": True, "precision": "f32", "peak_mib": 500},
                {"name": "PyTorch", "ours": False, "precision": "f32", "peak_mib": 1500}]
        self.assertIn("**3.00**", table.overview([stage(rows)])[2])

    def test_networks_side_by_side(self):
        small, large = stage(ROWS + [row("PyTorch eager f32, channels last", 80)], "Networks"), stage(ROWS[:2])
        small["tables"] += large["tables"]
        for made, name in zip(small["tables"], ("small", "large")):
            made["network"] = name
        lines = [line.strip("| ").split(" | ") for line in table.side_by_side(small) if line.startswith("| ")]
        self.assertEqual(lines[0][3:], ["libsnarm, ms (minimum)", "GFLOP/s", "PyTorch, ms (minimum)", "GFLOP/s", "OpenVINO, ms (minimum)", "GFLOP/s"])
        self.assertEqual(lines[2], ["small", "f32", "10.0", "50.0 (45.0)", "200", "80.0 (72.0)", "125", "40.0 (36.0)", "250"])
        self.assertEqual(lines[3][:6], ["small", "bf16", "10.0", "40.0 (36.0)", "250", ""])
        self.assertEqual(lines[4][:5], ["large", "f32", "10.0", "50.0 (45.0)", "200"])
        page = table.render(self.results(small))
        self.assertIn("### Networks\n", page)
        self.assertNotIn("network, input", table.render(self.results(stage(ROWS))))

    def run_table(self, results, page, *options):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("r.json", "p.md")]
            for path, text in zip(paths, (json.dumps(results), page)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([sys.executable, os.path.join(HERE, "table.py"), *paths, *options], capture_output=True, text=True)
            with open(paths[1], encoding="utf-8") as file:
                return done, file.read()

    def test_page(self):
        page = f"# Title\n\n{table.BEGIN}\nold\n{table.END}\n\nafter\n"
        results = self.results(stage(ROWS), stage(copy.deepcopy(ROWS), "Second"))
        done, written = self.run_table(results, page)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(written.startswith("# Title\n\n" + table.BEGIN) and written.endswith(table.END + "\n\nafter\n"))
        self.assertNotIn("old", written)
        self.assertIn("### Second", written)
        again, twice = self.run_table(results, written)
        self.assertEqual((again.returncode, twice), (0, written))

    def test_nothing_is_lost(self):
        page = f"{table.BEGIN}\n\n### First\n\nold\n\n### Second\n\nold\n\n{table.END}\n\n### Behind\n"
        done, written = self.run_table(self.results(stage(ROWS, "First")), page)
        self.assertEqual((done.returncode, written), (1, page))
        self.assertIn("p.md: Second: not in the results", done.stderr)
        for arguments in ((self.results(stage(ROWS, "First"), stage(ROWS, "Second")), page), (self.results(stage(ROWS, "First")), page, "--drop")):
            done, written = self.run_table(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("old", written)
            self.assertIn("### Behind", written)

    def test_stages_of_two_machines(self):
        first, second = stage(ROWS), stage(copy.deepcopy(ROWS), "Second")
        second["machine"] = {**MACHINE, "packages": {"torch": "3.0"}}
        alone, both = table.machines(MACHINE, [first]), table.machines(MACHINE, [first, second])
        self.assertEqual(len(alone), 2)
        self.assertTrue(alone[0].startswith("A processor, 2") and "torch 2.0; 2026" in alone[0], alone)
        self.assertTrue(both[0].startswith("A stage: A processor") and "torch 2.0" in both[0], both)
        self.assertTrue(both[2].startswith("Second: A processor") and "torch 3.0" in both[2], both)

    def test_stages_keep_their_machine(self):
        import peers

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(self.results(stage(ROWS)), file)
            other = {**MACHINE, "python": "4"}
            peers.merge(path, "networks", stage(ROWS), other)
            with open(path, encoding="utf-8") as file:
                merged = json.load(file)
        self.assertEqual({name: made["machine"]["python"] for name, made in merged["stages"].items()}, {"backbone": "3.11", "networks": "4"})

    def test_refused(self):
        done, written = self.run_table(self.results(stage(ROWS, quick=True)), f"{table.BEGIN}\n{table.END}\n")
        self.assertIn("--quick", done.stderr)
        self.assertEqual((done.returncode, written), (1, f"{table.BEGIN}\n{table.END}\n"))
        done, _ = self.run_table(self.results(stage(ROWS)), "no marks\n")
        self.assertIn("expected one line", done.stderr)
        self.assertEqual(done.returncode, 1)


unittest.main()
