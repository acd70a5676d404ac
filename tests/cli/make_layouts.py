"""Small synthetic copies of every data set layout that snarm reads, all of the same pictures.

usage: make_layouts.py OUT

    OUT/mvtec           MVTec AD: PNG
    OUT/visa            VisA as it is distributed: JPEG, Data/, image_anno.csv, split_csv/1cls.csv
    OUT/visa_unsplit    the same without split_csv
    OUT/visa_one_class  what the script of VisA's authors makes of it: MVTec AD's layout with JPEG
    OUT/mvtec3d         MVTec 3D-AD: PNG, and TIFF of three channels of 32-bit floats (x, y, z)
    OUT/btad            BTAD: BMP with masks in PNG (01), PNG (02), BMP with masks in BMP (03)
    OUT/folders         a folder of good pictures and one for each kind of defect

Each has three categories, each with 6 normal pictures to train with, 3 normal and 4 defective ones to test with. The pictures are grey and
made of squares of 8 x 8 pixels, which JPEG keeps to the bit: a program that reads every layout rightly finds the same numbers in all.
Needs Python alone.
"""

import json
import os
import random
import struct
import sys
import zlib

SQUARE, COLUMNS, ROWS = 8, 12, 8
WIDTH, HEIGHT = SQUARE * COLUMNS, SQUARE * ROWS
TRAIN, TEST = 6, 3
KINDS = ["dark", "light"]  # of defects, two pictures each
CATEGORIES = ["bar", "mesh", "plate"]  # 01, 02, 03 in BTAD
# Folder and the layout's name for --layout.
LAYOUTS = {
    "mvtec": "mvtec",
    "visa": "visa",
    "visa_unsplit": "visa",
    "visa_one_class": "mvtec",
    "mvtec3d": "mvtec3d",
    "btad": "btad",
    "folders": "folders",
}


class Part:
    """What a picture shows: a grey value for each square, and which squares are defective."""

    def __init__(self, category, number, kind):
        chance = random.Random(f"{category} {number} {kind}")
        self.kind, self.defect = kind, set()
        if kind != "good":
            left, top = chance.randrange(1, COLUMNS - 4), chance.randrange(1, ROWS - 3)
            self.defect = {(left + x, top + y) for x in range(3) for y in range(2)}
        self.grey = [[self.shade(category, x, y, chance) for x in range(COLUMNS)] for y in range(ROWS)]

    def shade(self, category, x, y, chance):
        base = {"bar": 110 + 30 * (x % 2), "mesh": 100 + 40 * ((x + y) % 2), "plate": 130 + 3 * x}[category]
        value = base + chance.randrange(-4, 5)
        if (x, y) in self.defect:
            value += 90 if self.kind == "light" else -90
        return value

    def pixels(self):
        """The grey values, row by row."""
        return [bytes(self.grey[y // SQUARE][x // SQUARE] for x in range(WIDTH)) for y in range(HEIGHT)]

    def mask(self):
        return [bytes(255 * ((x // SQUARE, y // SQUARE) in self.defect) for x in range(WIDTH)) for y in range(HEIGHT)]

    def points(self):
        """x, y, z in millimetres: a plane with a bump where it is defective, and a border that was not measured."""
        for y in range(HEIGHT):
            for x in range(WIDTH):
                if min(x, y, WIDTH - 1 - x, HEIGHT - 1 - y) < 3:
                    yield 0.0, 0.0, 0.0
                else:
                    bump = 2.5 if (x // SQUARE, y // SQUARE) in self.defect else 0.0
                    yield 0.25 * (x - WIDTH / 2), 0.25 * (y - HEIGHT / 2), 400.0 + 0.01 * x - bump


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def png(rows):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(rows):
    """24 bits a pixel, rows from the bottom."""
    data = b"".join(bytes(value for value in row for _ in range(3)) + b"\0" * (-3 * len(row) % 4) for row in reversed(rows))
    head = struct.pack("<IiiHHIIiiII", 40, len(rows[0]), len(rows), 1, 24, 0, len(data), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + head + data


def jpeg(part):
    """One coefficient a square, its mean, without loss: squares of one grey are 0 in all others."""

    def segment(marker, data):
        return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data

    # Sizes of differences 0..11 have codes of four bits; "the rest is 0" is the only other word, of one bit.
    head = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xDB, b"\0" + b"\1" * 64)
    head += segment(0xC0, struct.pack(">BHHBBBB", 8, HEIGHT, WIDTH, 1, 1, 0x11, 0))
    head += segment(0xC4, b"\0" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12)))
    head += segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
    head += segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
    bits, last = [], 0
    for row in part.grey:
        for value in row:
            coefficient = 8 * (value - 128)
            difference, last = coefficient - last, coefficient
            size = abs(difference).bit_length()
            bits.append(f"{size:04b}")
            if size > 0:
                bits.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
            bits.append("0")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8)).replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + head + data + b"\xff\xd9"


def tiff(part):
    """Little-endian, not packed, in strips of 16 rows, channels together."""
    data = b"".join(struct.pack("<3f", *point) for point in part.points())
    rows = 16
    strips = [data[i : i + rows * WIDTH * 12] for i in range(0, len(data), rows * WIDTH * 12)]
    tags = [(256, 4, [WIDTH]), (257, 4, [HEIGHT]), (258, 3, [32, 32, 32]), (259, 3, [1]), (262, 3, [1]),
            (273, 4, None), (277, 3, [3]), (278, 4, [rows]), (279, 4, [len(strip) for strip in strips]), (284, 3, [1]),
            (339, 3, [3, 3, 3])]  # fmt: skip
    behind = 8 + 2 + 12 * len(tags) + 4  # where long values go
    extra = b""

    def entry(tag, kind, values):
        nonlocal extra
        packed = struct.pack(f"<{len(values)}{'HI'[kind == 4]}", *values)
        if len(packed) > 4:
            place, extra = struct.pack("<I", behind + len(extra)), extra + packed + b"\0" * (len(packed) % 2)
            packed = place
        return struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")

    # The pixels come last: where, is known once all long values have their places.
    long_values = sum(
        size + size % 2
        for _, kind, values in tags
        for size in [(len(values) if values else len(strips)) * (4 if kind == 4 else 2)]
        if size > 4
    )
    begin = behind + long_values
    offsets = [begin + sum(len(strip) for strip in strips[:i]) for i in range(len(strips))]
    entries = b"".join(entry(tag, kind, offsets if values is None else values) for tag, kind, values in tags)
    return struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + extra + data


def parts_of(category):
    """(split, part) of all its pictures."""
    numbers = iter(range(1000))
    for split, count, kind in ("train", TRAIN, "good"), ("test", TEST, "good"), *(("test", 2, kind) for kind in KINDS):
        for _ in range(count):
            yield split, Part(category, next(numbers), kind)


def numbered(category):
    """(split, part, number): the number within its split and kind."""
    seen = {}
    for split, part in parts_of(category):
        number = seen[split, part.kind] = seen.get((split, part.kind), -1) + 1
        yield split, part, number


def make_mvtec(root):
    write(f"{root}/license.txt", b"none\n")
    for category in CATEGORIES:
        for split, part, number in numbered(category):
            write(f"{root}/{category}/{split}/{part.kind}/{number:03}.png", png(part.pixels()))
            if part.defect:
                write(f"{root}/{category}/ground_truth/{part.kind}/{number:03}_mask.png", png(part.mask()))


def fixed_order(category):
    """The pictures with the normal ones in such an order that every third one tests."""
    parts = list(parts_of(category))
    train = [part for split, part in parts if split == "train"]
    test = [part for split, part in parts if split == "test" and not part.defect]
    normal = [part for i, one in enumerate(test) for part in (*train[2 * i : 2 * i + 2], one)]
    return normal + [part for _, part in parts if part.defect]


def make_visa_unsplit(root):
    make_visa(root, split=False)


def make_visa(root, split=True):
    table = ["object,split,label,image,mask"]
    write(f"{root}/LICENSE-DATASET", b"none\n")
    for category in CATEGORIES:
        annotations = ["image,label,mask"]
        numbers = {"Normal": iter(range(1000)), "Anomaly": iter(range(1000))}
        parts = list(parts_of(category)) if split else [(None, part) for part in fixed_order(category)]
        for use, part in parts:
            word = "Anomaly" if part.defect else "Normal"
            name = f"{next(numbers[word]):0{3 if part.defect else 4}}"
            image, mask = f"{category}/Data/Images/{word}/{name}.JPG", ""
            write(f"{root}/{image}", jpeg(part))
            if part.defect:
                mask = f"{category}/Data/Masks/Anomaly/{name}.png"
                write(f"{root}/{mask}", png(part.mask()))
            # Several labels are in quotes, as there.
            annotations.append(f'{image},{chr(34) + part.kind + ",deep" + chr(34) if part.defect else "normal"},{mask}')
            table.append(f"{category},{use},{word.lower()},{image},{mask}")
        write(f"{root}/{category}/image_anno.csv", "\n".join(annotations).encode() + b"\n")
    if split:
        write(f"{root}/split_csv/1cls.csv", "\n".join(table).encode() + b"\n")


def make_visa_one_class(root):
    for category in CATEGORIES:
        bad = iter(range(1000))
        for split, part, number in numbered(category):
            if part.defect:
                number = next(bad)
                write(f"{root}/{category}/ground_truth/bad/{number:03}.png", png(part.mask()))
            write(f"{root}/{category}/{split}/{'bad' if part.defect else 'good'}/{number:03}.JPG", jpeg(part))


def make_mvtec3d(root):
    for category in CATEGORIES:
        camera = {"focal_length": 1, "type": "pinhole"}
        write(f"{root}/{category}/calibration/camera_parameters.json", json.dumps(camera).encode())
        parts = [*numbered(category), ("validation", Part(category, 999, "good"), 0)]
        for split, part, number in parts:
            folder = f"{root}/{category}/{split}/{part.kind}"
            write(f"{folder}/rgb/{number:03}.png", png(part.pixels()))
            write(f"{folder}/xyz/{number:03}.tiff", tiff(part))
            if split == "test":
                write(f"{folder}/gt/{number:03}.png", png(part.mask()))


def make_btad(root):
    kinds = [(".bmp", ".png"), (".png", ".png"), (".bmp", ".bmp")]
    encode = {".bmp": bmp, ".png": png}
    for place, (category, (image, mask)) in enumerate(zip(CATEGORIES, kinds)):
        numbers = iter(range(1000))
        for split, part, number in numbered(category):
            if part.defect:
                number = next(numbers)
                write(f"{root}/{place + 1:02}/ground_truth/ko/{number:04}{mask}", encode[mask](part.mask()))
            write(f"{root}/{place + 1:02}/{split}/{'ko' if part.defect else 'ok'}/{number:04}{image}", encode[image](part.pixels()))


def make_folders(root):
    for category in CATEGORIES:
        numbers = {}
        for part in fixed_order(category):
            number = numbers[part.kind] = numbers.get(part.kind, -1) + 1
            write(f"{root}/{category}/{part.kind}/{number:03}.png", png(part.pixels()))
            if part.defect:
                write(f"{root}/{category}/ground_truth/{part.kind}/{number:03}.png", png(part.mask()))


def make(root):
    for name in LAYOUTS:
        globals()["make_" + name](os.path.join(root, name))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.split("\n\n")[1])
    make(sys.argv[1])
    for folder, layout in LAYOUTS.items():
        print(f"{os.path.join(sys.argv[1], folder)}  --layout {layout}")
