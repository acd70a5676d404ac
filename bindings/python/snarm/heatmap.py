"""Maps drawn over pictures, in the colours of ``snarm inspect --heatmaps``."""

from __future__ import annotations

from ctypes import byref

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, floats, pointer
from ._library import lib
from ._options import options
from .errors import check
from .images import Opened, Picture, taken


def render_heatmap(
    picture: Picture,
    map: FloatArray,
    *,
    threshold: float,
    low: float | None = None,
    high: float | None = None,
    opacity: float | None = None,
    bgr: bool = False,
) -> ByteArray:
    """Draws a map in a perceptually uniform colour scale over a picture, and a line around the anomalous region.

    picture: an array or a file.
    map: (height, width) float32 of the picture's size (``Detector.map_to_image``).
    threshold: the region of values from here up is outlined; 0: no outline.
    low, high: map values shown as nothing and as the full colour; default 0 and twice the threshold.
    opacity: of the full colour; default 0.6; 0..1.
    Returns (height, width, 3) uint8, red green blue.
    """
    with Opened(picture, bgr=bgr) as image:
        return render(image, map, threshold=threshold, low=low, high=high, opacity=opacity)


def render(image: abi.snarm_image, map: FloatArray, **choices: float | None) -> ByteArray:
    """The same for an image that is open already."""
    floats(map, "map", image.height, image.width)
    drawn = abi.snarm_image()
    check(
        lib.snarm_heatmap_render(byref(drawn), byref(image), pointer(map), byref(options(abi.snarm_heatmap_options, **choices)))
    )
    return taken(drawn)
