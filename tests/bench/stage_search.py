"""The bank search of one picture's patches, and the recall of each way to do it."""
import numpy as np

from measure import Absent, Side, fastest, table, take_turns
from ours import need

TITLE = "Bank search"
K, RECALL = 3, 0.999


def true_neighbours(queries, vectors):
    """Of all queries, by all distances in double precision."""
    torch = need("torch")
    bank = torch.from_numpy(vectors).double()
    lengths = bank.square().sum(1)
    parts = torch.from_numpy(queries).double().split(400)
    return np.concatenate([torch.topk(lengths - 2 * part @ bank.T, K, largest=False).indices.numpy() for part in parts])


class Searches:
    """The sides of one bank, each with its recall over all pictures that ask; a run searches for the next picture."""

    def __init__(self, context, vectors, pictures, say):
        from bank_search import recall_of

        self.context, self.vectors, self.pictures, self.say = context, vectors, pictures, say
        self.truth = [true_neighbours(queries, vectors) for queries in pictures]
        self.recall_of, self.sides = recall_of, []
        patches, channels = pictures[0].shape
        self.brute = 2e-9 * patches * len(vectors) * channels

    def recall(self, search):
        return float(np.mean([self.recall_of(truth, search(queries)) for truth, queries in zip(self.truth, self.pictures)]))

    def add(self, name, search, build, ours=False, precision="f32", gflop=0.0, recall=None, note=""):
        """search: queries to indices (count, K)."""
        turn = [0]

        def run():
            turn[0] += 1
            return search(self.pictures[turn[0] % len(self.pictures)])

        recall = self.recall(search) if recall is None else recall
        self.say(f"    {name}: recall {recall:.4f}, made in {build:.1f} s")
        self.sides.append(Side(name, run, ours, precision, gflop, also={"recall": f"{recall:.4f}", "build s": f"{build:.1f}"}, note=note,
                               same=recall >= RECALL))
        return recall


def add_ours(searches, typical):
    from bank_search import tune

    context, best = searches.context, 1.0
    count, channels = searches.vectors.shape
    for precision, exact in context.each(context.snarm.Bank, searches.vectors, threads=context.threads):
        if precision != "f32":  # an exact search is f32
            continue
        searches.add(f"libsnarm exact {precision}", lambda q, b=exact: b.search(q, K)[1], 0, True, precision, searches.brute)
    for precision, tuned in context.each(context.snarm.Bank, searches.vectors, threads=context.threads):
        seconds = tune(tuned, typical, K, RECALL)
        axes, cells, probes = tuned.search_info.axes, tuned.search_info.cells, tuned.search_info.probes
        if axes == 0 or tuned.search_info.precision != precision:  # no filter found enough; or it is f32 whatever is asked for
            continue
        # What it cannot do without: queries turned to the axes, and their products with the cells and with the vectors of
        # those that they look at.
        least = 2e-9 * len(searches.pictures[0]) * axes * (count * (probes / cells if cells else 1) + channels + cells)
        found = searches.add(f"libsnarm filtered {precision}, {axes} axes", lambda q, b=tuned: b.search(q, K)[1], seconds, True, precision,
                             least, note=f"GFLOP of the filter alone; of a brute-force search {searches.brute:.1f}")
        best = min(best, found)
    return best


def next_setting(value):
    """8, 12, 16, 24, 32, 48, ..."""
    return value // 2 * 3 if value.bit_count() == 1 else value // 3 * 4


def add_faiss(searches, ours):
    from bank_search import faiss_flat, faiss_graph, faiss_lists

    faiss = need("faiss", "faiss-cpu")
    faiss.omp_set_num_threads(searches.context.threads)
    flat, seconds = faiss_flat(searches.vectors)
    searches.add("faiss Flat", lambda q: flat.search(q, K)[1], seconds, gflop=searches.brute)
    graph, seconds = faiss_graph(searches.vectors)
    # An index has one setting at a time: each side sets its own before its search.

    def with_ef(ef):
        def search(queries):
            graph.hnsw.efSearch = ef
            return graph.search(queries, K)[1]
        return search

    recall = searches.add("faiss HNSW32, efSearch 64", with_ef(64), seconds)
    ef, wanted = 64, [(f"a recall of {RECALL}", RECALL), ("our filter's recall", ours)]
    for what, least in wanted:
        if recall >= least:
            continue
        while recall < least and ef < 4096:
            ef = next_setting(ef)
            recall = searches.recall(with_ef(ef))
        searches.add(f"faiss HNSW32, efSearch {ef}", with_ef(ef), seconds, recall=recall,
                     note=f"the first of efSearch 96, 128, 192, ... with {what}" if recall >= least else f"{what} is not reached")
    count = 1024 if len(searches.vectors) >= 40960 else 16
    lists, seconds = faiss_lists(searches.vectors, count=count)

    def with_probes(number):
        def search(queries):
            lists.nprobe = number
            return lists.search(queries, K)[1]
        return search

    probes, recall = 8, searches.recall(with_probes(8))
    while recall < RECALL and probes < count:
        probes = min(count, next_setting(probes))
        recall = searches.recall(with_probes(probes))
    searches.add(f"faiss IVF{count}, nprobe {probes}", with_probes(probes), seconds, recall=recall,
                 note=f"the first of nprobe 8, 12, 16, 24, ... with a recall of {RECALL}")


def add_torch(searches):
    torch = need("torch")
    torch.set_num_threads(searches.context.threads)
    bank = torch.from_numpy(searches.vectors)

    def by_chunks(size):
        def search(queries):
            with torch.inference_mode():
                return np.concatenate([torch.topk(torch.cdist(part, bank), K, largest=False).indices.numpy()
                                       for part in torch.from_numpy(queries).split(size)])
        return search

    sizes = [len(searches.pictures[0]), 256]
    candidates = [(size, lambda size=size: by_chunks(size)(searches.pictures[0])) for size in sizes]
    size, _ = fastest(candidates, tries=1)
    searches.add(f"torch.cdist and topk, {size:,} queries at a time", by_chunks(size), 0, gflop=searches.brute)


def measure(context, say):
    from bank_search import choose, halves, read_features, share_out

    weights, folder = context.shared_file("weights", "resnet18_to_layer3.safetensors"), context.pictures()
    size, count, pictures = (112, 4000, 30) if context.quick else (392, 100_000, 60)
    features = read_features(weights, folder, pictures, size, 512, context.threads)
    asking, known = share_out(features)
    vectors = choose(known, count)
    typical, others = halves(asking)
    searches = Searches(context, vectors, [np.ascontiguousarray(q) for q in others[: context.rounds]], say)
    skipped = []
    best = add_ours(searches, typical)
    for add in (lambda: add_faiss(searches, best), lambda: add_torch(searches)):
        try:
            add()
        except Absent as problem:
            skipped.append(str(problem))
    exact = next(side for side in searches.sides if side.name.startswith("libsnarm exact"))
    if float(exact.also["recall"]) < 0.9999:
        raise AssertionError(f"our exact search has a recall of {exact.also['recall']} against double precision")
    patches, channels = others[0].shape
    work = (f"{patches:,} queries (a picture's patches) x {len(vectors):,} vectors x {channels} channels, k = {K}; features of real pictures "
            f"by a ResNet-18; brute force is {searches.brute:.1f} GFLOP. Recall is the share of the true neighbours, found in double precision.")
    return [table("Search for the patches of one picture", work, take_turns(searches.sides, context.rounds, say))], skipped
