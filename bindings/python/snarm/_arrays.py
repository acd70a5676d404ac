"""numpy arrays in and out: what C reads must have exactly its type, shape and layout; nothing is converted behind the caller's back."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_float, c_int32, c_uint8, c_void_p, cast
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ._abi import float_p, int32_p, uint8_p
from .errors import ArgumentError

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int32]

# A side of an expected shape: a number, or the name of one that may be anything.
Side = Union[int, str]

_POINTERS: dict[Any, Any] = {np.dtype(np.float32): float_p, np.dtype(np.uint8): uint8_p, np.dtype(np.int32): int32_p}
_ITEMS: dict[Any, Any] = {np.dtype(np.float32): c_float, np.dtype(np.uint8): c_uint8, np.dtype(np.int32): c_int32}


def _text(shape: Sequence[Side]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def array(value: object, name: str, dtype: Any, shape: Sequence[Side], writable: bool = False) -> npt.NDArray[Any]:
    """Returns value if it is an array that C can read as it is; else says what is wrong with it and how to mend it."""
    expected = np.dtype(dtype)
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name}: {type(value).__name__}, expected a numpy array of {expected.name} and shape {_text(shape)}")
    if value.dtype != expected:
        raise ArgumentError(
            f"{name}: dtype {value.dtype.str if value.dtype.byteorder == '>' else value.dtype.name}, expected {expected.name} "
            f"(array.astype(numpy.{expected.name}) converts)"
        )
    fits = value.ndim == len(shape) and all(
        isinstance(want, str) or want == have for want, have in zip(shape, value.shape, strict=False)
    )
    if not fits:
        raise ArgumentError(f"{name}: shape {value.shape}, expected {_text(shape)}")
    if not value.flags.c_contiguous or not value.flags.aligned:
        raise ArgumentError(
            f"{name}: layout of strides {value.strides} for shape {value.shape}, expected rows without gaps "
            "(numpy.ascontiguousarray(array) gives them)"
        )
    if writable and not value.flags.writeable:
        raise ArgumentError(f"{name}: read-only, expected an array that can be written to")
    return value


def floats(value: object, name: str, *shape: Side) -> FloatArray:
    return array(value, name, np.float32, shape)


def mask(value: object, name: str, *shape: Side) -> ByteArray:
    """uint8 as it is, bool seen as uint8."""
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        value = value.view(np.uint8)
    return array(value, name, np.uint8, shape)


def indices(value: object, name: str, *shape: Side) -> IntArray:
    return array(value, name, np.int32, shape)


def scores(value: object, name: str) -> FloatArray:
    """A list of numbers becomes an array of float32; an array must be one."""
    if isinstance(value, (list, tuple)):
        value = np.asarray(value, dtype=np.float32)
    return floats(value, name, "count")


def labels(value: object, name: str, count: int) -> ByteArray:
    """A list of truth values becomes an array; an array must be of bool or uint8."""
    if isinstance(value, (list, tuple)):
        value = np.asarray([bool(item) for item in value], dtype=np.uint8)
    return mask(value, name, count)


def pointer(value: npt.NDArray[Any] | None) -> Any:
    """The address that C gets, which keeps the array alive; None is NULL."""
    return None if value is None else value.ctypes.data_as(_POINTERS[value.dtype])


def view(address: Any, dtype: Any, shape: tuple[int, ...], owner: object) -> npt.NDArray[Any]:
    """A read-only array over memory of the library's, which keeps its owner alive."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape))
    if count == 0:
        return np.empty(shape, kind)
    memory = (_ITEMS[kind] * count).from_address(cast(address, c_void_p).value or 0)
    memory.owner = owner
    result = np.frombuffer(memory, dtype=kind).reshape(shape)
    result.flags.writeable = False
    return result
