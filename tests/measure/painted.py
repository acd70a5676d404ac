"""A product to tune on, made of pictures of good parts alone: some to learn from, some good and some with painted defects to test.

usage: painted.py GOOD OUT [--learn 0.55] [--good-share 0.15] [--apart] [--defects 1] [--seed 11]

GOOD is a folder of pictures of good parts; OUT receives train/good, test/good, test/KIND and ground_truth/KIND in MVTec's layout. --learn and
--good-share are the shares of the pictures to learn from and to test as they are; the others get a defect each. The painters know nothing of the
library's own synthetic defects, so that a scorer trained on those is tested on others. Needs numpy, scipy and Pillow.

With --apart defects are painted on pictures that look unlike those to learn from: the pictures are put into groups by the built-in network's
features, and whole groups are kept for painting. Sections of such pictures may come from another of them. This is how defective parts often are - of
another batch, in other light - and it is much harder: good places of the painted pictures are as far from the bank as faint defects. Needs the
package snarm, too. --defects is the largest number of defects in a picture, of any kinds; its folder is the first one's.
"""
import argparse
import os
import sys

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("good")
parser.add_argument("out")
parser.add_argument("--learn", type=float, default=0.55)
parser.add_argument("--good-share", type=float, default=0.15, dest="share")
parser.add_argument("--apart", action="store_true")
parser.add_argument("--defects", type=int, default=1)
parser.add_argument("--seed", type=int, default=11)
arguments = parser.parse_args()
random = np.random.default_rng(arguments.seed)


def noise(shape, sigma):
    """Smooth noise of mean 0 and deviation 1."""
    values = ndimage.gaussian_filter(random.standard_normal(shape), sigma)
    return (values - values.mean()) / (values.std() + 1e-9)


def soften(mask, low, high):
    return ndimage.gaussian_filter(mask.astype(float), random.uniform(low, high))


def beyond(height, width):
    """The positions beyond a straight edge, along one of the sides for the most part."""
    angle = random.choice([0, np.pi / 2]) + random.normal(0, 0.08)
    y, x = np.mgrid[:height, :width]
    along = (x - width * random.uniform(0.15, 0.85)) * np.cos(angle) + (y - height * random.uniform(0.15, 0.85)) * np.sin(angle)
    return along * random.choice([-1, 1]) > 0


def section(shape, corners, least, most):
    """What lies beyond an edge, or with the chance corners beyond two; None where its share of the picture is not between least and most."""
    mask = beyond(*shape)
    if random.random() < corners:
        mask &= beyond(*shape)
    return mask if least < mask.mean() < most else None


def uneven_section(picture):
    """Another brightness, sharpness or contrast beyond an edge, or in a corner."""
    mask = section(picture.shape, 0.5, 0.03, 0.7)
    if mask is None:
        return None
    kind = random.integers(3)
    if kind == 0:
        other = picture + random.choice([-1, 1]) * random.uniform(10, 35)
    elif kind == 1:
        other = ndimage.gaussian_filter(picture, random.uniform(1.5, 4)) + random.normal(0, 6)
    else:
        other = (picture - picture.mean()) * random.uniform(0.3, 1.8) + picture.mean() + random.uniform(-20, 20)
    soft = soften(mask, 0.5, 3)
    return picture * (1 - soft) + other * soft, mask


def uneven_cloud(picture):
    """A large region of another tone and grain without a clear border."""
    shape = picture.shape
    mask = noise(shape, min(shape) * random.uniform(0.08, 0.2)) > random.uniform(0.6, 1.3)
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    mask = labels == random.integers(1, count + 1)
    if not 0.02 < mask.mean() < 0.5:
        return None
    grain = noise(shape, random.uniform(0.8, 3)) * random.uniform(4, 18)
    return picture + soften(mask, 1, 5) * (grain + random.uniform(-25, 25)), mask


def foreign_section(picture):
    """Another picture beyond an edge, its tone brought near."""
    mask = section(picture.shape, 0.4, 0.04, 0.6)
    if mask is None:
        return None
    with Image.open(random.choice(to_paint)) as file:
        other = np.array(file.convert("L").resize(picture.shape[::-1]), float)
    if np.array_equal(other, picture):
        return None  # its own section would be no defect
    other += (picture[mask].mean() - other.mean()) * random.uniform(0.5, 1)
    soft = soften(mask, 0.5, 2) * random.uniform(0.3, 1)
    return picture * (1 - soft) + other * soft, mask


def uneven(picture):
    if arguments.apart and random.random() < 0.5:
        return foreign_section(picture)
    return uneven_section(picture) if random.random() < 0.5 else uneven_cloud(picture)


def blowhole(picture):
    """One to three small dark ellipses."""
    height, width = picture.shape
    y, x = np.mgrid[:height, :width]
    mask = np.zeros(picture.shape, bool)
    at = np.array([random.uniform(0.1, 0.9) * height, random.uniform(0.1, 0.9) * width])
    for _ in range(random.integers(1, 4)):
        radius, stretch = random.uniform(2, 7), random.uniform(0.6, 1.6)
        mask |= ((x - at[1]) / radius / stretch) ** 2 + ((y - at[0]) / radius * stretch) ** 2 < 1
        at += random.normal(0, 8, 2)
    return (picture * (1 - soften(mask, 0.6, 1.5) * random.uniform(0.3, 0.7)), mask) if mask.sum() >= 6 else None


def crack(picture):
    """A thin dark line that wanders."""
    height, width = picture.shape
    canvas = Image.new("L", (width, height))
    at, angle = np.array([random.uniform(0.05, 0.95) * width, random.uniform(0.05, 0.95) * height]), random.uniform(0, 2 * np.pi)
    points = [tuple(at)]
    for _ in range(random.integers(8, 40)):
        angle += random.normal(0, 0.35)
        at = at + 5 * np.array([np.cos(angle), np.sin(angle)])
        points.append(tuple(at))
    ImageDraw.Draw(canvas).line(points, fill=255, width=int(random.integers(1, 3)))
    mask = np.array(canvas) > 0
    if mask.sum() < 20:
        return None
    return picture * (1 - soften(mask, 0.4, 0.9) * random.uniform(0.25, 0.6)), ndimage.binary_dilation(mask)


def at_border(shape, depth, roughness):
    """A piece of the border, so deep on average, with a ragged edge."""
    height, width = shape
    side = random.integers(4)
    length = width if side < 2 else height
    profile = np.clip(depth * (1 + 0.6 * noise(length, roughness)), 1, None)
    profile *= np.abs(np.arange(length) - random.uniform(0, 1) * length) < random.uniform(0.1, 0.4) * length
    y, x = np.mgrid[:height, :width]
    if side < 2:
        return (y if side == 0 else height - 1 - y) < profile[None, :]
    return (x if side == 2 else width - 1 - x) < profile[:, None]


def fray(picture):
    mask = at_border(picture.shape, random.uniform(0.04, 0.15) * min(picture.shape), random.uniform(2, 6))
    if mask.sum() < 60:
        return None
    grain = noise(picture.shape, random.uniform(1, 2)) * random.uniform(10, 25)
    return picture + soften(mask, 1, 1) * (grain + random.uniform(-30, 40)), mask


def chipped(picture):
    """A missing piece, dark or light behind."""
    mask = at_border(picture.shape, random.uniform(0.08, 0.3) * min(picture.shape), random.uniform(6, 20))
    if mask.sum() < 60:
        return None
    behind = random.uniform(10, 60) if random.random() < 0.5 else random.uniform(150, 220)
    soft = soften(mask, 0.7, 0.7)
    return picture * (1 - soft) + soft * (behind + noise(picture.shape, 2) * 6), mask


PAINTERS = {"uneven": (uneven, 0.3), "blowhole": (blowhole, 0.25), "crack": (crack, 0.15), "fray": (fray, 0.12), "break": (chipped, 0.18)}


def add_defect(picture):
    """Its kind, the picture with it, and its mask."""
    made = None
    while made is None:
        kind = random.choice(list(PAINTERS), p=[share for _, share in PAINTERS.values()])
        made = PAINTERS[kind][0](picture)
    return kind, np.clip(made[0], 0, 255), made[1]


def paint(path):
    """Writes the picture with its defects, and their mask."""
    with Image.open(path) as file:
        picture = np.array(file.convert("L"), float)
    kind, picture, mask = add_defect(picture)
    for _ in range(random.integers(arguments.defects) if arguments.defects > 1 else 0):
        _, picture, another = add_defect(picture)
        mask = mask | another
    name = os.path.splitext(os.path.basename(path))[0]
    for folder, suffix, pixels in (("test", "", picture), ("ground_truth", "_mask", mask * 255)):
        os.makedirs(os.path.join(arguments.out, folder, kind), exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(os.path.join(arguments.out, folder, kind, name + suffix + ".png"))
    return kind


def groups_of(paths):
    """Which group of like pictures each belongs to: about one group for 20 pictures."""
    from scipy.cluster import hierarchy

    try:
        import snarm
    except ImportError as error:
        sys.exit(f"--apart needs the package snarm (docs/python.md): {error}")
    backbone = snarm.Backbone(width=224, height=224)
    rows = []
    for path in paths:
        features = backbone.features(snarm.preprocess(path, backbone.info.preprocess))
        rows.append(np.concatenate([features.mean(0), features.std(0)]))
    rows = np.array(rows)
    rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-9)
    left, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    return hierarchy.fcluster(hierarchy.linkage(left[:, :30] * sizes[:30], "average"), max(len(paths) // 20, 3), "maxclust")


def share_out(paths):
    """Pictures to learn from, good ones to test, those to paint on."""
    learn, good = round(len(paths) * arguments.learn), round(len(paths) * arguments.share)
    if not 0 < learn < learn + good < len(paths):
        sys.exit("--learn and --good-share leave nothing to one of the three parts")
    if not arguments.apart:
        return paths[:learn], paths[learn : learn + good], paths[learn + good :]
    groups, wanted, chosen = groups_of(paths), len(paths) - learn - good, []
    for group in random.permutation(np.unique(groups)):
        members = [path for path, own in zip(paths, groups) if own == group]
        if len(chosen) + len(members) <= wanted:
            chosen += members
    if not chosen:
        sys.exit("every group of like pictures is larger than the share to paint on: no --apart")
    painted = set(chosen)
    rest = [path for path in paths if path not in painted]
    return rest[good:], rest[:good], chosen


paths = sorted(entry.path for entry in os.scandir(arguments.good) if entry.name.lower().endswith((".png", ".jpg", ".jpeg", ".bmp")))
if len(paths) < 10:
    sys.exit(f"{arguments.good}: {len(paths)} pictures, expected at least 10")
if os.path.exists(arguments.out):
    sys.exit(f"{arguments.out}: exists")
random.shuffle(paths)
to_learn, to_test, to_paint = share_out(paths)
for folder, some in (("train/good", to_learn), ("test/good", to_test)):
    os.makedirs(os.path.join(arguments.out, folder))
    for path in some:
        os.symlink(os.path.abspath(path), os.path.join(arguments.out, folder, os.path.basename(path)))
kinds = [paint(path) for path in to_paint]
print(f"{arguments.out}: {len(to_learn)} to learn, {len(to_test)} good to test, and", ", ".join(f"{kinds.count(kind)} {kind}" for kind in PAINTERS))
