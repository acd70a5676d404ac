"""What training gives on a data set in MVTec's layout: fits without and with training, for several seeds, and evaluates them.

usage: training.py SNARM CATEGORY_FOLDER BACKBONE [--seeds 0,1,2] [--images N] [--steps N] [--fit "OPTIONS"] [--keep DIR]

Prints a markdown table: one row without training, one for each seed. --images N learns from the first N good pictures of a
shuffled list (by --seeds too) instead of all.
"""
import argparse
import os
import random
import re
import shlex
import tempfile

from fit_and_eval import METRICS, evaluate, fit, good_pictures

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("snarm")
parser.add_argument("dataset", help="a category: train/good, test/*, ground_truth/*")
parser.add_argument("backbone")
parser.add_argument("--seeds", default="0,1,2")
parser.add_argument("--images", type=int, default=0, help="learn from so many good pictures; default: all")
parser.add_argument("--steps", help="training steps; default: the command's")
parser.add_argument("--fit", default="", help="further options of snarm fit")
parser.add_argument("--keep", help="folder for the models; default: removed")
arguments = parser.parse_args()

good = good_pictures(arguments.dataset)


def pictures(seed, folder):
    """The folder of pictures to learn from."""
    if not arguments.images:
        return good
    names = sorted(os.listdir(good))
    random.Random(seed).shuffle(names)
    chosen = os.path.join(folder, f"good-{seed}")
    os.makedirs(chosen, exist_ok=True)
    for name in names[: arguments.images]:
        if not os.path.exists(os.path.join(chosen, name)):
            os.symlink(os.path.abspath(os.path.join(good, name)), os.path.join(chosen, name))
    return chosen


def measure(name, seed, steps, folder):
    model = os.path.join(folder, f"{name}.snarm")
    fitted = fit(arguments.snarm, pictures(seed, folder), arguments.backbone, model, "--seed", str(seed), *shlex.split(arguments.fit),
                 *([] if steps is None else ["--steps", steps]))
    report, values, _ = evaluate(arguments.snarm, model, arguments.dataset)
    held_out = re.search(r"pixel AP ([0-9.]+) \(distance alone ([0-9.]+)\)", fitted["output"])
    memory = re.search(r"peak memory +([0-9.]+)", fitted["output"]).group(1)
    print(f"| {name} | " + " | ".join(f"{values[m]:.4f}" for m in METRICS) +
          f" | {100 * values['false_alarm_rate']:.1f}% | {fitted['seconds']:.0f} | {report['seconds_per_image']:.3f} | {memory} | " +
          (f"{held_out.group(1)} ({held_out.group(2)})" if held_out else "") + " |", flush=True)


with tempfile.TemporaryDirectory() as temporary:
    place = arguments.keep or temporary
    os.makedirs(place, exist_ok=True)
    print("| fit | image AUROC | pixel AUROC | pixel AP | AUPRO | false alarms | fit s | s/image | fit MiB | held-out AP (distance) |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for which in arguments.seeds.split(","):
        if arguments.images or which == arguments.seeds.split(",")[0]:
            measure(f"untrained-{which}", which, "0", place)
        measure(f"trained-{which}", which, arguments.steps, place)
