"""PatchCore: the detector without a scorer beside anomalib's, from the picture's pixels to map and score."""
import numpy as np

from measure import Absent, Side, correlation, demand, table, take_turns
from ours import need
from runtimes import openvino_runner
from stage_end_to_end import prepare

TITLE = "PatchCore"
# anomalib enlarges the patches' distances without interpolation before it smooths them, the library bilinearly: nearly the same map.
LEAST = {"f32": 0.97, "bf16": 0.95, "int8": 0.9}


def measure(context, say):
    torch = need("torch")
    need("safetensors")
    import torch_patchcore

    torch.set_num_threads(context.threads)
    size, pictures, count = (64, 8, 300) if context.quick else (224, 42, 25_000)
    weights = context.weights("resnet18")
    model = context.model("patchcore", weights, pictures, width=size, height=size, bank_size=count)
    sides, skipped = [], []
    picture = context.some_pictures(pictures + 1)[-1]
    for exact in (True, False):
        for precision, detector in context.each(context.snarm.Detector.load, model, threads=context.threads, exact=exact):
            axes = detector.bank.search_info.axes
            if exact or axes:
                search = "exact search" if exact else f"search filtered by {axes} axes"
                sides.append(Side(f"libsnarm {precision}, {search}", lambda d=detector: d.inspect(picture).map, True, precision))
    bank = torch.from_numpy(np.array(detector.bank.vectors))
    name, module, note = torch_patchcore.make(weights, bank)

    def eager():
        with torch.inference_mode():
            return module(prepare(picture, size))[0].numpy()[0, 0]

    sides.append(Side(f"{name}, PyTorch f32", eager, note=note))
    for precision in ("f32", "bf16"):
        try:
            run = openvino_runner(module, prepare(picture, size), context.threads, precision)
        except Absent as problem:
            skipped.append(str(problem))
            continue
        sides.append(Side(f"{name}, OpenVINO {precision}", lambda run=run: run(prepare(picture, size).numpy())[0, 0], precision=precision,
                          note=note))
    expected = eager()
    from torch_backbones import Resnet

    patches, channels = detector.info.backbone.patches, bank.shape[1]
    network, search = Resnet(weights).gflop(size), 2e-9 * patches * len(bank) * channels
    for side in sides:
        alike = correlation(side.run(), expected)
        side.also["map's correlation"] = f"{alike:.4f}"
        least = LEAST[side.precision] if not context.quick else 0.9
        if side.ours or side.precision == "f32":
            demand(f"{side.name}: correlation of the map with that of {name} in f32", alike, least)
        elif alike < least:  # distances as a difference of large sums do not survive bf16
            side.same, side.note = False, (side.note + "; " if side.note else "") + "its map is another"
        side.gflop = network + search if "filtered" not in side.name else 0
    text = (f"A picture of {picture.shape[1]} x {picture.shape[0]} to 3 x {size} x {size}, ResNet-18 (random weights), layer2 and layer3, bank "
            f"{len(bank):,} x {channels} of real pictures' features, the same in all; GFLOP with an exact search: {network + search:.1f} "
            f"(network {network:.1f}, search {search:.1f}). anomalib weighs its score by {torch_patchcore.NEIGHBOURS} neighbours. "
            f"Map's correlation: with {name}'s in f32; anomalib enlarges the patches' distances without interpolation, the library bilinearly.")
    return [table("PatchCore: picture to map and score", text, take_turns(sides, context.rounds, say))], skipped
