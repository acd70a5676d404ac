"""Turns published PyTorch files into safetensors files that libsnarm reads.

    python -m snarm.convert dinov2_vitb14_reg4_pretrain.pth dinov2_b.safetensors
    python -m snarm.convert snarm_bottle.pth bottle_scorer.safetensors --metadata licence=MIT

Backbones (torchvision's, timm's, Meta's and Hugging Face's names) and scorer checkpoints are told apart by their tensors' names. A
checkpoint of a whole model is cut down to the part that is asked for. The result is opened with the library before it gets its name:
a file that libsnarm would not read is never left behind. Needs PyTorch, which only unpickles tensors here (weights_only).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any

from . import _safetensors
from .backbone import Backbone
from .errors import Error
from .scorer import Scorer

# Where training programs put the weights inside a checkpoint, and what they put before the names.
CONTAINERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "teacher",
    "student",
    "net",
    "network",
    "weights",
    "ema",
    "params",
)
# Tensors that tell a part by their names, whatever a training program put before them.
SCORER = ("simple_predictor.weight",)
BACKBONE = ("layer1.0.conv1.weight", "patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight")
SCORER_PARTS = ("simple_predictor.", "conv_list.", "mamba_list.", "norm_list.", "head_list.")


class ConvertError(Exception):
    """What is wrong with the file to be converted."""


def load(path: str) -> Any:
    """What a PyTorch file holds: tensors, numbers, strings and containers of them, nothing that could run."""
    try:
        import torch
    except ImportError:
        raise ConvertError("PyTorch is not installed, and reading PyTorch files needs it (pip install torch)") from None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConvertError(f"{path}: {error.strerror or error}") from None
    except Exception as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise ConvertError(f"{path}: not a PyTorch file of weights alone: {first[0]}") from None


def state_dict(content: Any, path: str) -> dict[str, Any]:
    """The named tensors of a file, taken out of the containers that checkpoints wrap them in."""
    import torch

    for _ in range(4):
        if not isinstance(content, Mapping):
            raise ConvertError(f"{path}: holds a {type(content).__name__}, expected named tensors (a state_dict)")
        tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
        inner = [key for key in CONTAINERS if isinstance(content.get(key), Mapping)]
        if tensors and not (inner and len(tensors) < len(content[inner[0]])):
            return tensors
        if not inner:
            break
        content = content[inner[0]]
    keys = ", ".join(map(str, list(content)[:8])) or "nothing"
    raise ConvertError(f"{path}: no named tensors found, only {keys}")


def _prefix(names: list[str], wanted: tuple[str, ...]) -> str | None:
    """What stands before the wanted name, "module." for instance; the shortest where there are several, None without any."""
    found = [name[: -len(end)] for name in names for end in wanted if name == end or name.endswith("." + end)]
    return min(found, key=len, default=None)


def choose(tensors: dict[str, Any], kind: str, path: str) -> tuple[str, dict[str, Any]]:
    """The tensors of one part under the names that libsnarm knows, and which part that is."""
    names = list(tensors)
    starts = {"scorer": _prefix(names, SCORER), "backbone": _prefix(names, BACKBONE)}
    if kind == "auto":
        found = [part for part, start in starts.items() if start is not None]
        if len(found) == 2:
            raise ConvertError(f"{path}: holds a backbone and a scorer; say which with --kind backbone or --kind scorer")
        if not found:
            raise ConvertError(f"{path}: neither a backbone nor a scorer; its tensors begin with {', '.join(names[:4])}")
        kind = found[0]
    start = starts[kind]
    if start is None:
        raise ConvertError(f"{path}: holds no {kind}; its tensors begin with {', '.join(names[:4])}")
    part = {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}
    return kind, {name: value for name, value in part.items() if name.startswith(SCORER_PARTS) == (kind == "scorer")}


def as_tensor(value: Any, name: str, path: str) -> _safetensors.Tensor:
    """A tensor's bytes; float64 becomes float32, which is what libsnarm reads, other types stay."""
    import torch

    kinds = {
        torch.float32: "F32",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.int64: "I64",
        torch.int32: "I32",
        torch.int16: "I16",
        torch.int8: "I8",
        torch.uint8: "U8",
        torch.bool: "BOOL",
    }
    if value.layout != torch.strided or value.is_quantized:
        raise ConvertError(f"{path}: tensor {name} is sparse or quantized, expected plain numbers")
    if value.dtype == torch.float64:
        value = value.to(torch.float32)
    kind = kinds.get(value.dtype)
    if kind is None:
        raise ConvertError(f"{path}: tensor {name} is of {value.dtype}, expected float32, float16 or bfloat16")
    # numpy knows no bfloat16: the bytes are taken as those of integers of the same width.
    plain = value.detach().cpu().contiguous()
    if value.dtype == torch.bfloat16:
        plain = plain.view(torch.int16)
    array = plain.numpy()
    return _safetensors.Tensor(kind, tuple(value.shape), array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def verify(path: str, kind: str) -> str:
    """Opens the result as libsnarm will; returns a line about it."""
    if kind == "backbone":
        with Backbone(path) as backbone:
            info = backbone.info
            return f"{info.architecture}, {info.channels} channels at {info.width} x {info.height}"
    with Scorer(path, grid_width=14, grid_height=14) as scorer:
        about = scorer.info
        return f"{about.branches} branches, depth {about.depth}, {about.channels} channels, embedding {about.embedding}"


def convert(source: str, target: str, *, kind: str = "auto", metadata: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Converts a file. Returns "backbone" or "scorer", and a line about it.

    source: a .pth, .pt or .bin file of PyTorch.
    target: the safetensors file to write, whole or not at all.
    kind: "auto", "backbone" or "scorer".
    metadata: added to the file's: image_mean, image_std, heads, norm_eps, licence (docs/backbones.md), scales, self_ratio (scorers).
    """
    if kind not in ("auto", "backbone", "scorer"):
        raise ConvertError(f"kind: {kind!r}, expected 'auto', 'backbone' or 'scorer'")
    kind, part = choose(state_dict(load(source), source), kind, source)
    tensors = {name: as_tensor(value, name, source) for name, value in part.items()}
    temporary = _safetensors.temporary_name(target)
    try:
        _safetensors.write(temporary, tensors, dict(metadata or {}))
        about = verify(temporary, kind)
        os.replace(temporary, target)
    except Error as error:
        raise ConvertError(f"{source}: libsnarm does not read it: {str(error).replace(temporary, target)}") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return kind, about


def main(arguments: list[str] | None = None) -> int:
    """The command: exit code 0, or 3 with one line on stderr; 2 for a wrong command line."""
    parser = argparse.ArgumentParser(
        prog="python -m snarm.convert", description="Turns PyTorch weights into safetensors for libsnarm."
    )
    parser.add_argument("source", help="a .pth, .pt or .bin file with a backbone's weights or a scorer checkpoint")
    parser.add_argument("target", help="the safetensors file to write")
    parser.add_argument(
        "--kind", choices=("auto", "backbone", "scorer"), default="auto", help="default: told by the tensors' names"
    )
    parser.add_argument(
        "--metadata",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="added to the file: image_mean, image_std, heads, norm_eps, licence; of a scorer scales, self_ratio; may repeat",
    )
    options = parser.parse_args(arguments)
    metadata = {}
    for item in options.metadata:
        key, equals, value = item.partition("=")
        if not equals or not key:
            parser.error(f"--metadata: {item!r}, expected KEY=VALUE")
        metadata[key] = value
    try:
        kind, about = convert(options.source, options.target, kind=options.kind, metadata=metadata)
    except (ConvertError, OSError) as error:
        print(f"snarm.convert: {error}", file=sys.stderr)
        return 3
    print(f"{options.target}: {kind}, {about}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
