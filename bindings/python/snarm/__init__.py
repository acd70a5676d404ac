"""snarm: finds defects no one has seen before. Python bindings of libsnarm.

    detector = snarm.Detector.fit("parts/good")
    result = detector.inspect("part.png")
    print(result.verdict, result.score, result.x, result.y)
    detector.save("part.snarm")

The package is a thin layer over the library's C interface, by ctypes: numpy arrays in, numpy arrays out, and no method of its own.
``Detector`` has everything behind one call; ``Backbone``, ``Bank``, ``ResidualEngine`` and ``Scorer`` are its parts. Calls let go
of Python's global lock. docs/python.md is the guide.
"""

from . import images, maps, metrics
from ._callbacks import Progress
from ._constants import VERSION as _VERSION
from ._constants import BUILTIN_BACKBONE, Layout, PixelFormat, Precision, Search, Split, Status
from .backbone import Backbone, BackboneInfo
from .bank import Bank, BankSearch, select_coreset
from .dataset import Dataset, Sample, list_images, load_mask, load_mask_full
from .depth import Depth, depth_relief, load_depth
from .detector import Detector, DetectorInfo, Pictures
from .errors import (
    ArgumentError,
    Cancelled,
    Error,
    FileError,
    FormatError,
    InternalError,
    MismatchError,
    OutOfMemoryError,
    UnsupportedError,
    default_threads,
    last_error,
    library_version,
    status_name,
)
from .heatmap import render_heatmap
from .images import Picture, Preprocess, decode_image, image_light, load_image, preprocess, preprocess_with_rgb, save_png
from .metrics import Curve, PixelMetrics, PixelMetricsResult, ScoreMetrics, score_curve, score_metrics
from .report import Report
from .residual import Hybrid, ResidualEngine
from .result import Result
from .scorer import Scorer, ScorerInfo
from .train import TrainOptions, TrainProgress, TrainReport, TrainSample, train_scorer

__version__ = ".".join(map(str, _VERSION))

__all__ = [
    "BUILTIN_BACKBONE",
    "ArgumentError",
    "Backbone",
    "BackboneInfo",
    "Bank",
    "BankSearch",
    "Cancelled",
    "Curve",
    "Dataset",
    "Depth",
    "Detector",
    "DetectorInfo",
    "Error",
    "FileError",
    "FormatError",
    "Hybrid",
    "InternalError",
    "Layout",
    "MismatchError",
    "OutOfMemoryError",
    "Picture",
    "Pictures",
    "PixelFormat",
    "PixelMetrics",
    "PixelMetricsResult",
    "Precision",
    "Preprocess",
    "Progress",
    "Report",
    "ResidualEngine",
    "Result",
    "Sample",
    "ScoreMetrics",
    "Scorer",
    "ScorerInfo",
    "Search",
    "Split",
    "Status",
    "TrainOptions",
    "TrainProgress",
    "TrainReport",
    "TrainSample",
    "UnsupportedError",
    "decode_image",
    "default_threads",
    "depth_relief",
    "image_light",
    "images",
    "last_error",
    "library_version",
    "list_images",
    "load_depth",
    "load_image",
    "load_mask",
    "load_mask_full",
    "maps",
    "metrics",
    "preprocess",
    "preprocess_with_rgb",
    "render_heatmap",
    "save_png",
    "score_curve",
    "score_metrics",
    "select_coreset",
    "status_name",
    "train_scorer",
]
