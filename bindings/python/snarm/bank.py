"""The memory bank: features of normal patches, and the nearest of them to any query."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import POINTER, byref, c_float, c_int32, c_size_t, c_void_p
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import _abi as abi
from ._arrays import FloatArray, IntArray, floats, indices, pointer, view
from ._callbacks import Call, Progress
from ._constants import Precision
from ._handles import Handle, Owner, handle_of
from ._library import lib
from ._options import Path, choice, integer, number, options, path_bytes, plain, precision_of, sized
from .errors import ArgumentError, check


@dataclass(frozen=True)
class BankSearch:
    """How a bank searches.

    axes: principal axes of the filter; 0: exactly, without one.
    recall: share of the true neighbours found when the filter was tuned, 0..1; 1 without a filter.
    precision: "f32" or "int8": what the filter compares; distances are always f32.
    cells, probes: groups of 256 near vectors that the bank is divided into, and how many of them each query looks at; 0, 0: at all vectors.
    precision_note: why it is f32 although int8 was asked for, or "auto" would take it elsewhere; else "".
    """

    axes: int
    recall: float
    precision: str
    cells: int
    probes: int
    precision_note: str


class Bank(Handle):
    """M vectors of C channels, each with the index of the picture it came from.

    Any number of threads may search one at the same time; ``tune`` alone needs it for itself.
    """

    def __init__(
        self,
        vectors: FloatArray,
        images: IntArray | None = None,
        *,
        threads: int | None = None,
        exact: bool = False,
        precision: Precision | str | None = None,
    ) -> None:
        """A bank of these vectors, which are copied.

        vectors: (M, C) float32, finite.
        images: (M,) int32, the picture each came from, 0 or more; None: each from one of its own.
        threads: 1..64; default ``default_threads()``.
        exact: searches are exact, whatever filter a file holds.
        precision: of a filter's search: "auto" (None is the same), "f32", "bf16" (f32 here) or "int8" (docs/precision.md).
        """
        count, channels = _check_vectors(vectors, images)
        out = c_void_p()
        choices = _options(threads, exact, precision)
        check(lib.snarm_bank_create(byref(out), pointer(vectors), pointer(images), count, channels, byref(choices)))
        self._owner = Owner(out.value, lib.snarm_bank_destroy)

    @classmethod
    def load(
        cls, path: Path, *, threads: int | None = None, exact: bool = False, precision: Precision | str | None = None
    ) -> Bank:
        """Opens a file of ``save``."""
        out = c_void_p()
        choices = _options(threads, exact, precision)
        check(lib.snarm_bank_load(byref(out), path_bytes(path, "path"), byref(choices)))
        return cls._new(out.value, lib.snarm_bank_destroy)

    @classmethod
    def merge(
        cls,
        banks: Sequence[Bank],
        *,
        threads: int | None = None,
        exact: bool = False,
        precision: Precision | str | None = None,
    ) -> Bank:
        """One bank of all the vectors of several, in order. Picture indices of each are shifted past those before it."""
        owners = [handle_of(bank, Bank, f"banks[{i}]") for i, bank in enumerate(banks)]
        handles = (c_void_p * len(owners))(*(owner._as_parameter_.value for owner in owners))
        out = c_void_p()
        choices = _options(threads, exact, precision)
        check(lib.snarm_bank_merge(byref(out), handles, len(owners), byref(choices)))
        return cls._new(out.value, lib.snarm_bank_destroy)

    def add(
        self,
        vectors: FloatArray,
        images: IntArray | None = None,
        *,
        threads: int | None = None,
        exact: bool = False,
        precision: Precision | str | None = None,
    ) -> Bank:
        """A new bank of this one's vectors and these; arguments as of ``Bank``."""
        count, channels = _check_vectors(vectors, images)
        if channels != self.channels:
            raise ArgumentError(f"vectors: {channels} channels, expected the bank's {self.channels}")
        out = c_void_p()
        choices = _options(threads, exact, precision)
        check(lib.snarm_bank_add(byref(out), self._handle, pointer(vectors), pointer(images), count, byref(choices)))
        return type(self)._new(out.value, lib.snarm_bank_destroy)

    def save(self, path: Path) -> None:
        """Writes a safetensors file with tensors "vectors" and "images", whole or not at all."""
        check(lib.snarm_bank_save(self._handle, path_bytes(path, "path")))

    def _size(self) -> tuple[int, int, int]:
        count, channels, images = c_size_t(), c_int32(), c_int32()
        check(lib.snarm_bank_get_size(self._handle, byref(count), byref(channels), byref(images)))
        return count.value, channels.value, images.value

    def __len__(self) -> int:
        """M, the number of vectors."""
        return self._size()[0]

    def __bool__(self) -> bool:
        return True

    @property
    def channels(self) -> int:
        """C."""
        return self._size()[1]

    @property
    def image_count(self) -> int:
        """The largest picture index plus one."""
        return self._size()[2]

    @property
    def vectors(self) -> FloatArray:
        """(M, C) float32: the bank's own memory, read-only; the array keeps the bank alive."""
        vectors = POINTER(c_float)()
        check(lib.snarm_bank_get_vectors(self._handle, byref(vectors), None))
        count, channels, _ = self._size()
        return view(vectors, np.float32, (count, channels), self._handle)

    @property
    def images(self) -> IntArray:
        """(M,) int32: the picture each vector came from; the bank's own memory, read-only."""
        images = POINTER(c_int32)()
        check(lib.snarm_bank_get_vectors(self._handle, None, byref(images)))
        return view(images, np.int32, (len(self),), self._handle)

    def search(self, queries: FloatArray, k: int, *, exclude: int = -1) -> tuple[FloatArray, IntArray]:
        """The k nearest vectors (Euclidean) of each query, nearest first, ties to the smaller index.

        queries: (count, C) float32, finite.
        k: 1..64, at most the number of vectors that are not excluded.
        exclude: picture whose vectors are passed over; -1: none.
        Returns distances (count, k) float32 and indices into the bank (count, k) int32.
        """
        floats(queries, "queries", "count", self.channels)
        k = integer(k, "k")
        if not 1 <= k <= len(self):
            raise ArgumentError(f"k: {k}, expected 1..{min(len(self), 64)}")
        shape = (len(queries), k)
        distances, found = np.empty(shape, np.float32), np.empty(shape, np.int32)
        check(
            lib.snarm_bank_search(
                self._handle, pointer(queries), len(queries), k, integer(exclude, "exclude"), pointer(distances), pointer(found)
            )
        )
        return distances, found

    def tune(self, queries: FloatArray, k: int, recall: float = 0.999, *, images: IntArray | None = None) -> BankSearch:
        """Makes searches several times faster by a filter of principal axes; distances stay the true ones.

        No other thread may use the bank meanwhile. Where no filter reaches the recall, searches stay exact.

        queries: (count, C) float32, typical ones that are not in the bank; some thousands.
        images: (count,) int32, the picture whose vectors each passes over, or -1, equal ones best side by side; None: none do.
        k: neighbours that will be asked for.
        recall: wanted share of the true neighbours, above 0, at most 1.
        """
        floats(queries, "queries", "count", self.channels)
        if images is not None:
            indices(images, "images", len(queries))
        check(
            lib.snarm_bank_tune(
                self._handle, pointer(queries), pointer(images), len(queries), integer(k, "k"), number(recall, "recall")
            )
        )
        return self.search_info

    @property
    def search_info(self) -> BankSearch:
        """How the bank searches."""
        info = sized(abi.snarm_bank_search_info)
        check(lib.snarm_bank_get_search(self._handle, byref(info)))
        return plain(BankSearch, info, precision=precision_of(info))


def _options(threads: int | None, exact: bool, precision: Precision | str | None) -> abi.snarm_bank_options:
    return options(abi.snarm_bank_options, threads=threads, exact=int(exact), precision=choice(Precision, precision, "precision"))


def _check_vectors(vectors: FloatArray, images: IntArray | None) -> tuple[int, int]:
    floats(vectors, "vectors", "M", "C")
    if images is not None:
        indices(images, "images", len(vectors))
    return len(vectors), integer(vectors.shape[1], "channels")


def select_coreset(
    vectors: FloatArray,
    target: int,
    *,
    projection: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> npt.NDArray[np.uintp]:
    """Greedy k-centre selection: always the vector farthest from all chosen before.

    vectors: (count, channels) float32, finite.
    target: how many to choose; at least 1; more than count: all, in order.
    projection: dimensions of the random projection in which distances are measured; default 128; -1: none.
    seed: of the projection and the first centre.
    progress: ``progress(stage, done, total)``; a true value or an exception ends the selection.
    Returns indices in the order of choice; fewer than target where the rest only repeats vectors already chosen.
    """
    floats(vectors, "vectors", "count", "channels")
    target = integer(target, "target", c_size_t)
    selected = np.empty(max(min(target, len(vectors)), 1), np.uintp)
    chosen = c_size_t()
    with Call() as call:
        choices = options(
            abi.snarm_coreset_options, projection=projection, seed=seed, threads=threads, progress=call.progress(progress)
        )
        status = lib.snarm_coreset_select(
            pointer(vectors),
            len(vectors),
            integer(vectors.shape[1], "channels"),
            target,
            byref(choices),
            selected.ctypes.data_as(POINTER(c_size_t)),
            byref(chosen),
        )
    call.check(status)
    return selected[: chosen.value].copy()
