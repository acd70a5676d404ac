"""Bank search on real features: exact and filtered, beside faiss where it is installed, in turn and on the same threads.

usage: search.py LIBSNARM BACKBONE IMAGES [--size 392] [--channels 512] [--banks 20000,100000] [--coreset]
                 [--k 3] [--threads 2] [--rounds 5] [--recall 0.999] [--markdown FILE]

Features of the pictures in IMAGES (files of a folder, sorted) are shared out: every fifth picture asks, the others' patches are the
bank: chosen by the greedy coreset with --coreset, else at random, repeated with a little noise where there are too few. The filter is
tuned with a part of the asking pictures and measured with the others: recall is the share of the exact k nearest that is found.
Times are medians and minima of searches for all patches of one picture.
"""
import argparse
import os
import statistics
import sys
import time

import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("library", help="libsnarm.so")
parser.add_argument("backbone")
parser.add_argument("images")
parser.add_argument("--size", type=int, default=392)
parser.add_argument("--channels", type=int, default=512)
parser.add_argument("--pictures", type=int, default=100, help="at most so many are read")
parser.add_argument("--banks", default="20000,100000")
parser.add_argument("--coreset", action="store_true")
parser.add_argument("--k", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--recall", type=float, default=0.999)
parser.add_argument("--no-faiss", action="store_true")
parser.add_argument("--markdown")
arguments = parser.parse_args()

os.environ["SNARM_LIBRARY"] = os.path.abspath(arguments.library)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bindings", "python"))
import bank_search  # noqa: E402
import snarm  # noqa: E402


def faiss_sides(vectors):
    try:
        import faiss
    except ImportError:
        print("faiss is not installed: left out", flush=True)
        return []
    faiss.omp_set_num_threads(arguments.threads)
    return [("faiss Flat", *bank_search.faiss_flat(vectors)), ("faiss HNSW32, efSearch 64", *bank_search.faiss_graph(vectors)),
            ("faiss IVF1024, nprobe 32", *bank_search.faiss_lists(vectors))]


def timed(bank, queries):
    began = time.perf_counter()
    _, found = bank.search(queries, arguments.k)
    return time.perf_counter() - began, found


def measure(count, features):
    asking, known = bank_search.share_out(features)
    vectors = bank_search.choose(known, count, arguments.coreset)
    typical, others = bank_search.halves(asking)
    exact = snarm.Bank(vectors, threads=arguments.threads)
    tuned = snarm.Bank(vectors, threads=arguments.threads)
    tuning = bank_search.tune(tuned, typical, arguments.k, arguments.recall)
    own = f"libsnarm filtered, {tuned.search_info.axes} axes"
    peers = [] if arguments.no_faiss else faiss_sides(vectors)
    times, recalls = {}, {}
    for i in range(arguments.rounds):
        queries = np.ascontiguousarray(others[i % len(others)])
        seconds, truth = timed(exact, queries)
        times.setdefault("libsnarm exact", []).append(seconds)
        for name, bank in [(own, tuned)] + [(name, index) for name, index, _ in peers]:
            seconds, found = timed(bank, queries)
            times.setdefault(name, []).append(seconds)
            recalls.setdefault(name, []).append(bank_search.recall_of(truth, found))
    builds = {name: seconds for name, _, seconds in peers} | {own: tuning}
    rows = []
    for name, values in times.items():
        rows.append(f"| {len(vectors):,} x {vectors.shape[1]} | {name} | {1e3 * statistics.median(values):.1f} | {1e3 * min(values):.1f} "
                    f"| {statistics.median(values) / statistics.median(times[own]):.2f} | {statistics.mean(recalls.get(name, [1])):.4f} "
                    f"| {builds.get(name, 0):.1f} |")
    return rows


pictures = bank_search.read_features(arguments.backbone, arguments.images, arguments.pictures, arguments.size, arguments.channels,
                                     arguments.threads)
lines = ["| bank | search | median ms | minimum ms | times ours | recall | build s |", "| --- | --- | --- | --- | --- | --- | --- |"]
print(f"queries: {pictures.shape[1]}, k {arguments.k}, {arguments.threads} threads", flush=True)
print("\n".join(lines), flush=True)
for size in arguments.banks.split(","):
    new = measure(int(size), pictures)
    lines += new
    print("\n".join(new), flush=True)
if arguments.markdown:
    with open(arguments.markdown, "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
