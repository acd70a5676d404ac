"""Writing of safetensors files: 8 bytes of header length, a JSON header, then raw little-endian tensors."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from typing import NamedTuple


class Tensor(NamedTuple):
    """dtype: the format's name, "F32" for instance; data: the values, little-endian, rows first."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def write(path: str, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes path; whoever calls renames it."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [at, at + len(tensor.data)]}
        at += len(tensor.data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.data)
        file.flush()
        os.fsync(file.fileno())


def temporary_name(path: str) -> str:
    """A new empty file in the same folder as path."""
    handle, name = tempfile.mkstemp(prefix="." + os.path.basename(path) + ".", suffix=".part", dir=os.path.dirname(path) or ".")
    os.close(handle)
    os.chmod(name, 0o666 & ~_umask())
    return name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
