"""A report of an evaluation as one HTML file that needs no other and no network."""

from __future__ import annotations

import threading
from ctypes import byref, c_void_p, sizeof
from ctypes import pointer as pointer_to

import numpy as np
import numpy.typing as npt

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, floats, pointer
from ._arrays import mask as as_mask
from ._handles import Handle, Owner, handle_of
from ._library import lib
from ._options import Path, number, options, path_bytes, string_bytes
from .errors import check
from .images import Opened, Picture
from .metrics import PixelMetrics


class Report(Handle):
    """A report being collected: pictures with what an inspection said of them and what is true. Threads take turns."""

    def __init__(
        self,
        *,
        threshold: float,
        map_threshold: float | None = None,
        title: str | None = None,
        max_bytes: int | None = None,
        picture_side: int | None = None,
    ) -> None:
        """threshold, map_threshold: of the detector's info; maps are coloured from 0 to twice the second.

        title: of the page; default "SNARM report".
        max_bytes: the file becomes no larger, pictures are made smaller instead; default 30,000,000.
        picture_side: longest side of a picture, pixels; default 320.
        """
        out = c_void_p()
        choices = options(
            abi.snarm_report_options,
            threshold=threshold,
            map_threshold=map_threshold,
            title=None if title is None else string_bytes(title, "title"),
            max_bytes=max_bytes,
            picture_side=picture_side,
        )
        check(lib.snarm_report_create(byref(out), byref(choices)))
        self._owner = Owner(out.value, lib.snarm_report_destroy)
        self._turn = threading.Lock()

    def add(
        self,
        picture: Picture,
        map: FloatArray,
        *,
        score: float,
        normalized: float,
        anomalous: bool,
        name: str,
        category: str = "",
        defect: str = "",
        mask: None | ByteArray | npt.NDArray[np.bool_] = None,
        bgr: bool = False,
    ) -> None:
        """Adds one inspected picture; it is shrunk and encoded at once, and nothing is kept.

        picture: an array or a file.
        map: (height, width) float32 that covers the picture, of any size; no NaN.
        score, normalized: the result's.
        anomalous: the truth.
        name, category, defect: of the picture; any text.
        mask: (height, width) uint8 or bool that covers the picture, of any size: 0 normal, else defective; None: none.
        """
        floats(map, "map", "height", "width")
        truth = None if mask is None else as_mask(mask, "mask", "height", "width")
        sample = abi.snarm_report_sample(struct_size=sizeof(abi.snarm_report_sample))
        sample.name, sample.category = string_bytes(name, "name"), string_bytes(category, "category")
        sample.defect = string_bytes(defect, "defect")
        sample.map, (sample.map_height, sample.map_width) = pointer(map), map.shape
        if truth is not None:
            sample.mask, (sample.mask_height, sample.mask_width) = pointer(truth), truth.shape
        sample.score, sample.normalized = number(score, "score"), number(normalized, "normalized")
        sample.anomalous = int(anomalous)
        with Opened(picture, bgr=bgr) as image, self._turn:
            sample.image = pointer_to(image)
            check(lib.snarm_report_add(self._handle, byref(sample)))

    def set_pixels(self, category: str, pixels: PixelMetrics) -> None:
        """The pixel metrics and curves of a category, computed from the maps that were added to pixels."""
        name, handle = string_bytes(category, "category"), handle_of(pixels, PixelMetrics, "pixels")
        with self._turn, pixels._turn:
            check(lib.snarm_report_set_pixels(self._handle, name, handle))

    def add_fact(self, name: str, value: str) -> None:
        """Adds a line to the model's card: what it is, how it was made."""
        with self._turn:
            check(lib.snarm_report_add_fact(self._handle, string_bytes(name, "name"), string_bytes(value, "value")))

    def write(self, path: Path) -> None:
        """Writes the page, under a temporary name and renamed. More may be added afterwards, and written again."""
        with self._turn:
            check(lib.snarm_report_write(self._handle, path_bytes(path, "path")))
