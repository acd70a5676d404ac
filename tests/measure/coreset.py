"""The greedy coreset: seconds, memory and distances computed, on real features and on spread points, for several sizes.

usage: coreset.py BUILD BACKBONE IMAGES [--sizes 10000:100000,100000:1000000] [--pictures 440] [--threads 2] [--rounds 3] [--plain]
                  [--markdown FILE]

BUILD: the build folder. Features of the pictures in IMAGES (392 x 392, 512 channels), in random order, projected to 128 dimensions; spread
points are normal in 128 dimensions, up to a tenth of the largest size. Each size is CHOSEN:OF. Times are the least of the rounds; "processor s"
counts all threads and the reading of the points, MiB is what the selection takes at its peak beyond the points. Pairs along the axes and
whole distances are shares of CHOSEN * OF. With the features the public call, projection included, is timed too. --plain: the plain loop selects
as well (hours at the largest size), and the program ends with an error if a selection is another.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("build")
parser.add_argument("backbone")
parser.add_argument("images")
parser.add_argument("--sizes", default="10000:100000,100000:1000000")
parser.add_argument("--pictures", type=int, default=440, help="at most so many are read; 2,401 patches each")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--plain", action="store_true")
parser.add_argument("--markdown", help="append the table to this file")
arguments = parser.parse_args()

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "bindings", "python"))
os.environ.setdefault("SNARM_LIBRARY", os.path.join(arguments.build, "lib", "libsnarm.so"))
import snarm  # noqa: E402
from bank_search import read_features  # noqa: E402

DIMENSIONS = 128


def work(path, chosen, count):
    """The rounds' least times, and what else coreset_work says."""
    command = [os.path.join(arguments.build, "tests", "coreset_work"), path, str(DIMENSIONS), str(count), str(chosen), str(arguments.threads)]
    rounds = []
    for number in range(arguments.rounds):
        more = ["plain"] if arguments.plain and number == 0 else []
        done = subprocess.run(command + more, stdout=subprocess.PIPE, text=True, check=True)
        rounds.append(json.loads(done.stdout))
    if not rounds[0].get("same", True) or len({each["selection"] for each in rounds}) != 1:
        sys.exit(f"{chosen} of {count}: not the selection of the plain loop, or not always the same")
    result = dict(rounds[0])
    for name in ("seconds", "processor_seconds"):
        result[name] = min(each[name] for each in rounds)
    return result


def whole_call(vectors, chosen):
    """Seconds of the public call."""
    least = float("inf")
    for _ in range(arguments.rounds):
        began = time.perf_counter()
        snarm.select_coreset(vectors, chosen, threads=arguments.threads)
        least = min(least, time.perf_counter() - began)
    return least


sizes = [tuple(int(number) for number in size.split(":")) for size in arguments.sizes.split(",")]
largest = max(count for _, count in sizes)
features = read_features(arguments.backbone, arguments.images, arguments.pictures, 392, 512, arguments.threads)
features = features.reshape(-1, features.shape[2])
generator = np.random.default_rng(0)
features = features[generator.permutation(len(features))[:largest]]
weights = generator.standard_normal((features.shape[1], DIMENSIONS)).astype(np.float32) / np.sqrt(np.float32(DIMENSIONS))
header = "| points | chosen | of | s | processor s | MiB | pairs along the axes | whole distances | public call s |"
lines = [header, "|" + " --- |" * (header.count("|") - 1)]
print("\n".join(lines), flush=True)
with tempfile.TemporaryDirectory() as folder:
    real, spread = os.path.join(folder, "real"), os.path.join(folder, "spread")
    with open(real, "wb") as file:
        for first in range(0, len(features), 65536):
            (features[first : first + 65536] @ weights).tofile(file)
    spread_count = max(largest // 10, min(count for _, count in sizes))
    generator.standard_normal((spread_count, DIMENSIONS), np.float32).tofile(spread)
    for path, held in ((real, len(features)), (spread, spread_count)):
        for chosen, count in sizes:
            if count > held:
                continue
            numbers = work(path, chosen, count)
            call = f"{whole_call(features[:count], chosen):.2f}" if path == real else ""
            lines.append(f"| {'features' if path == real else 'spread'} | {chosen:,} | {count:,} | {numbers['seconds']:.2f} "
                         f"| {numbers['processor_seconds']:.2f} | {numbers['mib']:.0f} | {100 * numbers['along_axes']:.1f}% "
                         f"| {100 * numbers['whole']:.2f}% | {call} |")
            print(lines[-1], flush=True)
if arguments.markdown:
    with open(arguments.markdown, "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
