"""Bank search on real features: exact and filtered, beside faiss where it is installed, in turn and on the same threads.

usage: search.py LIBSNARM BACKBONE IMAGES [--size 392] [--layers 2,3] [--channels 512] [--banks 20000,100000] [--coreset]
                 [--k 3] [--threads 2] [--rounds 5] [--recall 0.999] [--markdown FILE]

Features of the pictures in IMAGES (files of a folder, sorted) are shared out: every fifth picture asks, the others' patches are the
bank: chosen by the greedy coreset with --coreset, else at random, repeated with a little noise where there are too few. The filter is
tuned with a part of the asking pictures and measured with the others: recall is the share of the exact k nearest that is found.
Times are medians and minima of searches for all patches of one picture.
"""
import argparse
import ctypes as C
import os
import statistics
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

snarm = C.CDLL(arguments.library)
snarm.snarm_last_error.restype = C.c_char_p


def ok(status):
    if status != 0:
        raise SystemExit(snarm.snarm_last_error().decode())


class Image(C.Structure):
    _fields_ = [("pixels", C.c_void_p), ("width", C.c_int32), ("height", C.c_int32), ("stride", C.c_ssize_t), ("format", C.c_int),
                ("owned", C.c_void_p)]


class Preprocess(C.Structure):
    _fields_ = [("resize_width", C.c_int32), ("resize_height", C.c_int32), ("width", C.c_int32), ("height", C.c_int32),
                ("mean", C.c_float * 3), ("std", C.c_float * 3)]


class BackboneOptions(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("width", C.c_int32), ("height", C.c_int32), ("layers", C.c_int32 * 64),
                ("layer_count", C.c_int32), ("groups", C.c_int32), ("channels", C.c_int32), ("neighbourhood", C.c_int32),
                ("threads", C.c_int32)]


class BankOptions(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("threads", C.c_int32), ("exact", C.c_int32)]


class SearchInfo(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("axes", C.c_int32), ("recall", C.c_double)]


def pointer(array):
    return array.ctypes.data_as(C.c_void_p)


def read_features():
    """(pictures, patches, channels)"""
    size, channels = arguments.size, arguments.channels
    options = BackboneOptions(struct_size=C.sizeof(BackboneOptions), width=size, height=size, channels=channels, threads=arguments.threads)
    backbone = C.c_void_p()
    ok(snarm.snarm_backbone_create(C.byref(backbone), arguments.backbone.encode(), C.byref(options)))
    how = Preprocess(size, size, size, size, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    names = sorted(os.listdir(arguments.images))[: arguments.pictures]
    planes = np.empty((3, size, size), np.float32)
    features = np.empty((len(names), (size // 8) ** 2, channels), np.float32)
    for i, name in enumerate(names):
        image = Image()
        ok(snarm.snarm_image_load(C.byref(image), os.path.join(arguments.images, name).encode(), None))
        ok(snarm.snarm_image_preprocess(C.byref(image), C.byref(how), pointer(planes), None))
        snarm.snarm_image_release(C.byref(image))
        ok(snarm.snarm_backbone_features(backbone, pointer(planes), pointer(features[i])))
    snarm.snarm_backbone_destroy(backbone)
    return features


def choose(vectors, count):
    generator = np.random.default_rng(0)
    if arguments.coreset and count <= len(vectors):
        selected, chosen = np.empty(count, np.uint64), C.c_size_t()
        began = time.perf_counter()
        ok(snarm.snarm_coreset_select(pointer(vectors), C.c_size_t(len(vectors)), vectors.shape[1], C.c_size_t(count), None,
                                      pointer(selected), C.byref(chosen)))
        print(f"coreset: {count} of {len(vectors)} in {time.perf_counter() - began:.1f} s", flush=True)
        return np.ascontiguousarray(vectors[selected[: chosen.value].astype(np.int64)])
    if count <= len(vectors):
        return np.ascontiguousarray(vectors[generator.permutation(len(vectors))[:count]])
    more = vectors[generator.integers(0, len(vectors), count - len(vectors))]
    spread = vectors.std(0) * 0.1
    return np.concatenate([vectors, more + spread * generator.standard_normal(more.shape, np.float32)]).astype(np.float32)


def search(bank, queries):
    k = arguments.k
    distances, indices = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int32)
    began = time.perf_counter()
    ok(snarm.snarm_bank_search(bank, pointer(queries), C.c_size_t(len(queries)), k, -1, pointer(distances), pointer(indices)))
    return time.perf_counter() - began, distances, indices


def recall(truth, found):
    return float(np.mean([len(set(a) & set(b)) / arguments.k for a, b in zip(truth, found)]))


def faiss_sides(vectors):
    try:
        import faiss
    except ImportError:
        print("faiss is not installed: left out", flush=True)
        return []
    faiss.omp_set_num_threads(arguments.threads)
    sides = []
    began = time.perf_counter()
    flat = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    sides.append(("faiss Flat", flat, time.perf_counter() - began))
    began = time.perf_counter()
    graph = faiss.IndexHNSWFlat(vectors.shape[1], 32)
    graph.hnsw.efConstruction = 80
    graph.add(vectors)
    graph.hnsw.efSearch = 64
    sides.append(("faiss HNSW32, efSearch 64", graph, time.perf_counter() - began))
    began = time.perf_counter()
    lists = faiss.IndexIVFFlat(faiss.IndexFlatL2(vectors.shape[1]), vectors.shape[1], 1024)
    lists.train(vectors)
    lists.add(vectors)
    lists.nprobe = 32
    sides.append(("faiss IVF1024, nprobe 32", lists, time.perf_counter() - began))
    return sides


def measure(count, features):
    asking = features[::5]
    known = np.concatenate([features[i] for i in range(len(features)) if i % 5 != 0])
    vectors = choose(known, count)
    options = BankOptions(C.sizeof(BankOptions), arguments.threads, 0)
    exact, tuned = C.c_void_p(), C.c_void_p()
    for bank in (exact, tuned):
        ok(snarm.snarm_bank_create(C.byref(bank), pointer(vectors), None, C.c_size_t(len(vectors)), vectors.shape[1], C.byref(options)))
    half = len(asking) // 2
    typical = np.ascontiguousarray(asking[:half].reshape(-1, vectors.shape[1])[:: max(1, asking[:half].shape[0] * asking.shape[1] // 2048)])
    began = time.perf_counter()
    ok(snarm.snarm_bank_tune(tuned, pointer(typical), None, C.c_size_t(len(typical)), arguments.k, C.c_double(arguments.recall)))
    tuning = time.perf_counter() - began
    info = SearchInfo(struct_size=C.sizeof(SearchInfo))
    ok(snarm.snarm_bank_get_search(tuned, C.byref(info)))
    peers = [] if arguments.no_faiss else faiss_sides(vectors)
    times, recalls = {}, {}
    for i in range(arguments.rounds):
        queries = np.ascontiguousarray(asking[half + i % (len(asking) - half)])
        seconds, _, truth = search(exact, queries)
        times.setdefault("libsnarm exact", []).append(seconds)
        seconds, _, found = search(tuned, queries)
        name = f"libsnarm filtered, {info.axes} axes"
        times.setdefault(name, []).append(seconds)
        recalls.setdefault(name, []).append(recall(truth, found))
        for name, index, _ in peers:
            began = time.perf_counter()
            _, found = index.search(queries, arguments.k)
            times.setdefault(name, []).append(time.perf_counter() - began)
            recalls.setdefault(name, []).append(recall(truth, found))
    builds = {name: seconds for name, _, seconds in peers} | {f"libsnarm filtered, {info.axes} axes": tuning}
    rows = []
    for name, values in times.items():
        own = statistics.median(times[f"libsnarm filtered, {info.axes} axes"])
        rows.append(f"| {len(vectors):,} x {vectors.shape[1]} | {name} | {1e3 * statistics.median(values):.1f} | {1e3 * min(values):.1f} "
                    f"| {statistics.median(values) / own:.2f} | {statistics.mean(recalls.get(name, [1])):.4f} | {builds.get(name, 0):.1f} |")
    for bank in (exact, tuned):
        snarm.snarm_bank_destroy(bank)
    return rows


pictures = read_features()
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
