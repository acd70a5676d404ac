"""The self-navigated Mamba scorer: from the hybrid residual to logit maps."""

from __future__ import annotations

from ctypes import POINTER, byref, c_float, c_void_p
from dataclasses import dataclass

import numpy as np

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, array, floats, mask, pointer, view
from ._constants import Precision
from ._handles import Handle, Owner
from ._library import lib
from ._options import Path, choice, options, path_bytes, plain, precision_of, sized
from .errors import check


@dataclass(frozen=True)
class ScorerInfo:
    """What a scorer is.

    grid_width, grid_height: patches.
    channels: C of the features; the hybrid residual has 2C.
    embedding: D, channels inside the Mamba blocks.
    branches, scans, depth: of the network; maps: logit maps, branches * scans.
    reference_ratio: rho, the share of patches in the reference set.
    residual_scale: with which the residuals it was trained on were scaled; 1 for files that do not say.
    neighbours: k of those residuals; 0 for files that do not say.
    prior_slope, prior_centre: see ``Scorer.add_prior``; slope 0: none.
    prior_border: see ``Scorer.add_prior``; 0: none.
    prior_stages: stages of a prior of residuals (``Scorer.logits``); 0: it is one of distances.
    precision: "f32" or "bf16": what it is run in; precision_note: why it is not what was asked for, else "".
    """

    grid_width: int
    grid_height: int
    channels: int
    embedding: int
    branches: int
    scans: int
    depth: int
    maps: int
    reference_ratio: float
    residual_scale: float
    neighbours: int
    prior_slope: float
    prior_centre: float
    prior_border: float
    prior_stages: int
    precision: str
    precision_note: str

    @property
    def patches(self) -> int:
        """N = grid_width * grid_height."""
        return self.grid_width * self.grid_height


class Scorer(Handle):
    """A trained navigator and Mamba heads, for one grid. Any number of threads may use one at the same time."""

    def __init__(
        self,
        path: Path,
        *,
        grid_width: int,
        grid_height: int,
        reference_ratio: float | None = None,
        threads: int | None = None,
        precision: Precision | str | None = None,
        coverage: FloatArray | None = None,
    ) -> None:
        """Loads a scorer file and prepares it for one grid.

        path: a published checkpoint as safetensors (``python -m snarm.convert``), or a file of ``train_scorer``.
        grid_width, grid_height: patches; 2..512 each.
        reference_ratio: rho, the residual engine's; default the file's, else 0.75.
        threads: 1..64; default ``default_threads()``.
        precision: in what numbers: "auto" (None is the same), "f32", "bf16" or "int8" (docs/precision.md).
        coverage: (N,) float32 of ``Backbone.coverage``, for the prior of a scorer whose ``info.prior_border`` is above 0; default 1.
        """
        choices = options(
            abi.snarm_scorer_options,
            grid_width=grid_width,
            grid_height=grid_height,
            reference_ratio=reference_ratio,
            threads=threads,
            precision=choice(Precision, precision, "precision"),
        )
        if coverage is not None:
            choices.coverage = pointer(floats(coverage, "coverage", grid_width * grid_height))
        out = c_void_p()
        check(lib.snarm_scorer_create(byref(out), path_bytes(path, "path"), byref(choices)))
        self._owner = Owner(out.value, lib.snarm_scorer_destroy)

    @property
    def info(self) -> ScorerInfo:
        """What it is."""
        info = sized(abi.snarm_scorer_info)
        check(lib.snarm_scorer_get_info(self._handle, byref(info)))
        return plain(ScorerInfo, info, precision=precision_of(info))

    @property
    def navigator(self) -> tuple[FloatArray, float]:
        """The navigator's weight (C,) float32, the scorer's own memory and read-only, and its bias: for ``ResidualEngine``."""
        weight, bias = POINTER(c_float)(), c_float()
        check(lib.snarm_scorer_navigator(self._handle, byref(weight), byref(bias)))
        return view(weight, np.float32, (self.info.channels,), self._handle), bias.value

    def logits(self, hybrid: FloatArray, reference: ByteArray) -> FloatArray:
        """Logits of one picture.

        hybrid: (N, 2C) float32 of ``ResidualEngine.hybrid``.
        reference: (N,) uint8 or bool, 1 on the reference set.
        Returns (maps, N) float32: map branch * scans + scan, each in rows from the top left. A scorer trained with stages, as those of a fit
        are, has added what the inter-residuals say by themselves, in -8..8: prior_slope * ln(size / (coverage ** prior_border *
        prior_centre)), where size is the geometric mean over the stages of the root mean square of their channels.
        """
        info = self.info
        floats(hybrid, "hybrid", info.patches, 2 * info.channels)
        reference = mask(reference, "reference", info.patches)
        logits = np.empty((info.maps, info.patches), np.float32)
        check(lib.snarm_scorer_logits(self._handle, pointer(hybrid), pointer(reference), pointer(logits)))
        return logits

    def add_prior(self, distances: FloatArray, logits: FloatArray) -> None:
        """Adds to logits, in place, what the distance to the bank says by itself, in -8..8:
        prior_slope * ln(distance / (coverage ** prior_border * prior_centre)). Nothing where the prior is one of residuals
        (``info.prior_stages`` above 0): ``logits`` has done that already.

        distances: (N,) float32, 0 or more: the mean distance of each patch to its k nearest bank vectors.
        logits: (maps, N) float32 of ``logits``.
        """
        info = self.info
        floats(distances, "distances", info.patches)
        array(logits, "logits", np.float32, (info.maps, info.patches), writable=True)
        check(lib.snarm_scorer_add_prior(self._handle, pointer(distances), pointer(logits)))
