"""Peak memory of a process that inspects, everything in it counted."""
import json
import os
import shlex
import subprocess
import sys

from measure import Absent, table
from ours import need

TITLE = "Memory"
HERE = os.path.dirname(os.path.abspath(__file__))


def peak_of(command):
    """The last line of a fresh process's output, JSON with its peak. A process's peak begins with what its parent holds when it is
    started, so a shell, which holds little, starts it."""
    line = " ".join(shlex.quote(word) for word in command) + "; exit $?"
    run = subprocess.run(["sh", "-c", 'eval "$1"', "sh", line], stdout=subprocess.PIPE, text=True)
    # The shell that runs eval is a child of this process; the program is the shell's child.
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit status {run.returncode}")
    return json.loads(run.stdout)


def entry(name, mebibytes, ours, precision="f32"):
    return {"name": name, "ours": ours, "precision": precision, "peak_mib": mebibytes}


def measure(context, say):
    rows, skipped, tables = [], [], []
    bank = None
    for title, scorer in (("without a scorer", False), ("with a scorer", True)):
        model = context.paper_model(scorer)
        bank = len(context.snarm.Detector.load(model).bank)
        rows = []
        for precision, _ in context.each(context.snarm.Detector.load, model):
            found = peak_of([context.command, "bench", "--model", model, "--runs", "3", "--threads", str(context.threads), "--quiet",
                             "--json", "-", "--precision", precision])
            rows.append(entry(f"snarm bench {precision}", found["peak_memory_mib"], True, precision))
        if scorer:
            try:
                need("torch")
                found = peak_of([sys.executable, os.path.join(HERE, "torch_inspect.py"), context.weights("vit"), context.weights("scorer"),
                                 model, str(56 if context.quick else 392), str(context.threads)])
                rows.append(entry("published pipeline in PyTorch, 256 patches at a time", found["peak_memory_mib"], False))
            except Absent as problem:
                skipped.append(str(problem))
        for values in rows:
            say(f"    {title}: {values['name']}: {values['peak_mib']:.0f} MiB")
        tables.append(table(f"Peak memory of a process that inspects, {title}",
                            f"ViT-B/14, bank {bank:,} x 512 ({bank * 512 * 4 / 2**20:.0f} MiB of vectors), files and programs included.", rows))
    return tables, skipped
