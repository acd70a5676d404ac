"""Anomaly maps and image scores, from logits or from distances."""

from __future__ import annotations

from ctypes import byref, c_float, c_int32
from typing import NamedTuple

import numpy as np

from ._arrays import FloatArray, array, floats, pointer
from ._library import lib
from ._options import integer, number
from .errors import ArgumentError, check


class MapScore(NamedTuple):
    """score: the largest mean of a 16 x 16 window; x, y: the centre of that window, pixels of the map."""

    score: float
    x: int
    y: int


def from_logits(
    logits: FloatArray, grid_width: int, grid_height: int, width: int, height: int, *, threads: int = 0
) -> FloatArray:
    """Mean over maps of sigmoid(logits brought to width x height, bilinear with aligned corners), not smoothed.

    logits: (maps, grid_height * grid_width) float32 of ``Scorer.logits``.
    threads: 0: ``default_threads()``.
    Returns (height, width) float32 in 0..1.
    """
    grid_width, grid_height = integer(grid_width, "grid_width"), integer(grid_height, "grid_height")
    floats(logits, "logits", "maps", grid_height * grid_width)
    result = _empty(width, height)
    check(
        lib.snarm_map_from_logits(
            pointer(logits), len(logits), grid_width, grid_height, width, height, integer(threads, "threads"), pointer(result)
        )
    )
    return result


def from_patches(
    patches: FloatArray, grid_width: int, grid_height: int, width: int, height: int, *, threads: int = 0
) -> FloatArray:
    """Patch values, such as distances to the bank, brought to width x height, bilinear with half-pixel centres.

    patches: (grid_height * grid_width,) float32.
    Returns (height, width) float32.
    """
    grid_width, grid_height = integer(grid_width, "grid_width"), integer(grid_height, "grid_height")
    floats(patches, "patches", grid_height * grid_width)
    result = _empty(width, height)
    check(
        lib.snarm_map_from_patches(
            pointer(patches), grid_width, grid_height, width, height, integer(threads, "threads"), pointer(result)
        )
    )
    return result


def smooth(map: FloatArray, sigma: float = 4.0, *, threads: int = 0) -> None:
    """Gaussian smoothing in place; sigma in pixels, 0..64.

    map: (height, width) float32.
    """
    array(map, "map", np.float32, ("height", "width"), writable=True)
    height, width = map.shape
    check(lib.snarm_map_smooth(pointer(map), width, height, number(sigma, "sigma"), integer(threads, "threads")))


def contrast(map: FloatArray, factor: float, *, probabilities: bool = True, threads: int = 0) -> None:
    """Puts the rest of a map behind its largest value, in place: how far each value lies below it is multiplied by factor, 1..100.

    Detectors do this to pictures above the threshold, with the factor 1 + map_contrast (1 - 1 / x), where
    x = (score - score_low) / (threshold - score_low).
    map: (height, width) float32, 0..1 with probabilities, else 0 or more.
    probabilities: that distance is one of logits, else of logarithms.
    """
    array(map, "map", np.float32, ("height", "width"), writable=True)
    height, width = map.shape
    check(
        lib.snarm_map_contrast(
            pointer(map), width, height, int(probabilities), number(factor, "factor"), integer(threads, "threads")
        )
    )


def score(map: FloatArray) -> MapScore:
    """The image score: the largest mean of a 16 x 16 window, windows 2 pixels apart.

    map: (height, width) float32, finite.
    """
    floats(map, "map", "height", "width")
    height, width = map.shape
    value, x, y = c_float(), c_int32(), c_int32()
    check(lib.snarm_map_score(pointer(map), width, height, byref(value), byref(x), byref(y)))
    return MapScore(value.value, x.value, y.value)


def resize(map: FloatArray, width: int, height: int) -> FloatArray:
    """The map (height, width) float32 at another size, bilinear with half-pixel centres."""
    floats(map, "map", "height", "width")
    result = _empty(width, height)
    check(lib.snarm_map_resize(pointer(map), map.shape[1], map.shape[0], pointer(result), width, height))
    return result


def _empty(width: int, height: int) -> FloatArray:
    width, height = integer(width, "width"), integer(height, "height")
    if not (1 <= width <= 65500 and 1 <= height <= 65500):
        raise ArgumentError(f"width, height: {width} x {height}, expected 1..65,500 each")
    return np.empty((height, width), np.float32)
