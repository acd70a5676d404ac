"""Files for the tests of the command: pictures, broken ones too, and weights of a small random network."""

import json
import math
import os
import random
import struct
import zlib

# Several tests run at a time: threads that wait actively would take each other's cores, and seconds become minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def png(path, width, height, pixel=None, rows=None):
    """An RGB picture; pixel(x, y) gives a triple, or rows the raw bytes. Returns path."""
    if rows is None:
        rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    _write_png(path, width, height, 8, 2, [rows])
    return path


def huge_png(path, side=20000):
    """A valid black picture of one bit a pixel: small as a file, large in memory."""
    row = b"\0" * (1 + (side + 7) // 8)
    _write_png(path, side, side, 1, 0, (row for _ in range(side)))
    return path


def _write_png(path, width, height, bits, kind, blocks):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(block) for block in blocks) + packer.flush()
    with open(path, "wb") as file:
        file.write(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
            + chunk(b"IDAT", data)
            + chunk(b"IEND", b"")
        )


def png_size(path):
    """(width, height) of a PNG file."""
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def safetensors(path, tensors):
    """tensors: {name: (dtype, shape, bytes)}. Returns path."""
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    return raw_safetensors(path, header, b"".join(data for _, _, data in tensors.values()))


def raw_safetensors(path, header, data, length=None):
    """The header as it is given, right or wrong, and its length too."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return write(path, struct.pack("<Q", len(text) if length is None else length) + text + data)


def random_resnet(last_stage=3):
    """Tensors of a ResNet-18 up to a stage, in torchvision's names, with weights as at the start of training."""
    generator = random.Random(18)
    # Drawn once and cut into filters at ever other places: a prime number of values fits no filter.
    values = [generator.gauss(0, 1) for _ in range(65537)]
    tensors = {}

    def convolution(name, outputs, inputs, side):
        count, scale = outputs * inputs * side * side, math.sqrt(2 / (inputs * side * side))
        block = struct.pack("<65537e", *(value * scale for value in values))
        start = 2 * generator.randrange(65537)
        data = (block * (count // 65537 + 2))[start : start + 2 * count]
        tensors[name + ".weight"] = ("F16", [outputs, inputs, side, side], data)

    def norm(name, channels):
        for part, value in ("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0):
            tensors[f"{name}.{part}"] = ("F32", [channels], struct.pack("<f", value) * channels)

    convolution("conv1", 64, 3, 7)
    norm("bn1", 64)
    inputs = 64
    for stage in range(1, last_stage + 1):
        channels = 32 << stage
        for block in range(2):
            name = f"layer{stage}.{block}"
            convolution(name + ".conv1", channels, inputs, 3)
            norm(name + ".bn1", channels)
            convolution(name + ".conv2", channels, channels, 3)
            norm(name + ".bn2", channels)
            if inputs != channels:
                convolution(name + ".downsample.0", channels, inputs, 1)
                norm(name + ".downsample.1", channels)
            inputs = channels
    return tensors


def all_files(folder):
    """Every file below a folder, relative and sorted."""
    return sorted(
        os.path.relpath(os.path.join(base, name), folder)
        for base, _, names in os.walk(folder)
        for name in names
    )


def xyz_tiff(path, width, height, point=None, data=None):
    """A depth picture: point(x, y) gives its three coordinates, or data the raw floats. Returns path."""
    if data is None:
        data = b"".join(struct.pack("<3f", *point(x, y)) for y in range(height) for x in range(width))
    # tag, kind (3: of two bytes, 4: of four), value; three values of two bytes lie behind the list.
    tags = [(256, 4, width), (257, 4, height), (258, 3, None), (259, 3, 1), (262, 3, 1), (273, 4, None), (277, 3, 3),
            (278, 4, height), (279, 4, len(data)), (284, 3, 1), (339, 3, None)]  # fmt: skip
    behind = 8 + 2 + 12 * len(tags) + 4
    places = {258: behind, 339: behind + 6, 273: behind + 12}
    entries = b"".join(
        struct.pack("<HHII", tag, kind, 3 if kind == 3 and value is None else 1, places.get(tag, value)) for tag, kind, value in tags
    )
    return write(path, struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + struct.pack("<6H", *[32] * 3, *[3] * 3) + data)
