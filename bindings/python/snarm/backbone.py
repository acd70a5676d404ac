"""The backbone: a frozen pretrained network that turns a picture into patch features."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_void_p
from dataclasses import dataclass

import numpy as np

from . import _abi as abi
from ._arrays import FloatArray, floats, pointer
from ._constants import Precision
from ._handles import Handle, Owner
from ._library import lib
from ._options import Path, choice, options, plain, precision_of, sized, weights_bytes
from .errors import check
from .images import Preprocess


@dataclass(frozen=True)
class BackboneInfo:
    """What a backbone is.

    architecture: "vit-b/14 reg4 dinov2", "resnet18", ...
    hash: SHA-256 of the weights file, 64 hexadecimal digits.
    licence: the file's licence line, "" if it has none.
    width, height: pixels of the network's input.
    grid_width, grid_height: patches, width / 8 and height / 8 rounded down.
    channels: C, of a feature.
    pooled: whether channels were mean-pooled to C; else C is the sum of the groups'.
    layers: which outputs are used: blocks of a ViT counted from 0, stages 1..4 of a CNN.
    groups, neighbourhood, threads: see ``Backbone``.
    mean, std: of the input, red green blue, for samples in 0..1.
    precision: "f32" or "bf16": what it is run in; precision_note: why it is not what was asked for, else "".
    name: what the weights file calls its network, "snarm-18" the built-in one; "" if it does not say.
    stage_channels: channels of each stage of a CNN or group of a ViT, C in all, in the order of the features: for ``train_scorer``.
    """

    architecture: str
    hash: str
    licence: str
    width: int
    height: int
    grid_width: int
    grid_height: int
    channels: int
    pooled: bool
    layers: tuple[int, ...]
    groups: int
    neighbourhood: int
    threads: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    precision: str
    precision_note: str
    name: str
    stage_channels: tuple[int, ...]

    @classmethod
    def _of(cls, structure: abi.snarm_backbone_info) -> BackboneInfo:
        return plain(
            cls,
            structure,
            layers=tuple(structure.layers[: structure.layer_count]),
            precision=precision_of(structure),
            stage_channels=tuple(structure.stage_channels[: structure.stage_count]),
        )

    @property
    def patches(self) -> int:
        """N = grid_width * grid_height."""
        return self.grid_width * self.grid_height

    @property
    def preprocess(self) -> Preprocess:
        """How a picture becomes this network's input when nothing is cut off."""
        return Preprocess(self.width, self.height, mean=self.mean, std=self.std)


class Backbone(Handle):
    """A frozen network, the built-in one or one of a safetensors file of published weights, prepared for one input size.

    Any number of threads may use one at the same time.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        layers: Sequence[int] | None = None,
        groups: int | None = None,
        channels: int | None = None,
        neighbourhood: int | None = None,
        threads: int | None = None,
        precision: Precision | str | None = None,
    ) -> None:
        """Opens the weights, infers the architecture and checks every tensor it will use. The file is not needed afterwards.

        path: DINOv2, plain ViT, ResNet or WideResNet weights (docs/backbones.md); None, or BUILTIN_BACKBONE ("builtin"): the built-in
            network, ``UnsupportedError`` where the library was built without it. A file of that name is written "./builtin".
        width, height: pixels of the input; default 392 rounded to the nearest multiple of the patch (ViT) or of 8 (CNN); 32..4,096.
        layers: which outputs are used; default a ViT's blocks 1..8 of 12 or 2..17 of 24, a CNN's stages 2 and 3.
        groups: a ViT's layers are averaged in so many groups; default 2.
        channels: C, of a feature; default 512; 8..4,096; -1: no pooling.
        neighbourhood: mean over a square of so many grid positions around each, 1, 3 or 5; default 1 (ViT), 3 (CNN).
        threads: 1..64; default ``default_threads()``.
        precision: in what numbers: "auto" (None is the same), "f32", "bf16" or "int8" (docs/precision.md).
        """
        choices = options(
            abi.snarm_backbone_options,
            width=width,
            height=height,
            layers=layers,
            groups=groups,
            channels=channels,
            neighbourhood=neighbourhood,
            threads=threads,
            precision=choice(Precision, precision, "precision"),
        )
        out = c_void_p()
        check(lib.snarm_backbone_create(byref(out), weights_bytes(path, "path"), byref(choices)))
        self._owner = Owner(out.value, lib.snarm_backbone_destroy)

    @property
    def info(self) -> BackboneInfo:
        """What it is."""
        info = sized(abi.snarm_backbone_info)
        check(lib.snarm_backbone_get_info(self._handle, byref(info)))
        return BackboneInfo._of(info)

    def features(self, planes: FloatArray) -> FloatArray:
        """Features of one preprocessed picture.

        planes: (3, height, width) float32 of ``snarm.preprocess`` with ``info.preprocess``.
        Returns (N, C) float32, patches in rows from the top left.
        """
        info = self.info
        floats(planes, "planes", 3, info.height, info.width)
        features = np.empty((info.patches, info.channels), np.float32)
        check(lib.snarm_backbone_features(self._handle, pointer(planes), pointer(features)))
        return features

    def coverage(self) -> FloatArray:
        """How much of each patch's neighbourhood mean is of the picture: places outside count as zeros in it.

        Returns (N,) float32, above 0, at most 1: 1 away from the borders. For ``Scorer`` and ``train_scorer``.
        """
        coverage = np.empty(self.info.patches, np.float32)
        check(lib.snarm_backbone_coverage(self._handle, pointer(coverage)))
        return coverage
