"""Image folders, and data sets of normal and defective images with masks. Only names are looked at until a file is loaded."""

from __future__ import annotations

import os
from ctypes import byref, c_void_p
from dataclasses import dataclass

import numpy as np

from . import _abi as abi
from ._arrays import ByteArray, pointer
from ._constants import Layout, Split
from ._handles import Handle, Owner
from ._library import lib
from ._options import Path, options, path_bytes
from .errors import ArgumentError, check
from .images import Preprocess, taken


@dataclass(frozen=True)
class Sample:
    """One image of a data set.

    path: of the image. defect: its kind of defect; "good" for a normal image.
    mask: path of its mask; None for a normal image, or where it is missing and may be.
    depth: path of its depth picture, for ``load_depth``; None in sets without them.
    anomalous: whether it is defective.
    """

    path: str
    defect: str
    mask: str | None
    depth: str | None
    anomalous: bool


class Dataset(Handle):
    """A data set in the layout of MVTec AD, VisA, MVTec 3D-AD, BTAD, or plain folders (docs/datasets.md)."""

    def __init__(self, path: Path, *, layout: Layout | str = Layout.AUTO, allow_missing_masks: bool = False) -> None:
        """Lists a data set.

        path: the folder that holds the categories, or one category's own.
        layout: "auto", "mvtec", "visa", "mvtec3d", "btad" or "folders".
        allow_missing_masks: defective test images need no mask file.
        """
        names = {kind.name.lower(): kind for kind in Layout}
        if isinstance(layout, str):
            if layout not in names:
                raise ArgumentError(f"layout: {layout!r}, expected one of {', '.join(map(repr, names))}")
            layout = names[layout]
        out = c_void_p()
        choices = options(abi.snarm_dataset_options, layout=int(layout), allow_missing_masks=int(allow_missing_masks))
        check(lib.snarm_dataset_open(byref(out), path_bytes(path, "path"), byref(choices)))
        self._owner = Owner(out.value, lib.snarm_dataset_destroy)

    @property
    def layout(self) -> Layout:
        """The layout that was read, never ``Layout.AUTO``."""
        return Layout(lib.snarm_dataset_layout(self._handle))

    @property
    def categories(self) -> tuple[str, ...]:
        """The names of the categories, in byte order."""
        handle = self._handle
        count = lib.snarm_dataset_category_count(handle)
        return tuple(os.fsdecode(lib.snarm_dataset_category_name(handle, i)) for i in range(count))

    def samples(self, category: str, split: Split | str) -> list[Sample]:
        """The images of a category's split, "train" (normal ones) or "test": those of one defect together, in byte order."""
        handle, categories = self._handle, self.categories
        if category not in categories:
            raise ArgumentError(f"category: {category!r}, expected one of {', '.join(map(repr, categories))}")
        if isinstance(split, str):
            if split not in ("train", "test"):
                raise ArgumentError(f"split: {split!r}, expected 'train' or 'test'")
            split = Split[split.upper()]
        at, out, found = categories.index(category), abi.snarm_sample(), []
        for index in range(lib.snarm_dataset_sample_count(handle, at, int(split))):
            check(lib.snarm_dataset_sample(handle, at, int(split), index, byref(out)))
            found.append(
                Sample(os.fsdecode(out.path), os.fsdecode(out.defect), _name(out.mask), _name(out.depth), bool(out.anomalous))
            )
        return found


def _name(value: bytes | None) -> str | None:
    return None if value is None else os.fsdecode(value)


def list_images(path: Path) -> list[str]:
    """The images of a folder and the folders in it, sorted by path (.png, .jpg, .jpeg, .bmp, .tif, .tiff); or the file itself."""
    out = c_void_p()
    check(lib.snarm_image_list_open(byref(out), path_bytes(path, "path")))
    owner = Owner(out.value, lib.snarm_image_list_destroy)
    return [os.fsdecode(lib.snarm_image_list_get(owner, i)) for i in range(lib.snarm_image_list_count(owner))]


def load_mask(path: Path, how: Preprocess) -> ByteArray:
    """A mask brought to the size of an anomaly map, as the image was brought to the network's (``detector.info.preprocess``).

    Returns (height, width) uint8: 0 normal, 1 defective. Small defects can vanish.
    """
    structure = how._structure()
    if not (1 <= structure.width <= 16384 and 1 <= structure.height <= 16384):
        raise ArgumentError(f"how: {structure.width} x {structure.height} pixels, expected 1..16,384 each")
    result = np.empty((structure.height, structure.width), np.uint8)
    check(lib.snarm_mask_load(path_bytes(path, "path"), byref(structure), pointer(result)))
    return result


def load_mask_full(path: Path) -> ByteArray:
    """A mask at its own size: (height, width) uint8, 1 where any sample is above 0, else 0."""
    image = abi.snarm_image()
    check(lib.snarm_mask_load_full(byref(image), path_bytes(path, "path")))
    return taken(image)
