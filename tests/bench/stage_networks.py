"""Networks of which a user would choose one, at the sizes of inspections: ResNet-18, WideResNet-50-2 and the built-in one."""
from functools import partial

from measure import Absent
from ours import need
from stage_backbone import compare

TITLE = "Networks side by side"


def networks(context):
    """(name, finds the weights file, what the page says of it)"""
    return [
        ("ResNet-18", partial(context.shared_file, "weights", "resnet18_to_layer3.safetensors"), "its ImageNet weights"),
        ("WideResNet-50-2", partial(context.weights, "wide_resnet"), "random weights"),
        ("Built-in network", context.builtin_network, "its weights"),
    ]


def measure(context, say):
    need("torch")
    need("safetensors")
    from torch_backbones import Resnet

    tables, skipped = [], []
    for name, find, weights in networks(context):
        try:
            path = find()
        except Absent as problem:
            skipped.append(f"{name}: {problem}")
            continue
        for size in (64,) if context.quick else (256, 384):
            network = f"{name}, {size} x {size}"
            made, absent = compare(context, f"Networks: {network}", path, f"stages 2 and 3, {weights}", size, Resnet, {"channels": -1}, say)
            tables.append({**made, "network": network})
            skipped += [sentence for sentence in absent if sentence not in skipped]
    return tables, skipped
