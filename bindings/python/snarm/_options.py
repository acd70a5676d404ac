"""Options, results and paths between Python and C structures."""

from __future__ import annotations

import dataclasses
import operator
import os
from ctypes import Array, Structure, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint64, sizeof
from enum import IntEnum
from typing import Any, TypeVar, Union

from ._constants import Precision
from .errors import ArgumentError, text

Path = Union[str, "os.PathLike[str]"]
S = TypeVar("S", bound=Structure)
D = TypeVar("D")
E = TypeVar("E", bound=IntEnum)

_RANGES: dict[Any, tuple[int, int]] = {
    c_int32: (-(2**31), 2**31 - 1),
    c_int64: (-(2**63), 2**63 - 1),
    c_uint64: (0, 2**64 - 1),
    c_size_t: (0, 2 ** (8 * sizeof(c_size_t)) - 1),
}


def integer(value: Any, name: str, kind: Any = c_int32) -> int:
    """A whole number that C can hold; ctypes would cut off what does not fit."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {type(value).__name__}, expected a whole number") from None
    low, high = _RANGES[kind]
    if not low <= number <= high:
        raise ArgumentError(f"{name}: {number}, expected {low}..{high}")
    return number


def number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {type(value).__name__}, expected a number") from None


def path_bytes(value: Any, name: str) -> bytes:
    """A file name as fopen takes it."""
    try:
        name_bytes = os.fsencode(value)
    except TypeError:
        raise TypeError(f"{name}: {type(value).__name__}, expected a path (str or os.PathLike)") from None
    return _no_zero(name_bytes, name)


def weights_bytes(value: Any, name: str) -> bytes | None:
    """A backbone's file, or None for the built-in network."""
    return None if value is None else path_bytes(value, name)


def string_bytes(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name}: {type(value).__name__}, expected str")
    return _no_zero(value.encode("utf-8", "surrogateescape"), name)


def _no_zero(value: bytes, name: str) -> bytes:
    if b"\0" in value:
        raise ArgumentError(f"{name}: {text(value)!r} holds a zero byte")
    return value


def options(kind: type[S], **values: Any) -> S:
    """Options as their init function leaves them, with those values set that are not None. Paths come as bytes."""
    result = kind()
    result.struct_size = sizeof(result)  # what the inline function of the headers does
    types = {field[0]: field[1] for field in kind._fields_}
    for name, value in values.items():
        if value is None:
            continue
        field = types[name]
        if field in _RANGES:
            value = integer(value, name, field)
        elif field in (c_double, c_float):
            value = number(value, name)
        elif field is not c_char_p and issubclass(field, Array):
            numbers = [integer(item, name) for item in value]
            most = sizeof(field) // sizeof(c_int32)
            if len(numbers) > most:
                raise ArgumentError(f"{name}: {len(numbers)} of them, expected at most {most}")
            setattr(result, name[:-1] + "_count", len(numbers))
            value = field(*numbers)
        setattr(result, name, value)
    return result


def choice(kind: type[E], value: E | str | None, name: str) -> int | None:
    """The number of a value of an enumeration, given as it or by its name in small letters."""
    if value is None:
        return None
    names = {member.name.lower(): member for member in kind}
    if isinstance(value, str):
        if value not in names:
            raise ArgumentError(f"{name}: {value!r}, expected one of {', '.join(map(repr, names))}")
        return int(names[value])
    return int(kind(value))


def precision_of(structure: Structure) -> str:
    """What an info's precision is called."""
    return Precision(structure.precision).name.lower()


def sized(kind: type[S]) -> S:
    """A structure for C to fill, with its struct_size set."""
    result = kind()
    if kind._fields_[0][0] == "struct_size":
        result.struct_size = sizeof(result)
    return result


def plain(kind: type[D], structure: Structure, **more: Any) -> D:
    """A structure's values as a dataclass with fields of the same names; strings copied, arrays as tuples."""
    values: dict[str, Any] = dict(more)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in values:
            continue
        value = getattr(structure, field.name)
        if isinstance(value, bytes):
            value = text(value)
        elif isinstance(value, Array):
            value = tuple(value)
        elif value is None:
            value = ""
        elif field.type == "bool":
            value = bool(value)
        values[field.name] = value
    return kind(**values)
