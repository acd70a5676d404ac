"""Greedy k-centre: choosing a bank out of all patches."""
import numpy as np

from measure import Side, demand, seconds_of, table, take_turns
from ours import need

TITLE = "Choosing the bank"
PROJECTION = 128  # ours by default


def patches_of(context, count):
    """(count, 512) features of real pictures by a ResNet-18."""
    from bank_search import read_features

    size, pictures = (112, 12) if context.quick else (392, 42)
    features = read_features(context.shared_file("weights", "resnet18_to_layer3.safetensors"), context.pictures(), pictures, size, 512,
                             context.threads)
    return np.ascontiguousarray(features.reshape(-1, 512)[:count])


def plain_loop(vectors, count, first):
    """Indices of count centres: the textbook's loop, as one would write it in PyTorch."""
    torch = need("torch")
    with torch.inference_mode():
        lengths = vectors.square().sum(1)
        chosen, nearest = [first], torch.full_like(lengths, torch.inf)
        while len(chosen) < count:
            nearest = torch.minimum(nearest, torch.addmv(lengths, vectors, vectors[chosen[-1]], alpha=-2).add_(lengths[chosen[-1]]))
            chosen.append(int(nearest.argmax()))
        return chosen


def radius(vectors, chosen):
    """Largest distance of a vector to its nearest centre: what greedy k-centre makes small."""
    torch = need("torch")
    with torch.inference_mode():
        centres = vectors[torch.as_tensor(np.asarray(chosen, np.int64))]
        return max(float(torch.cdist(part, centres).min(1).values.max()) for part in vectors.split(2000))


def check(context, vectors):
    """Without a projection ours must choose what the plain loop chooses in double precision."""
    torch = need("torch")
    some = np.ascontiguousarray(vectors[:: max(1, len(vectors) // 2000)][:2000])
    count = len(some) // 10
    ours = context.snarm.select_coreset(some, count, projection=-1, threads=context.threads)
    plain = plain_loop(torch.from_numpy(some).double(), count, int(ours[0]))
    agree = demand(f"without a projection, share of {count} centres of {len(some):,} chosen as by the plain loop in double precision",
                   len(set(map(int, ours)) & set(plain)) / count, 0.99)
    wide = radius(torch.from_numpy(some), plain) / radius(torch.from_numpy(some), context.snarm.select_coreset(some, count))
    return [agree, demand("radius of the plain loop's cover without a projection, over that of ours with it", wide, 0.7)]


def anomalib_loop(vectors, say):
    """(name, prepare(), centres(count)): anomalib's KCenterGreedy a part at a time, or the same steps where it is absent."""
    torch = need("torch")
    try:
        import logging

        logging.disable(logging.WARNING)
        from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy

        sampler, state = KCenterGreedy(embedding=vectors, sampling_ratio=0.1), {}

        def prepare():
            sampler.model.fit(vectors)
            sampler.features = sampler.model.transform(vectors)
            sampler.reset_distances()

        def centres(count):
            state["at"] = state.get("at", torch.tensor(0))
            for _ in range(count):
                sampler.update_distances(cluster_center=state["at"])
                state["at"] = sampler.get_new_idx()
                sampler.min_distances.scatter_(0, state["at"].unsqueeze(0).unsqueeze(1), 0.0)
        return "anomalib's KCenterGreedy", prepare, centres
    except ImportError:
        say("    anomalib is not installed: its loop, restated")
        eps, made = 0.9, {}
        dimensions = int(4 * np.log(len(vectors)) / (eps**2 / 2 - eps**3 / 3))  # of its sparse random projection

        def prepare():
            made["features"] = vectors @ torch.randn(vectors.shape[1], dimensions) / dimensions**0.5
            made["nearest"], made["at"] = torch.full((len(vectors), 1), torch.inf), 0

        def centres(count):
            for _ in range(count):
                away = torch.linalg.norm(made["features"] - made["features"][made["at"]], ord=2, dim=1, keepdim=True)
                made["nearest"] = torch.minimum(made["nearest"], away)
                made["at"] = int(made["nearest"].squeeze(1).argmax())
        return "anomalib's KCenterGreedy, restated", prepare, centres
    finally:
        logging.disable(logging.NOTSET)


def measure(context, say):
    torch = need("torch")
    torch.set_num_threads(context.threads)
    count, target, few, very_few = (1500, 150, 50, 10) if context.quick else (100_000, 10_000, 200, 20)
    vectors = patches_of(context, count)
    checks = check(context, vectors)
    say("\n".join("    " + sentence for sentence in checks))
    whole = torch.from_numpy(vectors)
    matrix = torch.randn(vectors.shape[1], PROJECTION) / PROJECTION**0.5
    projecting = seconds_of(lambda: whole @ matrix)
    projected = whole @ matrix
    name, prepare, centres = anomalib_loop(whole, say)
    preparing = seconds_of(prepare)
    sides = [Side("libsnarm f32", lambda: context.snarm.select_coreset(vectors, target, threads=context.threads), True),
             Side("plain loop in PyTorch", lambda: plain_loop(projected, few, 0)), Side(name, lambda: centres(very_few))]
    rows = take_turns(sides, min(context.rounds, 3), lambda text: None)
    for made, part, before in ((rows[1], few - 1, projecting), (rows[2], very_few, preparing)):
        made["note"] = f"from {part} centres after {before:.2f} s of projection, for {target:,}"
        for key in ("median_ms", "minimum_ms"):
            made[key] = made[key] * (target - 1) / part + 1e3 * before
    for made in rows:
        say(f"    {made['name']}: {made['median_ms'] / 1e3:.2f} s{' (extrapolated)' if made['note'] else ''}")
    dimensions = f"{PROJECTION} dimensions of a random projection" if PROJECTION < vectors.shape[1] else "all channels"
    work = (f"{target:,} of {len(vectors):,} x {vectors.shape[1]} patches of real pictures, in {dimensions} (anomalib: as many as it chooses "
            "by itself); the other two programs' loops take the same time for every centre, so that a few are measured.")
    return [table("Greedy k-centre", work, rows, checks)], []
