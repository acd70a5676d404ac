"""What an inspection says of a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _abi as abi
from ._arrays import FloatArray
from ._options import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Result:
    """What an inspection says of a picture. Plain data: it can be kept, pickled and sent to another process.

    score: raw image score.
    normalized: 0..1, rising with score, 0.5 at the threshold.
    verdict: "anomalous" if score >= threshold, else "normal"; ``anomalous`` is the same as a bool.
    map: (height, width) float32, the anomaly map at the size that the detector's ``info.preprocess`` says
        (``Detector.map_to_image`` brings it to the picture's); of shape (0, 0) if it was not asked for.
    threshold: scores from here up are anomalous. map_threshold: map values from here up are.
    map_max: the largest value of the map; map_x, map_y: where, in pixels of the map; x, y: where, in pixels of the picture.
    preprocess_ms, backbone_ms, match_ms, scorer_ms, map_ms: milliseconds spent on each step.
    """

    score: float
    normalized: float
    verdict: str
    map: FloatArray = field(repr=False, compare=False)
    threshold: float
    map_threshold: float
    map_max: float
    map_x: int
    map_y: int
    x: float
    y: float
    preprocess_ms: float = field(repr=False, compare=False)
    backbone_ms: float = field(repr=False, compare=False)
    match_ms: float = field(repr=False, compare=False)
    scorer_ms: float = field(repr=False, compare=False)
    map_ms: float = field(repr=False, compare=False)

    @classmethod
    def _of(cls, structure: abi.snarm_result, map: FloatArray | None) -> Result:
        values = np.empty((0, 0), np.float32) if map is None else map
        return plain(cls, structure, map=values, verdict="anomalous" if structure.anomalous else "normal")

    @property
    def anomalous(self) -> bool:
        """The verdict."""
        return self.verdict == "anomalous"

    @property
    def ms(self) -> float:
        """Milliseconds of the inspection, without reading a file."""
        return self.preprocess_ms + self.backbone_ms + self.match_ms + self.scorer_ms + self.map_ms

    def figure(self, **choices: Any) -> Figure:
        """The map as a matplotlib figure (``snarm.plot.map_figure``); a notebook shows it."""
        from . import plot

        return plot.map_figure(self, **choices)
