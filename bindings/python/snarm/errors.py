"""Exceptions: one class for each status of the C interface, all of them ``snarm.Error``.

The message is the library's sentence, which names function or file, field and value. What the bindings themselves refuse - an
array of the wrong type, shape or layout, a closed handle - raises ``ArgumentError`` too, before anything is called.
"""

from __future__ import annotations

from ._constants import Status
from ._library import lib


class Error(Exception):
    """Any failure of libsnarm."""

    status: Status = Status.ERROR_INTERNAL
    """The status that the C function returned."""


class ArgumentError(Error, ValueError):
    """An argument or option is out of its documented range, an array does not fit, or a handle is closed."""

    status = Status.ERROR_ARGUMENT


class OutOfMemoryError(Error, MemoryError):
    """Memory could not be had."""

    status = Status.ERROR_MEMORY


class FileError(Error, OSError):
    """A file could not be opened, read or written."""

    status = Status.ERROR_IO


class FormatError(Error, ValueError):
    """A file's content is not what it should be: broken, cut, or of another kind."""

    status = Status.ERROR_FORMAT


class UnsupportedError(Error):
    """Well-formed, but not handled by this version or this machine."""

    status = Status.ERROR_UNSUPPORTED


class MismatchError(Error, ValueError):
    """Two handles or files do not fit each other (channels, grid, hash)."""

    status = Status.ERROR_MISMATCH


class Cancelled(Error):
    """A progress callback asked to stop."""

    status = Status.ERROR_CANCELLED


class InternalError(Error):
    """A library underneath failed in a way it should not."""

    status = Status.ERROR_INTERNAL


_CLASSES: dict[int, type[Error]] = {
    int(kind.status): kind
    for kind in (
        ArgumentError,
        OutOfMemoryError,
        FileError,
        FormatError,
        UnsupportedError,
        MismatchError,
        Cancelled,
        InternalError,
    )
}


def last_error() -> str:
    """The sentence of the calling thread's last failure; "" before any."""
    return text(lib.snarm_last_error())


def status_name(status: int) -> str:
    """The library's English name of a status, such as "bad argument"."""
    return text(lib.snarm_status_name(status))


def library_version() -> str:
    """The version of the library that was loaded, such as "0.1.0"."""
    return text(lib.snarm_version())


def default_threads() -> int:
    """Threads that are used where ``threads`` is not given: the processors this process may run on, at most 64."""
    return int(lib.snarm_default_threads())


def text(value: bytes | None) -> str:
    """A sentence of the library. File names in it may be of any bytes; those that are no UTF-8 are shown as escapes."""
    return "" if value is None else value.decode("utf-8", "backslashreplace")


def check(status: int) -> None:
    """Raises what a status other than OK stands for, with the sentence of this thread's last failure."""
    if status != Status.OK:
        raise failure(status, last_error())


def failure(status: int, sentence: str) -> Error:
    """The exception of a status other than OK."""
    return _CLASSES.get(status, InternalError)(sentence or status_name(status))
