"""Figures for a notebook, with matplotlib, which is needed for this module alone.

Each function returns a figure that pyplot does not hold: a notebook shows it as the value of a cell, ``figure.savefig`` writes it, and
it goes away with its last reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .detector import Detector
from .errors import ArgumentError
from .images import Picture, is_path, load_image
from .metrics import Curve
from .result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _figure(columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError("snarm.plot needs matplotlib, which is not installed (pip install matplotlib)") from None
    figure, axes = pyplot.subplots(1, columns, figsize=size, squeeze=False, layout="constrained")
    pyplot.close(figure)
    return figure, axes[0]


def _title(result: Result) -> str:
    return f"{result.verdict}: score {result.score:.4g}, threshold {result.threshold:.4g}"


def _draw_map(figure: Any, axes: Any, values: Any, result: Result) -> None:
    limit = result.map_threshold
    top = 2 * limit if limit > 0 else 1.0
    image = axes.imshow(values, vmin=0.0, vmax=top, cmap="inferno")
    figure.colorbar(image, ax=axes, label="anomaly map", shrink=0.8)
    if values.min() < limit <= values.max():
        axes.contour(values, levels=[limit], colors="white", linewidths=1)
    axes.set_axis_off()


def map_figure(result: Result, *, size: tuple[float, float] = (5.0, 4.2)) -> Figure:
    """The map of a result, from 0 to twice its threshold, with a line where it crosses the threshold."""
    if result.map.size == 0:
        raise ArgumentError("result: it has no map (with_map=False)")
    figure, (axes,) = _figure(1, size)
    _draw_map(figure, axes, result.map, result)
    axes.set_title(_title(result))
    return figure  # type: ignore[no-any-return]


def figure(
    detector: Detector,
    picture: Picture,
    result: Result | None = None,
    *,
    bgr: bool = False,
    size: tuple[float, float] = (12.0, 4.2),
) -> Figure:
    """A picture, its heat map (``Detector.heatmap``) and its map in the picture's place, side by side.

    result: of the inspection; None: the picture is inspected now.
    """
    pixels = load_image(picture) if is_path(picture) else np.asarray(picture)  # type: ignore[arg-type]
    if result is None:
        result = detector.inspect(pixels, bgr=bgr)
    if result.map.size == 0:
        raise ArgumentError("result: it has no map (with_map=False)")
    drawn = detector.heatmap(pixels, result, bgr=bgr)
    placed = detector.map_to_image(result.map, pixels.shape[1], pixels.shape[0])
    figure, (left, middle, right) = _figure(3, size)
    shown = pixels[..., ::-1] if bgr else pixels
    left.imshow(shown, cmap="gray" if shown.ndim == 2 else None, vmin=0, vmax=255)
    middle.imshow(drawn)
    middle.plot(result.x, result.y, "+", color="white", markersize=10)
    _draw_map(figure, right, placed, result)
    for axes in (left, middle):
        axes.set_axis_off()
    middle.set_title(_title(result))
    return figure  # type: ignore[no-any-return]


def curves(curves: Sequence[tuple[str, Curve]], *, size: tuple[float, float] = (9.0, 4.0)) -> Figure:
    """ROC and precision-recall curves, one line each of (name, curve)."""
    figure, (roc, pr) = _figure(2, size)
    for name, curve in curves:
        roc.plot(curve.false_positive_rate, curve.recall, label=name)
        pr.step(curve.recall, curve.precision, where="pre", label=name)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    pr.set(xlabel="recall", ylabel="precision", title="precision and recall")
    for axes in (roc, pr):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.grid(alpha=0.3)
    roc.legend(loc="lower right")
    return figure  # type: ignore[no-any-return]
