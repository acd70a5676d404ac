"""How good are the scores and maps, once the truth is known. Exact: every distinct score is a threshold, nothing is binned.

Higher means more anomalous; a threshold t calls anomalous what is >= t. The values agree with scikit-learn's ``roc_auc_score``,
``average_precision_score`` and ``precision_recall_curve``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ctypes import byref, c_size_t, c_void_p, sizeof, string_at
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, floats, pointer
from ._arrays import labels as as_labels
from ._arrays import mask as as_mask
from ._arrays import scores as as_scores
from ._handles import Handle, Owner
from ._library import lib
from ._options import integer, options, plain
from .errors import check

Scores = Union[FloatArray, Sequence[float]]
"""(count,) float32, or a list of numbers."""
Labels = Union["npt.NDArray[np.bool_]", ByteArray, Sequence[int], Sequence[bool]]
"""(count,) bool or uint8, or a list of truth values: 0 normal, anything else anomalous."""


@dataclass(frozen=True)
class ScoreMetrics:
    """What scores and labels give. With only one kind of label the first four values are NaN.

    auroc: area under the ROC curve, 0..1. average_precision: 0..1.
    f1_max: highest F1 of all thresholds; f1_max_threshold: the score at which it is reached.
    positives, negatives: scores labelled anomalous and normal.
    """

    auroc: float
    average_precision: float
    f1_max: float
    f1_max_threshold: float
    positives: int
    negatives: int


@dataclass(frozen=True)
class PixelMetricsResult:
    """What maps give.

    pixels: of all pixels of all maps as one list of scores.
    aupro: area under the per-region overlap, 0..1; NaN without regions or without normal pixels.
    regions: defective regions, of pixels that touch by side or corner. images: maps added.
    """

    pixels: ScoreMetrics
    aupro: float
    regions: int
    images: int


@dataclass(frozen=True)
class Curve:
    """The points of the ROC and the precision-recall curve, which are the same thresholds. All arrays are (count,).

    thresholds: float32, falling, from infinity to the lowest score.
    true_positives, false_positives: uint64, anomalous and normal scores at or above each.
    positives, negatives: of all.
    """

    thresholds: FloatArray
    true_positives: npt.NDArray[np.uint64]
    false_positives: npt.NDArray[np.uint64]
    positives: int
    negatives: int

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """True positive rate, 0..1."""
        return self.true_positives / float(self.positives)

    @property
    def false_positive_rate(self) -> npt.NDArray[np.float64]:
        """0..1."""
        return self.false_positives / float(self.negatives)

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """0..1; 1 where nothing is called anomalous, by definition."""
        called = (self.true_positives + self.false_positives).astype(np.float64)
        return np.where(called == 0, 1.0, self.true_positives / np.maximum(called, 1.0))


_POINT: Any = np.dtype(abi.snarm_curve_point)


def _taken(curve: abi.snarm_curve) -> Curve:
    try:
        data = string_at(curve.points, curve.count * sizeof(abi.snarm_curve_point)) if curve.count else b""
        points = np.frombuffer(data, _POINT)
        return Curve(
            points["threshold"].copy(),
            points["true_positives"].copy(),
            points["false_positives"].copy(),
            int(curve.positives),
            int(curve.negatives),
        )
    finally:
        lib.snarm_curve_release(byref(curve))


def score_metrics(scores: Scores, labels: Labels) -> ScoreMetrics:
    """Image metrics, or those of any list of scores. A NaN score is an ``ArgumentError`` with its index."""
    values = as_scores(scores, "scores")
    truth = as_labels(labels, "labels", len(values))
    result = abi.snarm_score_metrics()
    check(lib.snarm_metrics_scores(pointer(values), pointer(truth), len(values), byref(result)))
    return plain(ScoreMetrics, result)


def score_curve(scores: Scores, labels: Labels, *, limit: int = 0) -> Curve:
    """The curves of a list of scores.

    limit: 0: a point for each distinct score; else at most so many, 16 or more: points are left out, never moved.
    """
    values = as_scores(scores, "scores")
    truth = as_labels(labels, "labels", len(values))
    curve = abi.snarm_curve()
    check(lib.snarm_metrics_curve(pointer(values), pointer(truth), len(values), integer(limit, "limit", c_size_t), byref(curve)))
    return _taken(curve)


class PixelMetrics(Handle):
    """Collects the anomaly maps of a test set, one after the other, and gives the metrics of all their pixels.

    Threads take turns. Memory: about 5 bytes a normal pixel and 8 to 12 a defective one.
    """

    def __init__(self, *, fpr_limit: float | None = None, threads: int | None = None) -> None:
        """fpr_limit: false positive rate where AUPRO's integral ends; default 0.3. threads: of ``finish``; 0..64."""
        out = c_void_p()
        choices = options(abi.snarm_pixel_metrics_options, fpr_limit=fpr_limit, threads=threads)
        check(lib.snarm_pixel_metrics_create(byref(out), byref(choices)))
        self._owner = Owner(out.value, lib.snarm_pixel_metrics_destroy)
        self._turn = threading.Lock()

    def add(self, map: FloatArray, mask: None | ByteArray | npt.NDArray[np.bool_] = None) -> None:
        """Adds one image's map.

        map: (height, width) float32, no NaN; sizes of images may differ.
        mask: (height, width) uint8 or bool, 0 normal, anything else defective; None: a good image.
        """
        floats(map, "map", "height", "width")
        truth: Any = None if mask is None else as_mask(mask, "mask", *map.shape)
        height, width = map.shape
        with self._turn:
            check(lib.snarm_pixel_metrics_add(self._handle, pointer(map), pointer(truth), width, height))

    def finish(self) -> PixelMetricsResult:
        """The metrics of what was added so far. More may be added afterwards."""
        result = abi.snarm_pixel_metrics_result()
        with self._turn:
            check(lib.snarm_pixel_metrics_finish(self._handle, byref(result)))
        return plain(PixelMetricsResult, result, pixels=plain(ScoreMetrics, result.pixels))

    def curve(self, *, limit: int = 0) -> Curve:
        """The curves of all pixels added so far; limit as in ``score_curve``, but 0 leaves out the points on straight lines."""
        curve = abi.snarm_curve()
        with self._turn:
            check(lib.snarm_pixel_metrics_curve(self._handle, integer(limit, "limit", c_size_t), byref(curve)))
        return _taken(curve)
