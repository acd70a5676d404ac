"""The constants of the public headers: the version, limits and enumerations. tests/test_headers.py compares them."""

from __future__ import annotations

from enum import IntEnum

# The version of the interface that this file describes: SNARM_VERSION_MAJOR, _MINOR, _PATCH. It is the package's own too.
VERSION = (0, 2, 0)

LAYERS_MAX = 64
NEIGHBOURS_MAX = 64
TRAIN_BATCH_MAX = 64

# SNARM_BUILTIN_BACKBONE: stands for the built-in network where a backbone's path is taken.
BUILTIN_BACKBONE = "builtin"


class Status(IntEnum):
    """What a C function returned (snarm_status)."""

    OK = 0
    ERROR_ARGUMENT = 1
    ERROR_MEMORY = 2
    ERROR_IO = 3
    ERROR_FORMAT = 4
    ERROR_UNSUPPORTED = 5
    ERROR_MISMATCH = 6
    ERROR_CANCELLED = 7
    ERROR_INTERNAL = 8


class PixelFormat(IntEnum):
    """How the bytes of a pixel lie in memory (snarm_pixel_format)."""

    GREY8 = 1
    RGB8 = 2
    BGR8 = 3
    RGBA8 = 4


class Layout(IntEnum):
    """How a data set's folders are laid out (snarm_layout)."""

    AUTO = 0
    MVTEC = 1
    VISA = 2
    MVTEC3D = 3
    BTAD = 4
    FOLDERS = 5


class Split(IntEnum):
    """Part of a data set (snarm_split)."""

    TRAIN = 0
    TEST = 1


class Precision(IntEnum):
    """In what numbers products and convolutions are made (snarm_precision; docs/precision.md)."""

    AUTO = 0
    F32 = 1
    BF16 = 2
    INT8 = 3


class Search(IntEnum):
    """How a fit makes its bank search (snarm_search)."""

    AUTO = 0
    EXACT = 1


ENUMS = {
    "snarm_status": ("SNARM_", Status),
    "snarm_pixel_format": ("SNARM_", PixelFormat),
    "snarm_layout": ("SNARM_LAYOUT_", Layout),
    "snarm_split": ("SNARM_SPLIT_", Split),
    "snarm_precision": ("SNARM_PRECISION_", Precision),
    "snarm_search": ("SNARM_SEARCH_", Search),
}
