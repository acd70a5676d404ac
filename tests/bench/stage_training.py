"""A training step, by tests/measure/train_step.py: both programs in processes of their own."""
import json
import os
import statistics
import subprocess
import sys

from measure import Absent, table
from ours import ROOT, need

TITLE = "A training step"


def measure(context, say):
    need("torch")
    need("safetensors")
    if context.threads != 2:
        raise Absent("The training step's program has 2 threads: it is measured with --threads 2 only.")
    path = os.path.join(context.work, "training.json")
    sizes = ["--grid", "8", "--embedding", "16", "--channels", "32", "--steps", "2", "--rounds", "1"] if context.quick else ["--rounds", "3"]
    run = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "measure", "train_step.py"), context.program("tests", "train_step"),
                          context.shared_file("golden"), "--json", path, *sizes], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"train_step.py: {run.stdout}")
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    rows = []
    for name, seconds in found["seconds"].items():
        ours = name.startswith("libsnarm")
        rows.append({"name": name if not ours else name.replace("libsnarm", "libsnarm f32"), "ours": ours, "precision": "f32", "gflop": 0,
                     "median_ms": 1e3 * statistics.median(seconds), "minimum_ms": 1e3 * min(seconds), "runs": len(seconds),
                     "also": {"peak MiB": f"{found['peak_kib'][name] / 1024:.0f}"}, "note": ""})
        say(f"    {name}: median {rows[-1]['median_ms']:.0f} ms")
    shape = "8 x 8 patches, D = 16, C = 32" if context.quick else "49 x 49 patches, D = 128, C = 512"
    work = (f"{shape}, a batch of {found['batch']}, one branch: forward, loss, backward, AdamW. Residuals given in the first two; the whole step "
            "fetches samples and computes residuals too.")
    return [table("Forward, backward and optimiser", work, rows, [f"PyTorch's network against the published vectors: {found['check']}"])], []
