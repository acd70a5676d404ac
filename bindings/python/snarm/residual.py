"""The residual engine: how far each patch is from normal ones, which patches of the picture itself look normal, and how far each is from
those.

With f_i the feature of patch i: r_i = mean of its k nearest bank vectors - f_i (inter-residual); the navigator chooses the reference
set; q_i = nearest reference patch - f_i (intra-residual); the hybrid residual is [phi(r_i), phi(q_i)].
"""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import NamedTuple

import numpy as np

from . import _abi as abi
from ._arrays import ByteArray, FloatArray, floats, pointer
from ._handles import Handle, Owner, handle_of
from ._library import lib
from ._options import integer, number, options
from .bank import Bank
from .errors import check


class Hybrid(NamedTuple):
    """What ``ResidualEngine.hybrid`` gives.

    hybrid: (N, 2C) float32.
    reference: (N,) uint8, 1 on the reference set, 0 on hard patches.
    navigator: (N,) float32, u in 0..1.
    """

    hybrid: FloatArray
    reference: ByteArray
    navigator: FloatArray


class ResidualEngine(Handle):
    """Residuals of one grid. Any number of threads may use one at the same time."""

    def __init__(
        self,
        weight: FloatArray,
        bias: float,
        *,
        patches: int,
        neighbours: int | None = None,
        reference_ratio: float | None = None,
        scale: float | None = None,
        threads: int | None = None,
    ) -> None:
        """An engine with a navigator, as ``Scorer.navigator`` gives it.

        weight: (C,) float32, copied; C is even, 2..4,096.
        bias: the navigator's.
        patches: N, the grid's width * height; 2..1,048,576.
        neighbours: k; default 3; 1..64.
        reference_ratio: rho, the share of patches in the reference set; default 0.75; above 0, below 1.
        scale: both residuals are multiplied by it before phi; default 1.
        threads: 1..64; default ``default_threads()``.
        """
        floats(weight, "weight", "C")
        choices = options(
            abi.snarm_residual_options,
            patches=patches,
            channels=len(weight),
            neighbours=neighbours,
            reference_ratio=reference_ratio,
            scale=scale,
            threads=threads,
        )
        out = c_void_p()
        check(lib.snarm_residual_create(byref(out), pointer(weight), number(bias, "bias"), byref(choices)))
        self._owner = Owner(out.value, lib.snarm_residual_destroy)
        self._shape = (choices.patches, choices.channels)

    # (N, C). C has no function that tells them; a detector knows those of its engine.
    _shape: tuple[int, int]

    @classmethod
    def _borrowed(cls, address: int, keep: object, shape: tuple[int, int]) -> ResidualEngine:
        engine = cls._new(address, None, keep)
        engine._shape = shape
        return engine

    def inter(self, bank: Bank, features: FloatArray, *, exclude: int = -1) -> FloatArray:
        """The inter-residual of every patch, not scaled.

        features: (N, C) float32.
        exclude: picture whose bank vectors are passed over (leave-one-image-out); -1: none.
        Returns (N, C) float32.
        """
        floats(features, "features", *self._shape)
        inter = np.empty_like(features)
        check(
            lib.snarm_residual_inter(
                self._handle, handle_of(bank, Bank, "bank"), pointer(features), integer(exclude, "exclude"), pointer(inter)
            )
        )
        return inter

    def hybrid(self, features: FloatArray, inter: FloatArray) -> Hybrid:
        """From features and inter-residual, both (N, C) float32, to the hybrid residual, the reference set and the navigator's values."""
        floats(features, "features", *self._shape)
        floats(inter, "inter", *features.shape)
        count, channels = features.shape
        hybrid = np.empty((count, 2 * channels), np.float32)
        reference, navigator = np.empty(count, np.uint8), np.empty(count, np.float32)
        check(
            lib.snarm_residual_hybrid(
                self._handle, pointer(features), pointer(inter), pointer(hybrid), pointer(reference), pointer(navigator)
            )
        )
        return Hybrid(hybrid, reference, navigator)
