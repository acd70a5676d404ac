"""Pictures: arrays as C sees them, reading and writing of files, and the way from a picture to a network's input.

A picture is a numpy array of uint8:

    (height, width)      grey
    (height, width, 3)   red, green, blue; with ``bgr=True`` blue, green, red, as OpenCV and many cameras have them
    (height, width, 4)   red, green, blue, alpha; alpha is ignored

Rows may lie apart (a slice of a larger picture, rows padded by a camera) or run upwards (``picture[::-1]``): they are read where they
are. The pixels of a row must lie together. Everything else is refused with a sentence; nothing is copied or converted.
"""

from __future__ import annotations

import os
from ctypes import byref, c_double, string_at
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, pointer
from ._constants import PixelFormat
from ._library import lib
from ._options import Path, integer, number, options, path_bytes, plain, string_bytes
from .errors import ArgumentError, check

Picture = Union[ByteArray, Path]
"""An array as above, or the path of a PNG, JPEG or BMP file."""

_FORMATS = {3: PixelFormat.RGB8, 4: PixelFormat.RGBA8}
_BYTES = {PixelFormat.GREY8: 1, PixelFormat.RGB8: 3, PixelFormat.BGR8: 3, PixelFormat.RGBA8: 4}
_WANTED = "expected uint8 of shape (height, width), (height, width, 3) or (height, width, 4)"


def is_path(value: object) -> bool:
    return isinstance(value, (str, bytes, os.PathLike))


def as_image(picture: object, name: str = "picture", bgr: bool = False) -> abi.snarm_image:
    """A view of an array for C. The array must outlive it."""
    if not isinstance(picture, np.ndarray):
        raise TypeError(
            f"{name}: {type(picture).__name__}, expected a path or a numpy array (numpy.asarray(image.convert('RGB')) for Pillow's)"
        )
    shape = picture.shape
    if picture.dtype != np.uint8:
        raise ArgumentError(f"{name}: dtype {picture.dtype.name}, shape {shape}; {_WANTED}")
    if picture.ndim not in (2, 3) or picture.ndim == 3 and shape[2] not in _FORMATS:
        raise ArgumentError(f"{name}: shape {shape}; {_WANTED}")
    if 0 in shape:
        raise ArgumentError(f"{name}: shape {shape} holds no pixel")
    kind = PixelFormat.GREY8 if picture.ndim == 2 else _FORMATS[shape[2]]
    if bgr:
        if kind != PixelFormat.RGB8:
            raise ArgumentError(f"{name}: bgr=True with shape {shape}, expected (height, width, 3)")
        kind = PixelFormat.BGR8
    size, strides = _BYTES[kind], picture.strides
    together = (picture.ndim == 2 or strides[2] == 1) and (shape[1] == 1 or strides[1] == size)
    apart = shape[0] == 1 or abs(strides[0]) >= shape[1] * size
    if not together or not apart:
        raise ArgumentError(
            f"{name}: layout of strides {strides} for shape {shape}, expected pixels that follow one another in a row, and rows "
            "that do not overlap (numpy.ascontiguousarray(picture) gives both)"
        )
    return abi.snarm_image(
        pixels=pointer(picture), width=shape[1], height=shape[0], stride=0 if shape[0] == 1 else strides[0], format=int(kind)
    )


class Opened:
    """A picture for C, from an array or a file, as a context manager; a file's pixels are released at its end."""

    def __init__(self, picture: object, name: str = "picture", bgr: bool = False) -> None:
        self._file = is_path(picture)
        self._array = picture
        self.image = open_file(picture) if self._file else as_image(picture, name, bgr)

    def __enter__(self) -> abi.snarm_image:
        return self.image

    def __exit__(self, *exception: object) -> None:
        if self._file:
            lib.snarm_image_release(byref(self.image))


def open_file(path: Any, limits: Any = None) -> abi.snarm_image:
    """A file's picture in the library's memory, to be released."""
    image = abi.snarm_image()
    check(lib.snarm_image_load(byref(image), path_bytes(path, "path"), None if limits is None else byref(limits)))
    return image


def taken(image: abi.snarm_image) -> ByteArray:
    """A picture of the library's as an array of its own; the library's memory is given back."""
    try:
        kind = PixelFormat(image.format)
        size = _BYTES[kind] * image.width
        stride = image.stride or size
        rows = np.frombuffer(string_at(image.pixels, stride * (image.height - 1) + size), np.uint8)
        rows = np.lib.stride_tricks.as_strided(rows, (image.height, size), (stride, 1))
        shape = (image.height, image.width) if size == image.width else (image.height, image.width, _BYTES[kind])
        return np.array(rows).reshape(shape)
    finally:
        lib.snarm_image_release(byref(image))


def _limits(max_pixels: int | None, max_side: int | None, ignore_exif: bool) -> abi.snarm_image_options:
    return options(abi.snarm_image_options, max_pixels=max_pixels, max_side=max_side, ignore_exif=int(ignore_exif))


def load_image(path: Path, *, max_pixels: int | None = None, max_side: int | None = None, ignore_exif: bool = False) -> ByteArray:
    """Reads a PNG, JPEG or BMP file, told apart by content: (height, width) if it is grey, else (height, width, 3), uint8.

    Of 16-bit samples the high byte is kept, alpha is dropped, and the picture is turned as its EXIF orientation says. A file that is cut
    or damaged anywhere is refused.

    max_pixels, max_side: larger pictures are refused before memory is taken; default 100,000,000 and 65,500.
    ignore_exif: leave the picture as it is stored.
    """
    return taken(open_file(path, _limits(max_pixels, max_side, ignore_exif)))


def decode_image(
    data: bytes,
    name: str | None = None,
    *,
    max_pixels: int | None = None,
    max_side: int | None = None,
    ignore_exif: bool = False,
) -> ByteArray:
    """The same from a file's bytes; ``name`` stands in error sentences."""
    if not isinstance(data, bytes):
        raise TypeError(f"data: {type(data).__name__}, expected bytes")
    image, limits = abi.snarm_image(), _limits(max_pixels, max_side, ignore_exif)
    check(
        lib.snarm_image_decode(byref(image), data, len(data), None if name is None else string_bytes(name, "name"), byref(limits))
    )
    return taken(image)


def save_png(path: Path, picture: ByteArray, *, bgr: bool = False) -> None:
    """Writes a picture as an 8-bit PNG file, grey or RGB; alpha is dropped. The name stands for the old file or the whole new one."""
    image = as_image(picture, bgr=bgr)
    check(lib.snarm_image_save_png(byref(image), path_bytes(path, "path")))


@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes a network's input: resized (bilinear), cropped in its centre, divided by 255, minus mean, divided by std.

    width, height: pixels of the crop, which are those of the network's input and of the map.
    resize_width, resize_height: pixels of the picture before the crop, at least width and height; 0: these, so that nothing is cut off.
    mean, std: red, green, blue, of samples in 0..1; default ImageNet's.
    """

    width: int
    height: int
    resize_width: int = 0
    resize_height: int = 0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @classmethod
    def _of(cls, structure: abi.snarm_preprocess) -> Preprocess:
        return plain(cls, structure)

    def _structure(self) -> abi.snarm_preprocess:
        result = abi.snarm_preprocess()
        result.width, result.height = integer(self.width, "width"), integer(self.height, "height")
        result.resize_width = integer(self.resize_width, "resize_width") or result.width
        result.resize_height = integer(self.resize_height, "resize_height") or result.height
        for name in ("mean", "std"):
            values = tuple(number(value, name) for value in getattr(self, name))
            if len(values) != 3:
                raise ArgumentError(f"{name}: {len(values)} values, expected 3: red, green, blue")
            setattr(result, name, type(getattr(result, name))(*values))
        return result


def preprocess(picture: Picture, how: Preprocess, *, light: float = 0.0, light_share: float = 1.0, bgr: bool = False) -> FloatArray:
    """A network's input: (3, height, width) float32, the red, green and blue plane, normalised.

    light: that the picture is brought to, as ``image_light`` measures it; 0..1; 0: none.
    light_share: how near to it, 0..1. A detector's are ``info.light`` and ``info.light_share``.
    """
    planes, _ = _preprocessed(picture, how, (light, light_share), bgr, False)
    return planes


def preprocess_with_rgb(
    picture: Picture, how: Preprocess, *, light: float = 0.0, light_share: float = 1.0, bgr: bool = False
) -> tuple[FloatArray, ByteArray]:
    """The same, and the resized and cropped picture as (height, width, 3) uint8, red green blue."""
    planes, rgb = _preprocessed(picture, how, (light, light_share), bgr, True)
    assert rgb is not None
    return planes, rgb


def image_light(picture: Picture, *, bgr: bool = False) -> float:
    """How light a picture is: the median over its pixels of the mean of red, green and blue, 0..1."""
    value = c_double()
    with Opened(picture, bgr=bgr) as image:
        check(lib.snarm_image_light(byref(image), byref(value)))
    return value.value


def _preprocessed(picture: Picture, how: Preprocess, light: tuple[float, float], bgr: bool, with_rgb: bool) -> tuple[FloatArray, ByteArray | None]:
    structure = how._structure()
    values = number(light[0], "light"), number(light[1], "light_share")
    height, width = structure.height, structure.width
    if not (0 < height <= 16384 and 0 < width <= 16384):
        raise ArgumentError(f"how: {width} x {height} pixels, expected 1..16,384 each")
    planes = np.empty((3, height, width), np.float32)
    rgb = np.empty((height, width, 3), np.uint8) if with_rgb else None
    with Opened(picture, bgr=bgr) as image:
        if values[0] == 0:
            check(lib.snarm_image_preprocess(byref(image), byref(structure), pointer(planes), pointer(rgb)))
        else:
            check(lib.snarm_image_preprocess_light(byref(image), byref(structure), *values, pointer(planes), pointer(rgb)))
    return planes, rgb
