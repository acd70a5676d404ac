"""Finds libsnarm, loads it and gives its functions their prototypes.

Where it is looked for, in this order:
    SNARM_LIBRARY   an environment variable with the path of the library; then nothing else is tried
    the package     libsnarm.so beside this file, which is where the wheel has it
    a checkout      build/lib/libsnarm.so.0 of the checkout that this file lies in, for work on libsnarm itself
    the system      libsnarm.so.0, as the dynamic linker finds it (ldconfig, LD_LIBRARY_PATH)
"""

from __future__ import annotations

import ctypes
import importlib.resources
import os
from collections.abc import Iterator
from pathlib import Path

from ._constants import VERSION
from ._prototypes import FUNCTIONS

_SONAME = f"libsnarm.so.{VERSION[0]}"
_HERE = Path(__file__).resolve().parent


def _candidates() -> Iterator[str]:
    chosen = os.environ.get("SNARM_LIBRARY")
    if chosen:
        yield chosen
        return
    yield str(_HERE / "libsnarm.so")
    # An editable install keeps the built files elsewhere; its loader knows where.
    try:
        yield str(importlib.resources.files(__package__) / "libsnarm.so")
    except (ImportError, TypeError, ValueError, OSError):
        pass
    root = _HERE.parents[2] if len(_HERE.parents) > 2 else _HERE
    if (root / "include" / "snarm" / "snarm.h").is_file():
        yield str(root / "build" / "lib" / _SONAME)
    yield _SONAME


def _load() -> ctypes.CDLL:
    tried = []
    for path in dict.fromkeys(_candidates()):
        if os.sep in path and not os.path.exists(path):
            tried.append(f"{path}: no such file")
            continue
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            # A library that is there and does not load is the one that was meant: say why rather than take another.
            if os.sep in path:
                raise ImportError(f"snarm: {path} cannot be loaded: {error}") from None
            tried.append(f"{path}: {error}")
    raise ImportError("snarm: libsnarm is not found (set SNARM_LIBRARY to its path); tried " + "; ".join(tried))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, (result, arguments) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            text = "has no snarm_version and is another library"
            if hasattr(library, "snarm_version"):
                library.snarm_version.restype = ctypes.c_char_p
                version = library.snarm_version().decode()
                text = (
                    f"is version {version} and has no {name}, which version {'.'.join(map(str, VERSION))} of this package needs"
                )
            raise ImportError(f"snarm: {library._name} {text}") from None
        function.restype = result
        function.argtypes = arguments
    major = library.snarm_version().decode().split(".")[0]
    if major != str(VERSION[0]):
        raise ImportError(
            f"snarm: {library._name} is version {library.snarm_version().decode()}; this package needs version {VERSION[0]}.x"
        )
    return library


lib = _declare(_load())
