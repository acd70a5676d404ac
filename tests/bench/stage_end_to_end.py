"""A whole inspection with the paper's sizes: from the picture's pixels to map and score."""
import statistics
import time

import numpy as np

from measure import Absent, Side, correlation, demand, fastest, table, take_turns
from ours import need
from stage_scorer import branch_gflop

TITLE = "A whole inspection"
LEAST = {"f32": 0.99, "bf16": 0.95, "int8": 0.9}
STAGES = ("backbone", "match", "scorer")


def prepare(picture, size):
    """(height, width, 3) uint8 to the network's input (1, 3, size, size); the resized picture is whole numbers again, as the
    library's, whose fixed-point weights round some of them to the number beside."""
    torch = need("torch")
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    x = torch.nn.functional.interpolate(x, (size, size), mode="bilinear").round_() / 255
    return (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]


class TorchInspection:
    """The published pipeline; keeps the milliseconds of its stages."""

    def __init__(self, features, pipeline, size):
        self.features, self.pipeline, self.size, self.spent = features, pipeline, size, {name: [] for name in STAGES}

    def __call__(self, picture, planes=None):
        """planes: the network's input, already made; None: the picture's."""
        torch, p = need("torch"), self.pipeline
        from torch_pipeline import smooth

        with torch.inference_mode():
            began = time.perf_counter()
            rows = self.features(prepare(picture, self.size) if planes is None else planes)[0].float()
            seen = time.perf_counter()
            inter = p.inter(rows)
            hybrid, reference, _ = p.hybrid(rows, inter)
            matched = time.perf_counter()
            smoothed = smooth(p.raw_map(p.logits(hybrid, reference), self.size)[None])[0]
            score = p.score(smoothed)
            for name, seconds in zip(STAGES, (seen - began, matched - seen, time.perf_counter() - matched)):
                self.spent[name].append(1e3 * seconds)
            return smoothed.numpy(), float(score)


def our_sides(context, model, picture, gflop):
    """(side, what it spent) of each precision, searching exactly and with the filter."""
    sides = []
    for exact in (True, False):
        for precision, detector in context.each(context.snarm.Detector.load, model, threads=context.threads, exact=exact):
            axes = detector.bank.search_info.axes
            if not exact and axes == 0:
                continue
            spent = {name: [] for name in STAGES}

            def run(detector=detector, spent=spent):
                result = detector.inspect(picture)
                spent["backbone"].append(result.preprocess_ms + result.backbone_ms)
                spent["match"].append(result.match_ms)
                spent["scorer"].append(result.scorer_ms + result.map_ms)
                return result.map, result.score

            search = "exact search" if exact else f"search filtered by {axes} axes"
            sides.append((Side(f"libsnarm {precision}, {search}", run, True, precision, gflop if exact else 0), spent))
    return sides


def assembled(context, vit, picture, pipeline, size, say):
    """What one would put together from the fastest parts: the network in OpenVINO, faiss's graph for the bank, PyTorch for the rest."""
    from bank_search import faiss_graph
    from runtimes import openvino_runner
    from torch_pipeline import Pipeline

    torch, faiss = need("torch"), need("faiss", "faiss-cpu")
    faiss.omp_set_num_threads(context.threads)
    say("    making faiss's graph")
    graph, _ = faiss_graph(pipeline.bank.numpy())

    class Graph(Pipeline):
        def inter(self, features):
            found = torch.from_numpy(graph.search(features.numpy(), self.k)[1])
            return self.bank[found].mean(1) - features

    sides = []
    for precision in ("f32", "bf16"):
        run = openvino_runner(vit, prepare(picture, size), context.threads, precision)
        inspection = TorchInspection(lambda x, run=run: torch.from_numpy(np.array(run(x.numpy()))),
                                     Graph(pipeline.network, pipeline.ratio, pipeline.bank, pipeline.k), size)
        name = f"OpenVINO network in {precision}, faiss HNSW32 efSearch 64, scorer in PyTorch"
        sides.append((Side(name, lambda i=inspection: i(picture), precision=precision), inspection.spent, inspection))
    return sides


def torch_sides(context, detector, picture, size):
    """PyTorch with the network in f32 and in bf16; the distances to the bank in the fastest of a few ways."""
    from torch_backbones import Vit
    from torch_pipeline import WAYS, Pipeline, read_scorer

    torch = need("torch")
    torch.set_num_threads(context.threads)
    vit = Vit(context.weights("vit"), size)
    narrow = Vit(context.weights("vit"), size).to(torch.bfloat16)
    network, ratio = read_scorer(context.weights("scorer"))
    bank = torch.from_numpy(np.array(detector.bank.vectors))
    with torch.inference_mode():
        rows = vit(prepare(picture, size))[0]
        way, _ = fastest([((way, part), lambda way=way, part=part: Pipeline(network, ratio, bank, 3, way, part).inter(rows))
                          for _, way, part in WAYS], tries=1)
    pipeline = Pipeline(network, ratio, bank, 3, *way)
    sides = []
    for precision, features in (("f32", vit), ("bf16", lambda x: narrow(x.to(torch.bfloat16)))):
        inspection = TorchInspection(features, pipeline, size)
        name = f"published pipeline in PyTorch, network in {precision}, distances by {way[0]} of {min(way[1], len(rows)):,} patches at a time"
        sides.append((Side(name, lambda i=inspection: i(picture), precision=precision), inspection.spent, inspection))
    return sides, vit, pipeline


def measure(context, say):
    torch = need("torch")
    need("safetensors")
    from torch_pipeline import check_golden

    checks = [f"PyTorch's pipeline against the vectors of the published code: largest relative error "
              f"{check_golden(context.shared_file('golden')):.1e}"]
    size, skipped = 56 if context.quick else 392, []
    say("    fitting")
    model = context.paper_model()
    detector = context.snarm.Detector.load(model, threads=context.threads)
    picture = context.some_pictures(8 if context.quick else 50)[-1]  # not one of those it was fitted with, where there are enough
    patches, count, channels = detector.info.backbone.patches, len(detector.bank), detector.bank.channels
    peers, vit, pipeline = torch_sides(context, detector, picture, size)
    hard = patches - round(0.75 * patches)
    work = {"backbone": vit.gflop(), "search": 2e-9 * patches * count * channels, "intra": 2e-9 * patches * (patches - hard) * channels,
            "scorer": branch_gflop(pipeline.network, patches, hard, channels)}
    gflop = sum(work.values())
    pairs = our_sides(context, model, picture, gflop) + peers
    for side, *_ in peers:
        side.gflop = gflop
    try:
        pairs += assembled(context, vit, picture, pipeline, size, say)
    except Absent as problem:
        skipped.append(str(problem))
    # The library resizes by OpenCV's fixed-point arithmetic, as published; PyTorch's resize, timed below, rounds an eighth of the samples to
    # the number beside, which a network of random weights makes much of. What the programs compute is compared on one input.
    planes = torch.from_numpy(context.snarm.preprocess(picture, detector.info.preprocess))[None]
    expected, alike = peers[0][2](picture, planes)[0], {}
    for side, _, *inspection in pairs:
        found, value = inspection[0](picture, planes) if inspection else side.run()
        alike[side.name] = correlation(found, expected)
        least = LEAST[side.precision]
        what = f"{side.name}: correlation of the map with the published pipeline's in f32"
        if side.ours and side.precision == "f32":
            demand(what, alike[side.name], least)
        elif alike[side.name] < least:  # a loss by lower precision or by recall, which is shown
            side.same, side.note = False, "its map is another"
        say(f"    {what} {alike[side.name]:.6f}; score {value:.6f}")
    for _, spent, *_ in pairs:
        for values in spent.values():
            values.clear()
    rows = take_turns([side for side, *_ in pairs], context.rounds, say)
    for made, (_, spent, *_) in zip(rows, pairs):
        made["also"] = {f"{name} ms": f"{statistics.median(values):.1f}" for name, values in spent.items()}
        made["also"]["map's correlation"] = f"{alike[made['name']]:.4f}"
    text = (f"A picture of {picture.shape[1]} x {picture.shape[0]} to 3 x {size} x {size}, ViT-B/14 with 4 registers, bank {count:,} x {channels} "
            f"of real pictures' features, k = 3, reference ratio 0.75, scorer of the paper's sizes; random weights, the same in all. GFLOP with an "
            f"exact search: {gflop:.0f} (" + ", ".join(f"{name} {value:.1f}" for name, value in work.items())
            + "). Map's correlation: with the published pipeline's in f32, on the same resized picture.")
    return [table("SNARM: picture to map and score", text, rows, checks)], skipped
