"""C handles as Python objects: destroyed when nothing uses them any more, also while other threads are still inside a call."""

from __future__ import annotations

from ctypes import c_void_p
from typing import Any, TypeVar

from .errors import ArgumentError

H = TypeVar("H", bound="Handle")


class Owner:
    """One C handle, destroyed with this object. It can be given to a C function as it is; ctypes holds it while the call lasts, so
    that closing a handle in one thread does not pull it away under another."""

    __slots__ = ("_as_parameter_", "_destroy", "_keep", "__weakref__")

    def __init__(self, address: int | None, destroy: Any, keep: object = None) -> None:
        self._as_parameter_ = c_void_p(address)
        self._destroy = destroy  # None: borrowed from what keep holds
        self._keep = keep

    def __del__(self) -> None:
        if self._destroy is not None:
            self._destroy(self._as_parameter_)


class Handle:
    """Base of all handles: a context manager whose ``close`` may be called early; the garbage collector closes the others."""

    _owner: Owner | None = None

    @classmethod
    def _new(cls: type[H], address: int | None, destroy: Any, keep: object = None) -> H:
        """An object around a handle that C gave; with keep, one that belongs to another."""
        handle = cls.__new__(cls)
        handle._owner = Owner(address, destroy, keep)
        return handle

    @property
    def _handle(self) -> Owner:
        owner = self._owner
        if owner is None:
            raise ArgumentError(f"{type(self).__name__}: used after it was closed")
        return owner

    @property
    def closed(self) -> bool:
        """Whether it was closed; every other use is then an ``ArgumentError``."""
        return self._owner is None

    def close(self) -> None:
        """Gives the memory back, as soon as calls that other threads are in have ended. Harmless when repeated."""
        self._owner = None

    def __enter__(self: H) -> H:
        if self._owner is None:
            raise ArgumentError(f"{type(self).__name__}: used after it was closed")
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<snarm.{type(self).__name__}{' (closed)' if self._owner is None else ''}>"


def handle_of(value: object, kind: type[Handle], name: str) -> Owner:
    """The C handle of an argument that must be of that class."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: {type(value).__name__}, expected a snarm.{kind.__name__}")
    return value._handle
