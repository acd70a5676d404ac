"""The detector: all the parts behind one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ctypes import POINTER, byref, c_char_p, c_float, c_size_t, c_void_p, cast
from ctypes import pointer as pointer_to
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, array, floats, pointer, view
from ._callbacks import Call, Progress
from ._constants import Precision, Search
from ._handles import Handle
from ._library import lib
from ._options import Path, choice, integer, options, path_bytes, plain, sized, weights_bytes
from .backbone import Backbone, BackboneInfo
from .bank import Bank
from .dataset import list_images
from .depth import Depth, OpenedDepth, as_depth, open_depth
from .errors import ArgumentError, check
from .heatmap import render
from .images import Opened, Picture, Preprocess, as_image, is_path, open_file
from .pipeline import outcomes
from .residual import ResidualEngine
from .result import Result
from .scorer import Scorer
from .train import TrainOptions, TrainReport

Pictures = Union[Path, Sequence[Picture], ByteArray]
"""A folder, with the folders in it; or a sequence of paths and arrays; or an array (count, height, width) or
(count, height, width, 3) of uint8. A sequence of one's own need not hold the pictures: its items are asked for when they are needed,
each possibly more than once and in any order."""

Depths = Union[Sequence[Depth], FloatArray]
"""Depth pictures, one for each picture and in the same order: a sequence of TIFF files and arrays (height, width, 3) of float32, or an array
(count, height, width, 3). As above."""


@dataclass(frozen=True)
class DetectorInfo:
    """What a detector is.

    backbone: its network; with tiles, for one tile.
    preprocess: how pictures are brought to it; width and height are the map's.
    bank_count: M. image_count: good pictures it learnt from. neighbours: k.
    has_scorer: whether the map is a scorer's; else it is the distance to the bank.
    smoothing: sigma of the Gaussian on the map, pixels. false_alarm_rate: of the fit.
    threshold: of image scores; map_threshold: of map values. score_low: where ``normalized`` is 0.
    score_share: with a scorer, the share of the image score that its map gives; else 1.
    seed, threads: of the fit, and of this handle.
    format_version, library_version: of the model file, and of the library that fitted it.
    tile_width, tile_height, tile_overlap, tile_columns, tile_rows: of a detector with tiles; else 0.
    has_depth: whether it takes depth pictures. channels: of a patch's features: the backbone's, once more each in both lights and with depth.
    depth_range, depth_background: of the reliefs (``depth_relief``); depth_weight: of their features; without depth 0.
    score_first_stage: how much the first stage of the features counts in the distances of the image score; 1: they are those to the bank.
    light: that pictures are brought to (``preprocess``); 0: they are taken as they are.
    light_share: how near to it.
    both_lights: whether they go through the network as they are, too: the channels of these come first.
    map_contrast: how far the rest of a defective picture's map is put behind its strongest place; 0: not.
    score_window: side of the window that scores are of, pixels of the map.
    score_floor: how much of what the map of distances has as its smallest value above usual_floor is taken from its score; without a
        scorer 0.
    usual_floor: the median of the good pictures' smallest values; 0 if score_floor is 0.
    """

    backbone: BackboneInfo
    preprocess: Preprocess
    bank_count: int
    image_count: int
    neighbours: int
    has_scorer: bool
    smoothing: float
    false_alarm_rate: float
    threshold: float
    score_low: float
    seed: int
    threads: int
    format_version: int
    library_version: str
    map_threshold: float
    score_share: float
    tile_width: int
    tile_height: int
    tile_overlap: int
    tile_columns: int
    tile_rows: int
    has_depth: bool
    channels: int
    depth_range: float
    depth_background: float
    depth_weight: float
    score_first_stage: float
    light: float
    light_share: float
    both_lights: bool
    map_contrast: float
    score_window: int
    score_floor: float
    usual_floor: float


class Detector(Handle):
    """Learns a product from good pictures, and says of each new one whether it is defective, where, and how sure that is.

    Made by ``fit`` or ``load``. Any number of threads may inspect with one at the same time.
    """

    def __init__(self) -> None:
        raise TypeError("a Detector is made by Detector.fit(pictures) or Detector.load(path)")

    @classmethod
    def fit(
        cls,
        images: Pictures,
        backbone: Path | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        resize_width: int | None = None,
        resize_height: int | None = None,
        layers: Sequence[int] | None = None,
        groups: int | None = None,
        channels: int | None = None,
        neighbourhood: int | None = None,
        bank_size: int | None = None,
        neighbours: int | None = None,
        smoothing: float | None = None,
        false_alarm_rate: float | None = None,
        seed: int | None = None,
        feature_memory: int | None = None,
        threads: int | None = None,
        scorer_path: Path | None = None,
        train: TrainOptions | None = None,
        textures: Pictures | None = None,
        search: Search | str = Search.AUTO,
        tile_width: int | None = None,
        tile_height: int | None = None,
        tile_overlap: int | None = None,
        depths: Depths | None = None,
        depth_weight: float | None = None,
        even_light: float = 0.0,
        both_lights: bool = False,
        map_contrast: float | None = None,
        precision: Precision | str | None = None,
        bgr: bool = False,
        progress: Progress | None = None,
    ) -> Detector:
        """Learns from good pictures of one or more products. A picture that cannot be read ends the fit.

        images: see ``Pictures``; of any size, not all the same.
        backbone: a weights file (docs/backbones.md); None: the built-in network, as of ``Backbone``.
        width, height: the network's input, pixels; default 392 (ViT) or 224 (CNN); one given alone is used for both.
        resize_width, resize_height: pictures are resized to this, then cropped to width x height; default these: nothing is cut off.
        layers, groups, channels, neighbourhood: as of ``Backbone``; channels defaults to 512 (ViT, or with scorer_path) or -1 (CNN).
        bank_size: M, at most so many vectors are kept; default 20,000.
        neighbours: k; default 1, with scorer_path 3; 1..64.
        smoothing: sigma of the Gaussian on the map, pixels; default 4; -1: none.
        false_alarm_rate: share of good pictures that may be called defective; default 0.01.
        seed: of the coreset; default 0.
        feature_memory: bytes of features kept between passes; default 2 GiB; -1: none.
        threads: of the fit and of the detector; 1..64; default ``default_threads()``.
        scorer_path: a scorer file to use, not with train.
        train: trains a scorer from synthetic defects; None: none, the map is the distance to the bank, ready in seconds.
        textures: pictures that fill some of the synthetic defects; None: textures of the library's own.
        search: "auto": a large bank gets a filter that finds at least 99.9% of the true neighbours; "exact".
        tile_width, tile_height, tile_overlap: tiles, for large pictures with small defects (docs/tiles.md).
        depths: depth pictures whose features join the pictures' (docs/depth.md); None: pictures alone.
        depth_weight: of the depth's features beside the picture's; default 1: equal; above 0, at most 100.
        even_light: all pictures, those inspected too, are multiplied so that their medians come that near to that of the good pictures:
            for parts in a light that varies from picture to picture. 1: they are all the same, and whole parts that are too dark or too
            bright are not found; about 0.5 is a good middle; 0: pictures are taken as they are.
        both_lights: with even_light: the network sees pictures as they are, too. Finds more, in twice the time and with twice the memory.
        map_contrast: how far the rest of a defective picture's map is put behind its strongest place, for one defect explains much of what is
            unlike in a part: about 0.5 suits parts that hardly ever have more than one, -1, none, those with several of different strength;
            default 0.2 with train, else none; -1 or 0..1.
        precision: of the fit and of the detector, as of ``load``; training itself is f32.
        bgr: arrays of three channels are blue, green, red.
        progress: ``progress(stage, done, total)``, stages "features", "coreset", "bank", "search", "samples", "threshold"; a true
            value ends the fit with ``Cancelled``, an exception is raised again.
        """
        out = c_void_p()
        with Call() as call:
            choices = options(
                abi.snarm_fit_options,
                width=width,
                height=height,
                resize_width=resize_width,
                resize_height=resize_height,
                layers=layers,
                groups=groups,
                channels=channels,
                neighbourhood=neighbourhood,
                bank_size=bank_size,
                neighbours=neighbours,
                smoothing=smoothing,
                false_alarm_rate=false_alarm_rate,
                seed=seed,
                feature_memory=feature_memory,
                threads=threads,
                scorer_path=None if scorer_path is None else path_bytes(scorer_path, "scorer_path"),
                progress=call.progress(progress),
                train=None if train is None else pointer_to(train._structure(call)),
                textures=None if textures is None else pointer_to(_source(call, textures, "textures", bgr)),
                search=choice(Search, search, "search"),
                tile_width=tile_width,
                tile_height=tile_height,
                tile_overlap=tile_overlap,
                depths=None if depths is None else pointer_to(_depths(call, depths)),
                depth_weight=depth_weight,
                even_light=even_light,
                both_lights=int(both_lights),
                map_contrast=map_contrast,
                precision=choice(Precision, precision, "precision"),
            )
            weights = weights_bytes(backbone, "backbone")
            paths = _paths(images, "images")
            if paths is not None:
                names = (c_char_p * len(paths))(*(path_bytes(path, "images") for path in paths))
                status = lib.snarm_detector_fit_files(byref(out), weights, names, len(paths), byref(choices))
            else:
                source = _source(call, images, "images", bgr)
                status = lib.snarm_detector_fit(byref(out), weights, byref(source), byref(choices))
            detector = cls._new(out.value, lib.snarm_detector_destroy)
        call.check(status)
        return detector

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        threads: int | None = None,
        exact: bool = False,
        precision: Precision | str | None = None,
        pin: bool = False,
    ) -> Detector:
        """Opens a .snarm file. It stays mapped and must not be changed in place meanwhile; replacing it, as ``save`` does, is safe.

        threads: 1..64; default ``default_threads()``.
        exact: the bank is searched exactly, whatever filter the file holds.
        precision: of the backbone, the bank search and the scorer: "auto" (None is the same), "f32", "bf16" or "int8"
            (docs/precision.md); what each of them uses, ``backbone.info``, ``bank.search_info`` and ``scorer.info`` say.
        pin: each thread of an inspection keeps to a processor of its own (docs/threads.md); refused where there are fewer.
        """
        out = c_void_p()
        choices = options(
            abi.snarm_detector_options,
            threads=threads,
            exact=int(exact),
            precision=choice(Precision, precision, "precision"),
            pin=int(pin),
        )
        check(lib.snarm_detector_load(byref(out), path_bytes(path, "path"), byref(choices)))
        return cls._new(out.value, lib.snarm_detector_destroy)

    def save(self, path: Path) -> None:
        """Writes one .snarm file with everything in it, the backbone's weights too; whole or not at all."""
        check(lib.snarm_detector_save(self._handle, path_bytes(path, "path")))

    def inspect(
        self,
        picture: Picture,
        depth: Depth | None = None,
        *,
        bgr: bool = False,
        with_map: bool = True,
        out: FloatArray | None = None,
    ) -> Result:
        """Inspects one picture of any size.

        picture: an array (``snarm.images``), or the path of a PNG, JPEG or BMP file.
        depth: of a detector fitted with depths: the part's depth picture, an array (``snarm.depth``) or the path of a TIFF file.
        bgr: an array of three channels is blue, green, red.
        with_map: False saves the memory of the map; the result's map is then an array of shape (0, 0).
        out: (height, width) float32 of ``info.preprocess`` that receives the map, for loops that take no new memory.
        """
        handle = self._handle
        how = self.info.preprocess
        values: FloatArray | None = None
        if out is not None:
            values = array(out, "out", np.float32, (how.height, how.width), writable=True)
        elif with_map:
            values = np.empty((how.height, how.width), np.float32)
        result = sized(abi.snarm_result)
        with Opened(picture, bgr=bgr) as image:
            if depth is None:
                check(lib.snarm_detector_inspect(handle, byref(image), byref(result), pointer(values)))
            else:
                with OpenedDepth(depth) as points:
                    check(lib.snarm_detector_inspect_depth(handle, byref(image), byref(points), byref(result), pointer(values)))
        return Result._of(result, values)

    def inspect_many(
        self,
        pictures: Path | Iterable[Picture],
        depths: Iterable[Depth] | None = None,
        *,
        workers: int | None = None,
        ahead: int | None = None,
        bgr: bool = False,
        with_map: bool = True,
        on_error: str = "raise",
    ) -> Iterator[Any]:
        """Inspects pictures one after the other, or several at a time, while the next ones are being read: an iterator over their
        results, in their order, each the same as that of ``inspect``.

        pictures: a folder, or any iterable of paths and arrays; an iterator is asked for the next picture as it is needed, on another
            thread. An array must not change until its result is there.
        depths: of a detector fitted with depths: as many depth pictures.
        workers: inspections at the same time, each on the detector's threads; default 1. The most pictures a second: a detector
            loaded with threads=1, and as many workers as processors.
        ahead: pictures that are read before an inspection is free for them; default 2.
        bgr, with_map: as of ``inspect``.
        on_error: what becomes of a picture that cannot be read or inspected: "raise": its exception is raised in its place,
            and ends the iteration; "return": the exception takes the place of the result, and the others go on.
        Leaving the loop early ends what goes on; so does ``close`` of the iterator.
        """
        if is_path(pictures):
            pictures = list_images(pictures)  # type: ignore[arg-type]
        elif not hasattr(pictures, "__iter__") and not hasattr(pictures, "__getitem__"):
            raise TypeError(f"pictures: {type(pictures).__name__}, expected a folder or an iterable of pictures")
        choices = {"workers": workers, "ahead": ahead, "no_map": int(not with_map)}
        return outcomes(self, pictures, depths, bgr, on_error, **choices)  # type: ignore[arg-type]

    def map_to_image(self, map: FloatArray, width: int, height: int) -> FloatArray:
        """A result's map brought to the picture's own size and place; the border that a crop left out has the nearest value.

        map: (height, width) float32 of ``info.preprocess``.
        width, height: pixels of the picture that was inspected.
        Returns (height, width) float32 of the picture.
        """
        how = self.info.preprocess
        floats(map, "map", how.height, how.width)
        width, height = integer(width, "width"), integer(height, "height")
        if not (1 <= width <= 65500 and 1 <= height <= 65500):
            raise ArgumentError(f"width, height: {width} x {height}, expected 1..65,500 each")
        result = np.empty((height, width), np.float32)
        check(lib.snarm_detector_map_to_image(self._handle, pointer(map), width, height, pointer(result)))
        return result

    def heatmap(
        self, picture: Picture, result: Result | None = None, *, depth: Depth | None = None, bgr: bool = False
    ) -> ByteArray:
        """The map laid over the picture, with a line around what lies at or above the map's threshold: what
        ``snarm inspect --heatmaps`` writes.

        picture: that which was inspected.
        result: of the inspection; None: it is inspected now, with depth where the detector takes one.
        Returns (height, width, 3) uint8, red green blue, of the picture's size.
        """
        if result is None:
            result = self.inspect(picture, depth, bgr=bgr)
        if result.map.size == 0:
            raise ArgumentError("result: it has no map (with_map=False)")
        with Opened(picture, bgr=bgr) as image:
            placed = self.map_to_image(result.map, image.width, image.height)
            # Good parts have values up to the threshold: half of it is shown as nothing, so that they stay clear.
            limit = result.map_threshold
            return render(
                image, placed, threshold=limit, low=limit / 2 if limit > 0 else 0.0, high=2 * limit if limit > 0 else 1.0
            )

    @property
    def info(self) -> DetectorInfo:
        """What it is."""
        info = sized(abi.snarm_detector_info)
        check(lib.snarm_detector_get_info(self._handle, byref(info)))
        return plain(
            DetectorInfo, info, backbone=BackboneInfo._of(info.backbone.contents), preprocess=Preprocess._of(info.preprocess)
        )

    @property
    def training(self) -> TrainReport | None:
        """How the training of its scorer went; None if the fit trained none."""
        report = sized(abi.snarm_train_report)
        check(lib.snarm_detector_get_training(self._handle, byref(report)))
        return None if report.steps == 0 else TrainReport._of(report)

    @property
    def scores(self) -> FloatArray:
        """(image_count,) float32: leave-one-out scores of the pictures it learnt from; its own memory, read-only."""
        scores, count = POINTER(c_float)(), c_size_t()
        check(lib.snarm_detector_get_scores(self._handle, byref(scores), byref(count)))
        return view(scores, np.float32, (count.value,), self._handle)

    @property
    def backbone(self) -> Backbone:
        """Its network; keeps the detector alive, as do the other parts."""
        owner = self._handle
        return Backbone._new(lib.snarm_detector_backbone(owner), None, owner)

    @property
    def bank(self) -> Bank:
        """Its memory bank."""
        owner = self._handle
        return Bank._new(lib.snarm_detector_bank(owner), None, owner)

    @property
    def residual(self) -> ResidualEngine | None:
        """Its residual engine; None without a scorer."""
        owner = self._handle
        address = lib.snarm_detector_residual(owner)
        if address is None:
            return None
        info = self.info
        return ResidualEngine._borrowed(address, owner, (info.backbone.patches, info.channels))

    @property
    def scorer(self) -> Scorer | None:
        """Its scorer, or None."""
        owner = self._handle
        address = lib.snarm_detector_scorer(owner)
        return None if address is None else Scorer._new(address, None, owner)


def _paths(images: Pictures, name: str) -> list[Any] | None:
    """The files of a folder, or of a sequence of paths alone; else None."""
    if is_path(images):
        paths: list[Any] = list_images(images)  # type: ignore[arg-type]
        if not paths:
            raise ArgumentError(f"{name}: {images!s} holds no picture (.png, .jpg, .jpeg, .bmp)")
        return paths
    if isinstance(images, (list, tuple)) and all(map(is_path, images)):
        return list(images)
    return None


def _source(call: Call, images: Pictures, name: str, bgr: bool) -> abi.snarm_image_source:
    """A snarm_image_source over a folder, a sequence or an array of pictures."""
    if isinstance(images, np.ndarray):
        if images.ndim not in (3, 4) or images.ndim == 3 and images.shape[2] in (3, 4):
            raise ArgumentError(
                f"{name}: shape {images.shape}, expected (count, height, width) or (count, height, width, 3); "
                "a single picture goes into a list"
            )
    elif not hasattr(images, "__len__") or not hasattr(images, "__getitem__"):
        raise TypeError(
            f"{name}: {type(images).__name__}, expected a folder, a sequence or an array (list(...) makes a sequence)"
        )
    items: Any = _paths(images, name) or images

    def fill(target: abi.snarm_image, item: Any) -> Any:
        opened = open_file(item) if is_path(item) else as_image(item, f"{name}: a picture", bgr)
        for field in abi.snarm_image._fields_:
            setattr(target, field[0], getattr(opened, field[0]))
        return item

    return call.source(abi.snarm_image_source, abi.snarm_image, items, fill, lib.snarm_image_release)  # type: ignore[no-any-return]


def _depths(call: Call, depths: Depths) -> abi.snarm_depth_source:
    """A snarm_depth_source over a sequence or an array of depth pictures."""
    if isinstance(depths, np.ndarray):
        if depths.ndim != 4:
            raise ArgumentError(
                f"depths: shape {depths.shape}, expected (count, height, width, 3); a single one goes into a list"
            )
    elif is_path(depths) or not hasattr(depths, "__len__") or not hasattr(depths, "__getitem__"):
        raise TypeError(f"depths: {type(depths).__name__}, expected a sequence or an array, in the order of the pictures")
    loaded: set[int] = set()

    def fill(target: abi.snarm_depth, item: Any) -> Any:
        opened = open_depth(item) if is_path(item) else as_depth(item, "depths: a depth picture")
        target.points, target.width, target.height = opened.points, opened.width, opened.height
        if is_path(item):
            loaded.add(cast(opened.points, c_void_p).value or 0)
        return item

    def release(target: Any) -> None:
        # Arrays are their owner's.
        place = cast(target.contents.points, c_void_p).value or 0
        if place in loaded:
            loaded.discard(place)
            lib.snarm_depth_release(target)

    items: Any = depths
    return call.source(abi.snarm_depth_source, abi.snarm_depth, items, fill, release)  # type: ignore[no-any-return]
