"""From inter-residuals to the map: navigator and intra-residual, the Mamba branches, the map."""
import numpy as np

from measure import Side, correlation, demand, table, take_turns
from ours import need

TITLE = "Intra-residual, scorer and map"
LEAST = {"f32": 0.9999, "bf16": 0.99, "int8": 0.95}


def branch_gflop(network, patches, hard, channels):
    """Of the convolutions and matrix products of all branches; hard: patches that pass through the mixers."""
    branches, depth = len(network.conv_list), len(network.mamba_list[0])
    d = network.conv_list[0].weight.shape[0]
    mixer = network.mamba_list[0][0].mixer
    rank, states = mixer.sizes[0], mixer.sizes[1]
    a_patch = 4 * d * d + 2 * d * (rank + 2 * states) + 2 * d * rank + 2 * d * d
    conv = 9 * d * d * patches
    return 2e-9 * branches * (2 * channels * d * patches + 4 * (depth * (conv + hard * a_patch) + conv + d * patches))


def torch_run(run, autocast=False):
    torch = need("torch")

    def timed():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return run()
    return timed


class Inputs:
    """One picture's features and inter-residuals, the scorer in both programs, and what each step gives in PyTorch."""

    def __init__(self, context):
        from torch_pipeline import Pipeline, read_scorer

        torch = need("torch")
        torch.set_num_threads(context.threads)
        self.size = 56 if context.quick else 392
        backbone = context.snarm.Backbone(context.weights("vit"), width=self.size, height=self.size, threads=context.threads)
        self.info = backbone.info
        self.features, others = (backbone.features(planes) for planes in context.planes(self.info, 2))
        network, self.ratio = read_scorer(context.weights("scorer"))
        self.pipeline = Pipeline(network, self.ratio, torch.from_numpy(others), 3)
        self.rows = torch.from_numpy(self.features)
        with torch.inference_mode():
            self.inter = self.pipeline.inter(self.rows)
            self.hybrid, self.reference, _ = self.pipeline.hybrid(self.rows, self.inter)
            self.logits = self.pipeline.logits(self.hybrid, self.reference)
        self.inter_array = np.ascontiguousarray(self.inter.numpy())
        self.hybrid_array = np.ascontiguousarray(self.hybrid.numpy())
        self.mask = self.reference.numpy().astype(np.uint8)
        self.logits_array = np.ascontiguousarray(self.logits.flatten(1).numpy())


def intra(context, given, say):
    patches, channels = given.features.shape
    chosen = round(given.ratio * patches)
    gflop, sides, checks = 2e-9 * patches * chosen * channels, [], []
    expected = given.hybrid_array
    scorer = context.snarm.Scorer(context.weights("scorer"), grid_width=given.info.grid_width, grid_height=given.info.grid_height)
    for precision, engine in context.each(context.snarm.ResidualEngine, *scorer.navigator, patches=patches, reference_ratio=given.ratio,
                                          threads=context.threads):
        sides.append(Side(f"libsnarm {precision}", lambda engine=engine: engine.hybrid(given.features, given.inter_array), True, precision,
                          gflop))
        found = sides[-1].run()
        same = float((found.reference == given.mask).mean())
        checks.append(demand(f"libsnarm {precision}: share of patches on the same side of the reference set", same, LEAST[precision] - 2e-3))
        checks.append(demand(f"libsnarm {precision}: correlation of the hybrid residual with PyTorch's",
                             correlation(found.hybrid, expected), LEAST[precision]))
    sides.append(Side("PyTorch eager f32", torch_run(lambda: given.pipeline.hybrid(given.rows, given.inter)), gflop=gflop))
    work = f"{patches:,} patches x {channels} channels against the {chosen:,} of the reference set; {gflop:.2f} GFLOP, phi and navigator besides."
    return table("Navigator, reference set and intra-residual", work, take_turns(sides, context.rounds, say), checks)


def branches(context, given, say):
    patches, channels = given.features.shape
    hard = int((given.mask == 0).sum())
    gflop = branch_gflop(given.pipeline.network, patches, hard, channels)
    sides, checks = [], []
    for precision, scorer in context.each(context.snarm.Scorer, context.weights("scorer"), grid_width=given.info.grid_width,
                                          grid_height=given.info.grid_height, threads=context.threads):
        sides.append(Side(f"libsnarm {precision}", lambda scorer=scorer: scorer.logits(given.hybrid_array, given.mask), True, precision, gflop))
        checks.append(demand(f"libsnarm {precision}: correlation of the logits with PyTorch's",
                             correlation(sides[-1].run(), given.logits_array), LEAST[precision]))
    run = lambda: given.pipeline.logits(given.hybrid, given.reference)  # noqa: E731
    sides.append(Side("PyTorch eager f32", torch_run(run), gflop=gflop))
    sides.append(Side("PyTorch eager bf16, autocast", torch_run(run, True), precision="bf16", gflop=gflop))
    checks.append(demand("PyTorch bf16: correlation of the logits with f32's", correlation(sides[-1].run().float(), given.logits_array),
                         LEAST["bf16"]))
    d = given.pipeline.network.conv_list[0].weight.shape[0]
    work = (f"{given.info.grid_width} x {given.info.grid_height} patches, C = {channels}, D = {d}, "
            f"{len(given.pipeline.network.conv_list)} branches x 4 scans, {hard} hard patches; {gflop:.1f} GFLOP.")
    return table("Mamba branches and heads, to the logits", work, take_turns(sides, context.rounds, say), checks)


def maps(context, given, say):
    from torch_pipeline import smooth

    snarm, size, grid = context.snarm, given.size, (given.info.grid_width, given.info.grid_height)

    def ours():
        whole = snarm.maps.from_logits(given.logits_array, *grid, size, size, threads=context.threads)
        snarm.maps.smooth(whole, 4.0, threads=context.threads)
        return whole, snarm.maps.score(whole)

    def torch_map():
        smoothed = smooth(given.pipeline.raw_map(given.logits, size)[None])[0]
        return smoothed, given.pipeline.score(smoothed)

    sides = [Side("libsnarm f32", ours, True), Side("PyTorch eager f32", torch_run(torch_map))]
    found, expected = ours()[0], sides[1].run()[0].numpy()
    checks = [demand("libsnarm: correlation of the map with PyTorch's", correlation(found, expected), 0.9999)]
    work = f"{len(given.logits_array)} logit maps of {grid[0]} x {grid[1]} to one of {size} x {size}, sigmoid, Gaussian sigma 4, score."
    return table("Map and image score", work, take_turns(sides, context.rounds, say), checks)


def measure(context, say):
    need("torch")
    from torch_pipeline import check_golden

    golden = context.shared_file("golden")
    checked = f"PyTorch's pipeline against the vectors of the published code: largest relative error {check_golden(golden):.1e}"
    say(f"    {checked}")
    given = Inputs(context)
    tables = [step(context, given, say) for step in (intra, branches, maps)]
    tables[0]["checks"].insert(0, checked)
    return tables, []
