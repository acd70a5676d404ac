"""The networks alone, from a preprocessed picture to patch features."""
import numpy as np

from measure import Absent, Side, cosine, demand, table, take_turns
from ours import need
from runtimes import all_sides

TITLE = "Backbones"
# How alike features must be: a bf16 network's rounding stays far above, another network's features far below.
LEAST = {"f32": 0.9999, "bf16": 0.98, "int8": 0.9}


def networks(context):
    """(title, kind of weights, input size, makes the torch module from a path, options of ours)"""
    from torch_backbones import Resnet, Vit

    plain = {"channels": -1}
    if context.quick:
        return [("ResNet-18, 64 x 64", "resnet18", 64, Resnet, plain), ("ViT of 64 channels, 56 x 56", "vit", 56, lambda p: Vit(p, 56), {})]
    return [("ViT-B/14 with 4 registers, 392 x 392, stopped after block 8", "vit", 392, lambda path: Vit(path, 392), {})] + [
        (f"{title}, {size} x {size}, stopped after layer3", kind, size, Resnet, plain)
        for title, kind in (("ResNet-18", "resnet18"), ("WideResNet-50-2", "wide_resnet")) for size in (256, 384)]


def compare(context, title, path, weights, size, make, options, say):
    """The table of one network at one size, and what was left out. path: its weights file; weights: what the page says of them."""
    torch = need("torch")
    say(f"  {title}")
    module, skipped, sides = make(path), [], []
    gflop = module.gflop(size)
    for precision, ours in context.each(context.snarm.Backbone, path, width=size, height=size, threads=context.threads, **options):
        planes = context.planes(ours.info)[0]
        sides.append(Side(f"libsnarm {precision}", lambda ours=ours, planes=planes: ours.features(planes), True, precision, gflop))
    if not sides:
        raise Absent(f"libsnarm runs {title} in none of {', '.join(context.precisions)} here: give others with --precisions.")
    with torch.inference_mode():
        expected = module(torch.from_numpy(planes[None]))[0].numpy()
    sides += all_sides("", module, torch.from_numpy(planes[None]), context.threads, gflop, skipped)
    for side in sides:
        found = side.run()
        found = np.asarray(found.float() if isinstance(found, torch.Tensor) else found, np.float32).reshape(expected.shape)
        alike = cosine(found, expected)
        say("    " + demand(f"{side.name}: least cosine similarity of a patch's features with PyTorch f32's", alike, LEAST[side.precision]))
        side.also["least cosine"] = f"{alike:.5f}"
    info = ours.info
    work = (f"Input 3 x {size} x {size}, features {info.grid_width}x{info.grid_height} x {info.channels}; {weights}; "
            f"{gflop:.1f} GFLOP. Least cosine: smallest cosine similarity of a patch's features with those of PyTorch in f32.")
    return table(title, work, take_turns(sides, context.rounds, say)), skipped


def measure(context, say):
    need("torch")
    need("safetensors")
    tables, skipped = [], []
    for title, kind, *how in networks(context):
        made, absent = compare(context, title, context.weights(kind), "random weights", *how, say)
        tables.append(made)
        skipped += [sentence for sentence in absent if sentence not in skipped]
    return tables, skipped
