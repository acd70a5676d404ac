"""Which vectors should a bank keep? The greedy coreset beside other selections of the same size, by the map of distances to them.

usage: selection.py SNARM MODEL DATASET [--selections greedy,random,...] [--seed 0] [--markdown FILE]

MODEL: fitted by `snarm fit --steps 0 --search exact --channels 0`; its network, sizes and number of vectors are used. DATASET: a
category's folder in MVTec's layout. Features of train/good are computed with the Python package (SNARM_LIBRARY: the library), each
selection takes the place of the bank in a copy of the model, and `snarm eval` evaluates it. Selections:

  greedy        snarm_coreset_select: the farthest from all chosen, on a random projection to 128 dimensions
  random        uniformly
  half          half of the bank greedy, the rest random
  subset        greedy on a random tenth
  medoids       k-means (6 rounds of Lloyd, projected, on a random tenth); the vector nearest to each centre
  squared       k-means++: each drawn with a probability that grows with the squared distance to those chosen; on a random tenth
  dense         greedy, distances divided by the root of the distance to the 10th neighbour: dense regions count for more; on a random tenth
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bindings", "python"))
import snarm  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("snarm")
parser.add_argument("model")
parser.add_argument("dataset")
parser.add_argument("--selections", default="greedy,random,half,subset,medoids,squared,dense")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--markdown", help="append the table to this file")
arguments = parser.parse_args()


def read_features(detector):
    """(pictures * patches, channels)"""
    backbone, how = detector.backbone, detector.info.preprocess
    folder = os.path.join(arguments.dataset, "train", "good")
    paths = snarm.list_images(folder)
    features = np.empty((len(paths), backbone.info.patches, backbone.info.channels), np.float32)
    for i, path in enumerate(paths):
        features[i] = backbone.features(snarm.preprocess(path, how))
    return features.reshape(-1, features.shape[2])


def squares(points, centres):
    """Squared distances (points, centres), not below 0."""
    result = points @ centres.T
    result *= -2
    result += (points**2).sum(1)[:, None]
    result += (centres**2).sum(1)[None]
    return np.maximum(result, 0, out=result)


def plain_greedy(points, count, rng, weights=None, sampled=False):
    """The plain loop; sampled: drawn by the squared distance instead of the farthest."""
    lengths = (points**2).sum(1)
    nearest, chosen = np.full(len(points), np.inf, np.float32), np.empty(count, np.int64)
    chosen[0] = rng.integers(len(points))
    for i in range(1, count):
        last = points[chosen[i - 1]]
        np.minimum(nearest, lengths - 2 * (points @ last) + lengths[chosen[i - 1]], out=nearest)
        nearest[chosen[:i]] = 0
        np.maximum(nearest, 0, out=nearest)
        if sampled:
            sums = np.cumsum(nearest, dtype=np.float64)
            chosen[i] = min(np.searchsorted(sums, rng.random() * sums[-1]), len(points) - 1)
        else:
            chosen[i] = np.argmax(nearest if weights is None else nearest * weights)
    return chosen


def medoids(points, count, rng):
    centres = points[rng.permutation(len(points))[:count]].copy()
    for last in [False] * 6 + [True]:
        owner, sums, sizes = np.empty(len(points), np.int64), np.zeros_like(centres), np.zeros(count)
        best, nearest = np.full(count, np.inf), np.zeros(count, np.int64)
        for first in range(0, len(points), 4096):
            part = squares(points[first : first + 4096], centres)
            owner[first : first + 4096] = part.argmin(1)
            if last:
                at = part.argmin(0)
                value = part[at, np.arange(count)]
                nearest[value < best] = first + at[value < best]
                best = np.minimum(best, value)
        if last:
            return np.unique(nearest)
        np.add.at(sums, owner, points)
        np.add.at(sizes, owner, 1)
        centres[sizes > 0] = (sums[sizes > 0] / sizes[sizes > 0, None]).astype(np.float32)


def density_weights(points, rng):
    """1 / the distance to the 10th neighbour: it divides squared distances, so distances are divided by its root."""
    distances = np.empty(len(points), np.float32)
    for first in range(0, len(points), 2048):
        part = squares(points[first : first + 2048], points)
        distances[first : first + 2048] = np.sqrt(np.partition(part, 10, axis=1)[:, 10])
    return 1 / np.maximum(distances, 1e-6)


def select(name, features, projected, count, rng):
    tenth = np.sort(rng.permutation(len(features))[: len(features) // 10])
    if name == "greedy":
        return snarm.select_coreset(features, count, seed=arguments.seed)
    if name == "random":
        return rng.permutation(len(features))[:count]
    if name == "half":
        chosen = snarm.select_coreset(features, count // 2, seed=arguments.seed).astype(np.int64)
        rest = np.setdiff1d(rng.permutation(len(features))[:count], chosen)
        return np.concatenate([chosen, rng.permutation(rest)])[:count]
    if name == "subset":
        return tenth[snarm.select_coreset(np.ascontiguousarray(features[tenth]), count, seed=arguments.seed)]
    points = projected[tenth]
    if name == "medoids":
        found = medoids(points, count, rng)
    elif name == "squared":
        found = plain_greedy(points, count, rng, sampled=True)
    elif name == "dense":
        found = plain_greedy(points, count, rng, weights=density_weights(points, rng))
    else:
        sys.exit(f"no selection {name}")
    # A medoid may serve two centres: random vectors fill the bank up.
    more = np.setdiff1d(rng.permutation(len(points)), found, assume_unique=False)
    return tenth[np.concatenate([found, rng.permutation(more)])[:count]]


def replace_bank(model, target, vectors):
    """A copy of the model with other vectors, as many: the file's header stays."""
    shutil.copyfile(model, target)
    with open(target, "r+b") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))["bank.vectors"]
        if entry["shape"] != list(vectors.shape):
            sys.exit(f"{model} holds {entry['shape']} vectors, not {vectors.shape}")
        file.seek(8 + length + entry["data_offsets"][0])
        file.write(np.ascontiguousarray(vectors, "<f4").tobytes())


def evaluate(model, result):
    subprocess.run([arguments.snarm, "eval", "--model", model, "--dataset", arguments.dataset, "--quiet", "--json", result], check=True,
                   stdout=subprocess.DEVNULL)
    with open(result, encoding="utf-8") as file:
        (values,) = json.load(file)["categories"].values()
    return values


def distances_to(vectors, features, rng):
    """Mean and largest distance of some patches to the bank."""
    some = np.ascontiguousarray(features[rng.permutation(len(features))[:20000]])
    found, _ = snarm.Bank(vectors, exact=True).search(some, 1)
    return found.mean(), found.max()


detector = snarm.Detector.load(arguments.model)
size = len(detector.bank)
all_features = read_features(detector)
generator = np.random.default_rng(arguments.seed)
weights = generator.standard_normal((all_features.shape[1], 128)).astype(np.float32) / np.sqrt(np.float32(128))
turned = all_features @ weights
print(f"{size} of {len(all_features)} vectors of {all_features.shape[1]}", flush=True)
lines = ["| selection | image AUROC | pixel AUROC | pixel AP | AUPRO | mean distance | largest | s |", "|" + " --- |" * 8]
print("\n".join(lines), flush=True)
with tempfile.TemporaryDirectory() as work:
    for selection in arguments.selections.split(","):
        generator = np.random.default_rng(arguments.seed)
        began = time.perf_counter()
        picked = select(selection, all_features, turned, size, generator).astype(np.int64)
        seconds = time.perf_counter() - began
        bank = np.ascontiguousarray(all_features[picked])
        path = os.path.join(work, "m.snarm")
        replace_bank(arguments.model, path, bank)
        numbers = evaluate(path, os.path.join(work, "r.json"))
        mean, largest = distances_to(bank, all_features, generator)
        lines.append(f"| {selection} | {numbers['image_auroc']:.4f} | {numbers['pixel_auroc']:.4f} | {numbers['pixel_ap']:.4f} "
                     f"| {numbers['aupro']:.4f} | {mean:.3f} | {largest:.3f} | {seconds:.0f} |")
        print(lines[-1], flush=True)
if arguments.markdown:
    with open(arguments.markdown, "a", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
