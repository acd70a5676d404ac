"""What depth adds: a set of parts in MVTec 3D-AD's layout, made here, with defects that only one of colour and depth shows.

    python3 tests/measure/depth.py build/examples/snarm/snarm resnet18.safetensors [--out DIR] [--steps N] [--seeds 0,1]

Parts are domed discs with a groove, in colours that do not depend on their shape, in diffuse light, on a plane that lies a little
otherwise each time; the sensor's noise is 0.03 mm, single points are missing, and a shadow of missing points lies beside the disc.
  depth   dents, bumps and scratches of 0.3 to 1 mm, which no picture shows
  colour  stains, which no depth shows
Prints the metrics of models of the pictures alone and of models with --depth. Needs numpy; everything else is the command's.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

import sample_files  # noqa: E402

SIDE, PITCH, RADIUS = 400, 0.25, 32.0  # pixels; mm a pixel; mm


def write_png(path, pixels):
    """Of (height, width, 3)."""
    height, width, _ = pixels.shape
    sample_files.png(path, width, height, rows=b"".join(b"\0" + row.tobytes() for row in pixels))


def write_tiff(path, points):
    height, width, _ = points.shape
    sample_files.xyz_tiff(path, width, height, data=points.astype("<f4").tobytes())


def smooth_noise(rng, cells):
    grid = rng.standard_normal((cells + 1, cells + 1))
    at = np.linspace(0, cells, SIDE, endpoint=False)
    low = at.astype(int)
    share = at - low
    share = share * share * (3 - 2 * share)
    rows = grid[low] * (1 - share)[:, None] + grid[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def make_part(rng, defect):
    """(colours, points, mask)"""
    y, x = (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2) * PITCH
    x0, y0 = rng.uniform(-2, 2, 2)
    r = np.hypot(x - x0, y - y0)
    on = r < RADIUS
    height = np.where(on, 6 + 3 * np.sqrt(np.maximum(0, 1 - (r / (RADIUS + 4)) ** 2)), 0.0)
    height -= np.where(on, 0.8 * np.exp(-((r - 20) / 1.2) ** 2), 0)  # the groove
    height += np.where(on, 0.05 * smooth_noise(rng, 12), 0)  # no two castings are the same

    grain = 0.06 * smooth_noise(rng, 90) + 0.05 * smooth_noise(rng, 25)
    colours = np.where(on[..., None], np.array([0.55, 0.42, 0.3]), np.array([0.75, 0.76, 0.78]))
    colours = colours * (1 + np.where(on, grain, 0.02 * smooth_noise(rng, 60)))[..., None] * rng.uniform(0.95, 1.05)

    mask = np.zeros((SIDE, SIDE), bool)
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0, 26)
    cx, cy = x0 + away * np.cos(angle), y0 + away * np.sin(angle)
    d = np.hypot(x - cx, y - cy)
    if defect in ("dent", "bump"):
        size, depth = rng.uniform(2, 4.5), rng.uniform(0.4, 1.0)
        shape = np.maximum(0, 1 - (d / size) ** 2) ** 2
        height += (depth if defect == "bump" else -depth) * shape * on
        mask = (shape > 0.1) & on
    elif defect == "scratch":
        turn, length = rng.uniform(0, np.pi), rng.uniform(6, 14)
        along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        across = np.abs(-(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn) + 0.01 * along ** 2)
        mask = (np.abs(along) < length / 2) & (across < 0.5) & on
        height -= np.where(mask, rng.uniform(0.3, 0.7), 0)
    elif defect == "stain":
        edge = rng.uniform(2, 5) * (1 + 0.3 * smooth_noise(rng, 20))
        mask = (d < edge) & on
        colours = np.where(mask[..., None], colours * rng.uniform(0.55, 0.75) + np.array([0.02, 0.06, 0.1]), colours)

    tilt_x, tilt_y = rng.uniform(-0.04, 0.04, 2)
    z = 450 + rng.uniform(-5, 5) - height + tilt_x * x + tilt_y * y + 0.03 * rng.standard_normal(x.shape)
    points = np.stack([x, y, z], axis=-1)
    shadow = (np.hypot(x - x0 - 2.5, y - y0) < RADIUS + 1) & ~on & (x > x0)
    points[shadow | (rng.random(x.shape) < 0.01)] = 0
    noisy = colours + 0.01 * rng.standard_normal(colours.shape)
    return (np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8), points, mask


def make_set(folder, train, test, seed):
    kinds = {"depth": ("dent", "bump", "scratch"), "colour": ("stain",)}
    rng = np.random.default_rng(seed)
    for category, defects in kinds.items():
        plan = [("train", "good", train), ("test", "good", test)] + [("test", d, -(-test // len(defects))) for d in defects]
        for split, kind, count in plan:
            base = os.path.join(folder, category, split, kind)
            for name in ("rgb", "xyz") + (("gt",) if kind != "good" else ()):
                os.makedirs(os.path.join(base, name), exist_ok=True)
            for i in range(count):
                colours, points, mask = make_part(rng, kind)
                write_png(os.path.join(base, "rgb", f"{i:03}.png"), colours)
                write_tiff(os.path.join(base, "xyz", f"{i:03}.tiff"), points)
                if kind != "good":
                    write_png(os.path.join(base, "gt", f"{i:03}.png"), mask[..., None] * np.full(3, 255, np.uint8))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snarm")
    parser.add_argument("backbone")
    parser.add_argument("--out", help="keep the set and the models in this folder")
    parser.add_argument("--train", type=int, default=30)
    parser.add_argument("--test", type=int, default=30)
    parser.add_argument("--steps", default="0", help="of the trainings, separated by commas; default 0")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--fit", default="", help="more options of snarm fit")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = a.out or temporary
        print("| defects in | seed | steps | model of | image AUROC | pixel AUROC | pixel AP | AUPRO |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for seed in a.seeds.split(","):
            data = os.path.join(out, f"set{seed}")
            if not os.path.isdir(data):
                make_set(data, a.train, a.test, int(seed))
            for steps in a.steps.split(","):
                for depth in ([], ["--depth"]):
                    for category in ("depth", "colour"):
                        model = os.path.join(out, f"{category}{seed}-{steps}{'-depth' if depth else ''}.snarm")
                        pictures = os.path.join(data, category, "train", "good", "rgb")
                        subprocess.run([a.snarm, "fit", "--quiet", "--images", pictures, "--backbone", a.backbone, "--steps", steps,
                                        "--seed", seed, "--out", model, *depth, *a.fit.split()], check=True)
                        done = subprocess.run([a.snarm, "eval", "--quiet", "--model", model, "--dataset", data, "--category", category,
                                               "--json", "-"], check=True, capture_output=True, text=True)
                        v = json.loads(done.stdout)["categories"][category]
                        print(f"| {category} | {seed} | {steps} | colour{' and depth' if depth else ''} | {v['image_auroc']:.3f} | "
                              f"{v['pixel_auroc']:.3f} | {v['pixel_ap']:.3f} | {v['aupro']:.3f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
