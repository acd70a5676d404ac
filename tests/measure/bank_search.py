"""Parts of the measurements of bank searches: real features, banks of them, our searches and faiss's. Imports snarm, so SNARM_LIBRARY must
be set and bindings/python be on the path before."""
import os
import time

import numpy as np
import snarm


def read_features(backbone, folder, pictures, size, channels, threads):
    """Features of the first pictures (files of a folder, sorted): (pictures, patches, channels)."""
    network = snarm.Backbone(backbone, width=size, height=size, channels=channels, threads=threads)
    how = network.info.preprocess
    names = sorted(os.listdir(folder))[:pictures]
    return np.stack([network.features(snarm.preprocess(os.path.join(folder, name), how)) for name in names])


def share_out(features):
    """(asking, known): every fifth picture asks, the patches of the others are what a bank can be made of."""
    known = np.concatenate([features[i] for i in range(len(features)) if i % 5 != 0])
    return features[::5], known


def choose(vectors, count, coreset=False):
    """A bank of so many of the vectors: by the greedy coreset, else at random, repeated with a little noise where there are too few."""
    generator = np.random.default_rng(0)
    if coreset and count <= len(vectors):
        began = time.perf_counter()
        chosen = snarm.select_coreset(vectors, count)
        print(f"coreset: {count} of {len(vectors)} in {time.perf_counter() - began:.1f} s", flush=True)
        return np.ascontiguousarray(vectors[chosen.astype(np.int64)])
    if count <= len(vectors):
        return np.ascontiguousarray(vectors[generator.permutation(len(vectors))[:count]])
    more = vectors[generator.integers(0, len(vectors), count - len(vectors))]
    spread = vectors.std(0) * 0.1
    return np.concatenate([vectors, more + spread * generator.standard_normal(more.shape, np.float32)]).astype(np.float32)


def halves(asking):
    """(typical, others): about 2,048 patches of the first half of the asking pictures, to tune with; the pictures of the second half, to
    measure with."""
    half = len(asking) // 2
    first = asking[:half]
    step = max(1, first.shape[0] * first.shape[1] // 2048)
    return np.ascontiguousarray(first.reshape(-1, first.shape[2])[::step]), asking[half:]


def tune(bank, typical, k, recall):
    """Seconds of the tuning."""
    began = time.perf_counter()
    bank.tune(typical, k, recall)
    return time.perf_counter() - began


def recall_of(truth, found):
    """Share of the true neighbours that was found."""
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(truth.tolist(), found.tolist())]))


def faiss_flat(vectors):
    """(index, seconds of its making), as the others."""
    import faiss

    began = time.perf_counter()
    flat = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    return flat, time.perf_counter() - began


def faiss_graph(vectors, ef_search=64):
    import faiss

    began = time.perf_counter()
    graph = faiss.IndexHNSWFlat(vectors.shape[1], 32)
    graph.hnsw.efConstruction = 80
    graph.add(vectors)
    graph.hnsw.efSearch = ef_search
    return graph, time.perf_counter() - began


def faiss_lists(vectors, nprobe=32, count=1024):
    import faiss

    began = time.perf_counter()
    lists = faiss.IndexIVFFlat(faiss.IndexFlatL2(vectors.shape[1]), vectors.shape[1], count)
    lists.train(vectors)
    lists.add(vectors)
    lists.nprobe = nprobe
    return lists, time.perf_counter() - began
