"""libsnarm beside other programs that do the same work, stage by stage, each in turn on the same threads.

usage: peers.py [--build build] [--shared ../shared] [--only STAGE,...] [--threads 2] [--rounds 5] [--precisions f32,...]
                [--builtin FILE] [--json build/peers.json] [--quick]

Stages: {stages}. Without --only, all of them. Before a stage times anything it compares the programs' results; where they
differ it ends, the others go on, and the exit status is 1. A program that is not installed is left out, with a sentence that says what to
install. Results are merged into the JSON file stage by stage; table.py makes docs/performance.md of it. Nothing else should run meanwhile.

--shared is the folder with data/mtd (pictures), weights/resnet18_to_layer3.safetensors and golden/ (vectors of the published code).
--builtin is the weights file of the built-in network (lib/backbone/builtin/network.safetensors).
--quick: tiny sizes, to see that everything works; its numbers mean nothing.
"""
import argparse
import datetime
import json
import os
import sys
import tempfile
import time
import traceback
import warnings

STAGES = ("backbone", "networks", "search", "scorer", "end_to_end", "patchcore", "coreset", "training", "memory")


def parse():
    text = __doc__.replace("{stages}", ", ".join(STAGES))
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("--build", default=os.path.join(root, "build"))
    parser.add_argument("--shared", default=os.environ.get("SNARM_SHARED", os.path.join(root, "..", "shared")))
    parser.add_argument("--only", default=",".join(STAGES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precisions")
    parser.add_argument("--builtin", default=os.path.join(root, "lib", "backbone", "builtin", "network.safetensors"))
    parser.add_argument("--json")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    for stage in arguments.only:
        if stage not in STAGES:
            parser.error(f"--only: {stage!r}, expected some of {', '.join(STAGES)}")
    if not 1 <= arguments.threads <= 64 or arguments.rounds < 1:
        parser.error("--threads must be 1..64 and --rounds 1 or more")
    arguments.json = arguments.json or os.path.join(arguments.build, "peers.json")
    return arguments


def merge(path, stage, result, machine):
    """Puts a stage's result into the file, whole or not at all."""
    whole = {"stages": {}}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
    for kept in whole["stages"].values():  # of before stages had their own
        kept.setdefault("machine", whole["machine"])
    whole["machine"] = machine
    whole["stages"][stage] = {**result, "machine": machine}
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)
    os.replace(path + ".part", path)


def run_stage(name, context, say):
    """The stage's result for the JSON file; Absent if it cannot run here."""
    import importlib

    stage = importlib.import_module("stage_" + name)
    ceiling = context.ceiling()
    began = time.perf_counter()
    context.left_out = []
    tables, skipped = stage.measure(context, say)
    skipped += dict.fromkeys(context.left_out)
    after = context.ceiling()
    for precision, value in after["gflops"].items():  # a ceiling is the most that was ever seen
        ceiling["gflops"][precision] = max(value, ceiling["gflops"][precision])
    ceiling["read_gbs"] = max(after["read_gbs"], ceiling["read_gbs"])
    return {"title": stage.TITLE, "date": datetime.date.today().isoformat(), "threads": context.threads, "rounds": context.rounds,
            "quick": context.quick, "ceiling": ceiling, "seconds": round(time.perf_counter() - began, 1), "tables": tables,
            "skipped": skipped}


def main():
    arguments = parse()
    # Before any library with threads of its own is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", str(arguments.threads))
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    warnings.simplefilter("ignore")  # other programs' remarks on their own future
    from machine import describe
    import measure
    from measure import Absent
    from ours import Context

    if arguments.quick:
        measure.REST = measure.TURN = 0.0

    failed = []
    with tempfile.TemporaryDirectory() as work:
        context = Context(arguments, work)
        for name in arguments.only:
            print(f"{name}:", flush=True)
            try:
                result = run_stage(name, context, lambda text: print(text, flush=True))
            except Absent as problem:
                print(f"  left out: {problem}", flush=True)
                continue
            except Exception as problem:
                traceback.print_exc()
                print(f"  failed: {problem}", flush=True)
                failed.append(name)
                continue
            for sentence in result["skipped"]:
                print(f"  left out: {sentence}", flush=True)
            merge(arguments.json, name, result, describe(context))
    if failed:
        sys.exit(f"peers.py: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
