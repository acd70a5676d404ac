"""Training of a navigator and a Mamba scorer: its options, its report, and training on samples of the caller's own.

Training from pictures of good parts alone is ``Detector.fit(..., train=TrainOptions())``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import byref, c_int32
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, floats, mask, pointer
from ._callbacks import Call
from ._handles import handle_of
from ._library import lib
from ._options import Path, integer, number, options, path_bytes, plain, sized
from .bank import Bank


@dataclass(frozen=True)
class TrainReport:
    """How a training goes, and how it went. Values not known yet are NaN.

    step, steps: done, of all.
    best_step: after which the kept weights were found; 0: none yet.
    loss: mean of the steps since the last report, or of the last tenth of the run.
    pixel_ap: average precision of the held-out samples' pixels at the last check, 0..1.
    best_pixel_ap: that of the kept weights; untrained_pixel_ap: that of the map of distances.
    image_auroc, untrained_image_auroc: of the held-out samples, by the kept weights and by the distances.
    seconds, seconds_left: so far, and as estimated.
    cancelled: ended early because progress asked for it.
    """

    step: int
    steps: int
    best_step: int
    loss: float
    pixel_ap: float
    best_pixel_ap: float
    untrained_pixel_ap: float
    image_auroc: float
    untrained_image_auroc: float
    seconds: float
    seconds_left: float
    cancelled: bool

    @classmethod
    def _of(cls, structure: abi.snarm_train_report) -> TrainReport:
        return plain(cls, structure)


TrainProgress = Callable[[TrainReport], object]
"""``progress(report)``: a true value ends the training, which keeps the best weights so far and succeeds; an exception is raised again."""


@dataclass(frozen=True)
class TrainOptions:
    """How a training goes; None means the default.

    steps: default 4,000 for grids of up to 40 x 40 patches, in proportion fewer for larger ones, at least 1,000.
    batch: samples a step; default 8; 1..64.
    samples: synthetic samples that a fit makes; default 3,200 up to 40 x 40 patches, in proportion fewer for more, at least 400.
    memory: bytes that samples may take; default 2 GiB.
    embedding: D, channels inside the Mamba blocks; default 32; 8..512.
    depth: Mamba blocks of a branch; default 2; 1..8.
    reference_ratio: rho; default 0.75.
    learning_rate: its peak; default 0.001. weight_decay: default 0.05; -1: none. dropout: rate; default 0.1; -1: none.
    shuffled: share of samples whose residual channels are put in another order at each step; default 1: all, and the scorer sees
        their means; -1: none, for samples of real defects of all kinds that will be met.
    seed: of the weights, the order and the synthetic defects.
    threads: of ``train_scorer``; a fit uses its own.
    checkpoint: a file written now and then, and gone on from where it exists.
    progress: see ``TrainProgress``; called a few times a second at most, on the thread that trains.
    """

    steps: int | None = None
    batch: int | None = None
    samples: int | None = None
    memory: int | None = None
    embedding: int | None = None
    depth: int | None = None
    reference_ratio: float | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    dropout: float | None = None
    shuffled: float | None = None
    seed: int | None = None
    threads: int | None = None
    checkpoint: Path | None = None
    progress: TrainProgress | None = None

    def _structure(self, call: Call) -> abi.snarm_train_options:
        values = dict(vars(self))
        if self.checkpoint is not None:
            values["checkpoint"] = path_bytes(self.checkpoint, "checkpoint")
        values["progress"] = call.train_progress(self.progress, TrainReport._of)
        return options(abi.snarm_train_options, **values)


class TrainSample(NamedTuple):
    """One sample of ``train_scorer``.

    features: (N, C) float32, a picture's patch features of any backbone.
    mask: (mask_height, mask_width) uint8 or bool, 0 normal, else defective; None: a good picture.
    image: picture index of bank vectors that were taken from the same picture and must not match; -1: none.
    held_out: not trained on; chooses the weights and says how good they are.
    """

    features: FloatArray
    mask: ByteArray | None = None
    image: int = -1
    held_out: bool = False


def train_scorer(
    path: Path,
    bank: Bank,
    samples: Sequence[TrainSample],
    *,
    grid_width: int,
    grid_height: int,
    mask_width: int,
    mask_height: int,
    neighbours: int = 3,
    smoothing: float = 0.0,
    train: TrainOptions | None = None,
    coverage: FloatArray | None = None,
    stages: Sequence[int] | None = None,
) -> TrainReport:
    """Trains a navigator and a scorer for a bank and writes them as a scorer file, for ``Scorer`` and ``Detector.fit(scorer_path=...)``.

    path: the file to write, whole or not at all. It stays if a progress callback raises after the training has ended with weights to keep.
    bank: of C channels.
    samples: a sequence, each item asked for once and in order; at least one for training, and one good and one defective held out.
    grid_width, grid_height: patches, N is their product; 4..512 each.
    mask_width, mask_height: pixels of the masks; 4 a patch is enough.
    neighbours: k of the residuals; 1..64.
    smoothing: sigma of the Gaussian with which maps will be smoothed, pixels of the masks; 0: none.
    train: its ``samples`` is not used.
    coverage: (N,) float32 of ``Backbone.coverage``, for features that are smaller at the borders; the ``Scorer`` must then be given the
        same. Default 1.
    stages: channels of each of the stages that the features are made of, C in all, as ``BackboneInfo.stage_channels`` has them: the prior is
        then one of residuals in which each stage counts the same (``Scorer.logits``), which gives better maps. Default: one of distances
        (``Scorer.add_prior``).
    """
    if not hasattr(samples, "__getitem__"):
        raise TypeError(f"samples: {type(samples).__name__}, expected a sequence (list(samples) makes one)")
    sizes = {
        "grid_width": integer(grid_width, "grid_width"),
        "grid_height": integer(grid_height, "grid_height"),
        "mask_width": integer(mask_width, "mask_width"),
        "mask_height": integer(mask_height, "mask_height"),
    }
    patches, channels = grid_width * grid_height, bank.channels

    def fill(target: Any, sample: TrainSample) -> Any:
        features = floats(sample.features, "features", patches, channels)
        shape = None if sample.mask is None else mask(sample.mask, "mask", mask_height, mask_width)
        target.features = pointer(features)
        if shape is not None:
            target.mask = pointer(shape)
        target.image, target.held_out = integer(sample.image, "image"), int(sample.held_out)
        return features, shape

    report = sized(abi.snarm_train_report)
    with Call() as call:
        source = call.source(abi.snarm_train_source, abi.snarm_train_sample, samples, fill, None, **sizes)
        choices = (train or TrainOptions())._structure(call)
        if coverage is not None:
            choices.coverage = pointer(floats(coverage, "coverage", patches))
        if stages is not None:
            choices.stage_count = len(stages)
            choices.stage_channels = (c_int32 * len(stages))(*(integer(channels, "stages") for channels in stages))
        status = lib.snarm_train_scorer(
            path_bytes(path, "path"),
            handle_of(bank, Bank, "bank"),
            byref(source),
            integer(neighbours, "neighbours"),
            number(smoothing, "smoothing"),
            byref(choices),
            byref(report),
        )
    call.check(status)
    return TrainReport._of(report)
