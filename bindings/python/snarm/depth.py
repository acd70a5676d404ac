"""Depth pictures: x, y and z of every pixel, as sensors beside the camera give them.

A depth picture is a numpy array of float32, (height, width, 3): x, y, z of each pixel, in one unit (MVTec 3D-AD: millimetres). A pixel that
was not measured is 0, 0, 0 or has a coordinate that is not finite.
"""

from __future__ import annotations

from ctypes import byref
from typing import Any, Union

import numpy as np

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, floats, pointer
from ._library import lib
from ._options import Path, options, path_bytes
from .errors import check
from .images import _limits, is_path, taken

Depth = Union[FloatArray, Path]
"""An array as above, or the path of a TIFF file of three channels of float32."""


def as_depth(depth: Any, name: str = "depth") -> abi.snarm_depth:
    """A view of an array for C. The array must outlive it."""
    points = floats(depth, name, "height", "width", 3)
    return abi.snarm_depth(points=pointer(points), width=points.shape[1], height=points.shape[0])


def open_depth(path: Any, limits: Any = None) -> abi.snarm_depth:
    """A file's depth picture in the library's memory, to be released."""
    depth = abi.snarm_depth()
    check(lib.snarm_depth_load(byref(depth), path_bytes(path, "path"), None if limits is None else byref(limits)))
    return depth


class OpenedDepth:
    """A depth picture for C, from an array or a file, as a context manager; a file's points are released at its end."""

    def __init__(self, depth: object, name: str = "depth") -> None:
        self._file = is_path(depth)
        self._array = depth
        self.depth = open_depth(depth) if self._file else as_depth(depth, name)

    def __enter__(self) -> abi.snarm_depth:
        return self.depth

    def __exit__(self, *exception: object) -> None:
        if self._file:
            lib.snarm_depth_release(byref(self.depth))


def load_depth(path: Path, *, max_pixels: int | None = None, max_side: int | None = None) -> FloatArray:
    """Reads a TIFF file of x, y, z as MVTec 3D-AD has them: (height, width, 3) float32, in the file's unit.

    max_pixels, max_side: larger ones are refused before memory is taken; default 100,000,000 and 65,500.
    A library built without libtiff says so.
    """
    depth = open_depth(path, _limits(max_pixels, max_side, False))
    try:
        return np.ctypeslib.as_array(depth.points, (depth.height, depth.width, 3)).copy()
    finally:
        lib.snarm_depth_release(byref(depth))


def depth_relief(depth: Depth, *, range: float | None = None, background: float | None = None) -> ByteArray:
    """A picture of the relief: (height, width, 3) uint8, the height over the background's plane and its slopes along rows and columns.

    depth: an array or a TIFF file; holes are filled with a smooth continuation of their surroundings.
    range: the height that is brightest, in the depth picture's unit; default: what 99.5% of it stay below.
    background: heights up to so much are flat; default 0.
    """
    relief = abi.snarm_image()
    choices = options(abi.snarm_relief_options, range=range, background=background)
    with OpenedDepth(depth) as opened:
        check(lib.snarm_depth_relief(byref(relief), byref(opened), byref(choices)))
    return taken(relief)
