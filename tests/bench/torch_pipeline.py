"""The published pipeline restated in eager PyTorch, from patch features to the map, with the check that it gives the published vectors.

usage: torch_pipeline.py GOLDEN_FOLDER

inter-residual by all distances and topk, a part of the patches at a time; navigator and reference set; intra-residual by torch.cdist; the
four Mamba branches, their selective scan a loop over the patches (tests/measure/torch_network.py); map and score. Square grids, one picture.
"""
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn import functional as F

if __name__ == "__main__":
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "measure"))
from torch_network import Network, phi

SIGMA, RADIUS = 4.0, 16
WAYS = [(f"{way}, {size:,} patches at a time", way, size) for way in ("matmul", "cdist") for size in (256, 2401)]


def read_scorer(path):
    """(network, reference ratio) of a scorer file."""
    weights = load_file(path)
    with safe_open(path, "pt") as file:
        ratio = float((file.metadata() or {}).get("self_ratio", 0.75))
    depth = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("mamba_list.0."))
    network = Network(weights["conv_list.0.weight"].shape[1] // 2, weights["conv_list.0.weight"].shape[0], depth).eval()
    missing, unexpected = network.load_state_dict(weights, strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")] + list(unexpected)
    if wrong:
        raise ValueError(f"{path}: not a scorer of the published layout: {', '.join(wrong)}")
    return network.requires_grad_(False), ratio


def blur_weights():
    at = torch.arange(-RADIUS, RADIUS + 1.0)
    weights = torch.exp(-0.5 * (at / SIGMA) ** 2)
    return weights / weights.sum()


def mirrored(x):
    """The edge pixel repeated, along the last axis."""
    return torch.cat([x[..., :RADIUS].flip(-1), x, x[..., -RADIUS:].flip(-1)], -1)


def smooth(pictures):
    """(B, H, W)"""
    weights = blur_weights()[None, None]
    for _ in range(2):
        batch, height, width = pictures.shape
        rows = mirrored(pictures.reshape(batch * height, 1, width))
        pictures = F.conv1d(rows, weights).reshape(batch, height, width).transpose(1, 2)
    return pictures


class Pipeline:
    """way, part: how distances to the bank are taken, see WAYS."""

    def __init__(self, network, ratio, bank=None, k=3, way="matmul", part=256):
        self.network, self.ratio, self.k, self.way, self.part = network, ratio, k, way, part
        if bank is not None:
            self.bank, self.lengths = bank, bank.square().sum(1)

    def inter(self, features):
        """(N, C) to (N, C): the mean of the k nearest bank vectors minus each."""
        nearest = []
        for rows in features.split(self.part):
            if self.way == "cdist":
                distances = torch.cdist(rows, self.bank)
            else:
                distances = torch.addmm(self.lengths, rows, self.bank.T, alpha=-2)  # a query's own length changes no order
            nearest.append(torch.topk(distances, self.k, largest=False).indices)
        return self.bank[torch.cat(nearest)].mean(1) - features

    def hybrid(self, features, inter):
        """(N, C) each to hybrid (N, 2C), reference (N) and the navigator's u (N)."""
        count = len(features)
        side = round(count**0.5)
        of_inter = phi(inter.T.reshape(1, -1, side, side))
        u = torch.sigmoid(self.network.navigator(of_inter)).flatten()
        waypoints = u + of_inter.mean(1).flatten()
        chosen = torch.argsort(waypoints, stable=True)[: round(self.ratio * count)]
        distances = torch.cdist(features, features[chosen])
        distances[chosen, torch.arange(len(chosen))] = torch.inf
        intra = features[chosen[distances.argmin(1)]] - features
        of_intra = phi(intra.T.reshape(1, -1, side, side))
        reference = torch.zeros(count).index_fill(0, chosen, 1.0)
        return torch.cat([of_inter, of_intra], 1)[0].flatten(1).T, reference, u

    def logits(self, hybrid, reference):
        """(N, 2C), (N) to (16, side, side)."""
        side = round(len(hybrid) ** 0.5)
        picture, mask = hybrid.T.reshape(1, -1, side, side), reference.reshape(1, side, side)
        return torch.cat([self.network.branch(picture, mask, i) for i in range(len(self.network.conv_list))], 1)[0]

    def raw_map(self, logits, size):
        return torch.sigmoid(F.interpolate(logits[None], (size, size), mode="bilinear", align_corners=True)).mean(1)[0]

    @staticmethod
    def score(smoothed):
        return F.avg_pool2d(smoothed[None], 16, 2).amax()

    def __call__(self, features, size):
        """(N, C) to the map (size, size) and the image score."""
        with torch.inference_mode():
            hybrid, reference, _ = self.hybrid(features, self.inter(features))
            smoothed = smooth(self.raw_map(self.logits(hybrid, reference), size)[None])[0]
            return smoothed, self.score(smoothed)


def check_golden(folder, tolerance=1e-4):
    """Raises AssertionError unless every step gives the published vectors; returns the largest relative error."""
    largest = [0.0]

    def compare(name, found, wanted):
        error = ((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12)).item()
        assert found.shape == wanted.shape and error <= tolerance, f"{name} differs by {error:.2g} of its largest value"
        largest[0] = max(largest[0], error)

    with torch.inference_mode():
        bank = load_file(os.path.join(folder, "bank.safetensors"))
        for _, way, part in WAYS:
            found = Pipeline(None, 0, bank["bank"], bank["distance"].shape[1], way, part).inter(bank["queries"])
            compare(f"inter-residual by {way}", found, bank["residual"])
        network, ratio = read_scorer(os.path.join(folder, "scorer_small.safetensors"))
        pipeline, wanted = Pipeline(network, ratio), load_file(os.path.join(folder, "scorer_small_io.safetensors"))
        side = wanted["features"].shape[2]
        for i in range(len(wanted["features"])):
            features, inter = (wanted[name][i].flatten(1).T for name in ("features", "inter_residual"))
            hybrid, reference, u = pipeline.hybrid(features, inter)
            compare("navigator", u.reshape(side, side), wanted["navigator"][i])
            assert torch.equal(reference.reshape(side, side), wanted["reference_mask"][i]), "the reference set is another"
            compare("hybrid", hybrid.T.reshape(-1, side, side), wanted["hybrid"][i])
            logits = pipeline.logits(hybrid, reference)
            compare("logits", logits, wanted["logits"][i])
            raw = pipeline.raw_map(logits, wanted["map"].shape[2])
            compare("map", raw, wanted["map"][i])
            smoothed = smooth(raw[None])[0]
            compare("smoothed map", smoothed, wanted["map_smoothed"][i])
            compare("score", pipeline.score(smoothed), wanted["score"][i])
    return largest[0]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(f"every step as published, largest relative error {check_golden(sys.argv[1]):.1e}")
    except (AssertionError, OSError) as problem:
        sys.exit(f"torch_pipeline.py: not the published pipeline: {problem}")
