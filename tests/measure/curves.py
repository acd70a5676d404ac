"""The library's curves against scikit-learn's: random lists with ties, random maps, and the points inside reports.

usage: curves.py LIBSNARM.so [REPORT.html]...

Every point must be one of roc_curve(drop_intermediate=False) and of precision_recall_curve, to 1e-6; an exact curve must have all of them.
Of a report the image curves are compared, with the scores of its pictures.
"""
import ctypes
import json
import re
import sys

import numpy
from sklearn.metrics import precision_recall_curve, roc_curve


class Point(ctypes.Structure):
    _fields_ = [("threshold", ctypes.c_float), ("true_positives", ctypes.c_uint64), ("false_positives", ctypes.c_uint64)]


class Curve(ctypes.Structure):
    _fields_ = [("points", ctypes.POINTER(Point)), ("count", ctypes.c_size_t), ("positives", ctypes.c_uint64),
                ("negatives", ctypes.c_uint64)]


library = ctypes.CDLL(sys.argv[1])
library.snarm_last_error.restype = ctypes.c_char_p
worst = 0.0


def well(status):
    if status != 0:
        sys.exit(library.snarm_last_error().decode())


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def columns(curve):
    """threshold, fpr, tpr, precision"""
    points = [(p.threshold, p.true_positives, p.false_positives) for p in curve.points[: curve.count]]
    threshold, hits, alarms = (numpy.array(column, dtype=float) for column in zip(*points))
    found = hits + alarms
    return (threshold, alarms / curve.negatives, hits / curve.positives,
            numpy.where(found > 0, hits / numpy.maximum(found, 1), 1.0))


def compare(name, ours, labels, scores, exact):
    """scores in single precision as the library has them"""
    global worst
    threshold, fpr, tpr, precision = ours
    their_fpr, their_tpr, their_threshold = roc_curve(labels, scores, drop_intermediate=False)
    their_precision, their_recall, pr_threshold = precision_recall_curve(labels, scores)
    if exact and len(threshold) != len(their_threshold):
        sys.exit(f"{name}: {len(threshold)} points, scikit-learn has {len(their_threshold)}")
    places = {float(t): i for i, t in enumerate(their_threshold)}
    pr_places = {float(t): i for i, t in enumerate(pr_threshold)}
    for i, t in enumerate(threshold):
        at, pr = places.get(float(t)), pr_places.get(float(t), len(pr_threshold) if i == 0 else None)
        if at is None or pr is None:
            sys.exit(f"{name}: {t} is no threshold of scikit-learn's")
        error = max(abs(fpr[i] - their_fpr[at]), abs(tpr[i] - their_tpr[at]), abs(precision[i] - their_precision[pr]),
                    abs(tpr[i] - their_recall[pr]))
        worst = max(worst, error)
        if error > 1e-6:
            sys.exit(f"{name}: at {t} off by {error}")
    # How much the area changes by what was left out.
    area = abs(numpy.trapezoid(tpr, fpr) - numpy.trapezoid(their_tpr, their_fpr))
    ap = abs(numpy.sum(numpy.diff(tpr) * precision[1:]) + numpy.sum(numpy.diff(their_recall) * their_precision[:-1]))
    print(f"{name}: {len(threshold)} of {len(their_threshold)} points, area differs by {area:.2e}, steps' area by {ap:.2e}")


generator = numpy.random.default_rng(0)
for count, share in (10, 0.5), (600, 0.6), (50000, 0.05):
    labels = (generator.random(count) < share).astype(numpy.uint8)
    labels[:2] = 0, 1
    scores = (generator.normal(size=count) + labels).astype(numpy.float32)
    scores[::3] = numpy.round(scores[::3], 1)
    for limit in 0, 2000:
        curve = Curve()
        well(library.snarm_metrics_curve(pointer(scores), pointer(labels), ctypes.c_size_t(count), ctypes.c_size_t(limit),
                                         ctypes.byref(curve)))
        compare(f"{count} scores, limit {limit}", columns(curve), labels, scores, limit == 0)
        library.snarm_curve_release(ctypes.byref(curve))
for share in 0.02, 0.00001:
    maps = generator.gamma(2, size=(40, 160, 160)).astype(numpy.float32)
    masks = (generator.random(maps.shape) < share).astype(numpy.uint8)
    masks[0, 0, 0] = 1
    maps += masks * generator.gamma(3, size=maps.shape).astype(numpy.float32)
    pixels = ctypes.c_void_p()
    well(library.snarm_pixel_metrics_create(ctypes.byref(pixels), None))
    for one, mask in zip(maps, masks):
        well(library.snarm_pixel_metrics_add(pixels, pointer(one), pointer(mask), 160, 160))
    for limit in 0, 2000:
        curve = Curve()
        well(library.snarm_pixel_metrics_curve(pixels, ctypes.c_size_t(limit), ctypes.byref(curve)))
        compare(f"{masks.sum()} of {masks.size} pixels, limit {limit}", columns(curve), masks.ravel(), maps.ravel(), False)
        library.snarm_curve_release(ctypes.byref(curve))
    library.snarm_pixel_metrics_destroy(pixels)
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        data = json.loads(re.search(r'id="data">(.*?)</script>', file.read(), re.S).group(1))
    for place, category in enumerate(data["categories"]):
        items = [item for item in data["items"] if item["category"] == place]
        curve = category["image_curve"]
        threshold = numpy.array([numpy.inf if t is None else numpy.float32(t) for t in curve["threshold"]])
        ours = (threshold, *(numpy.array(curve[key]) for key in ("fpr", "tpr", "precision")))
        compare(f"{path}: {category['name']}", ours, numpy.array([item["anomalous"] for item in items]),
                numpy.array([item["score"] for item in items], dtype=numpy.float32), True)
print(f"largest difference {worst:.1e}")
