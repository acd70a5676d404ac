"""A report's pixel curves and metrics against scikit-learn's, over all pixels of all maps of a data set.

usage: pixel_curves.py LIBSNARM.so MODEL.snarm DATASET REPORT.html

Inspects the test pictures again with the model that the report was made with, a category at a time, and compares every point of its pixel
curves with roc_curve(drop_intermediate=False) and precision_recall_curve, and its values with roc_auc_score and average_precision_score. Ends
with an error beyond 1e-6. Memory: some 100 bytes a pixel.
"""
import ctypes as C
import json
import re
import struct
import sys

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve


class Sample(C.Structure):
    _fields_ = [(name, C.c_char_p) for name in ("path", "defect", "mask", "depth")] + [("anomalous", C.c_int32)]


class Image(C.Structure):
    _fields_ = [("pixels", C.c_void_p), ("width", C.c_int32), ("height", C.c_int32), ("stride", C.c_ssize_t),
                ("format", C.c_int), ("owned", C.c_void_p)]


class Result(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("score", C.c_float), ("threshold", C.c_float), ("normalized", C.c_float),
                ("anomalous", C.c_int32), ("map_max", C.c_float), ("map_x", C.c_int32), ("map_y", C.c_int32),
                *((name, C.c_double) for name in ("x", "y", "preprocess", "backbone", "match", "scorer", "map")),
                ("map_threshold", C.c_float)]


class Preprocess(C.Structure):
    _fields_ = [(name, C.c_int32) for name in ("resize_width", "resize_height", "width", "height")] + [
        ("mean", C.c_float * 3), ("std", C.c_float * 3)]


library_path, model_path, dataset_path, report_path = sys.argv[1:]
snarm = C.CDLL(library_path)
snarm.snarm_last_error.restype = snarm.snarm_dataset_category_name.restype = C.c_char_p
snarm.snarm_dataset_sample_count.restype = snarm.snarm_dataset_category_count.restype = C.c_size_t


def well(status):
    if status != 0:
        sys.exit(snarm.snarm_last_error().decode())


with open(model_path, "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["__metadata__"]
how = Preprocess(*(int(header[name]) for name, _ in Preprocess._fields_[:4]))
with open(report_path, encoding="utf-8") as file:
    report = json.loads(re.search(r'id="data">(.*?)</script>', file.read(), re.S).group(1))
detector, dataset = C.c_void_p(), C.c_void_p()
well(snarm.snarm_detector_load(C.byref(detector), model_path.encode(), None))
well(snarm.snarm_dataset_open(C.byref(dataset), dataset_path.encode(), None))


def pixels_of(category):
    """Maps and masks of all test pictures."""
    count = snarm.snarm_dataset_sample_count(dataset, C.c_size_t(category), 1)
    maps = np.empty((count, how.height, how.width), np.float32)
    masks = np.zeros(maps.shape, np.uint8)
    for i in range(count):
        sample, image, result = Sample(), Image(), Result(C.sizeof(Result))
        well(snarm.snarm_dataset_sample(dataset, C.c_size_t(category), 1, C.c_size_t(i), C.byref(sample)))
        well(snarm.snarm_image_load(C.byref(image), sample.path, None))
        well(snarm.snarm_detector_inspect(detector, C.byref(image), C.byref(result), maps[i].ctypes.data_as(C.c_void_p)))
        snarm.snarm_image_release(C.byref(image))
        if sample.mask:
            well(snarm.snarm_mask_load(sample.mask, C.byref(how), masks[i].ctypes.data_as(C.c_void_p)))
    return maps.ravel(), masks.ravel()


def places(rising, thresholds):
    """Where these are in a list that has them all."""
    at = np.searchsorted(rising, thresholds)
    if (at == len(rising)).any() or (rising[at] != thresholds).any():
        sys.exit("a threshold of the report is none of scikit-learn's")
    return at


worst = 0.0
for category in range(snarm.snarm_dataset_category_count(dataset)):
    name = snarm.snarm_dataset_category_name(dataset, C.c_size_t(category)).decode()
    of = next(found for found in report["categories"] if found["name"] == name)
    curve = {key: np.array(of["pixel_curve"][key][1:], dtype=float) for key in ("threshold", "fpr", "tpr", "precision")}
    thresholds = curve["threshold"].astype(np.float32)
    scores, labels = pixels_of(category)
    print(f"{name}: {labels.size} pixels, {int(labels.sum())} of them defective; {len(thresholds)} points in the report")
    fpr, tpr, rising = roc_curve(labels, scores, drop_intermediate=False)
    at = len(rising) - 1 - places(rising[::-1].astype(np.float32), thresholds)
    differences = {"false positive rate": fpr[at] - curve["fpr"], "true positive rate": tpr[at] - curve["tpr"]}
    precision, recall, rising = precision_recall_curve(labels, scores)
    at = places(rising.astype(np.float32), thresholds)
    differences |= {"precision": precision[at] - curve["precision"], "recall": recall[at] - curve["tpr"],
                    "AUROC": roc_auc_score(labels, scores) - of["pixel_auroc"],
                    "average precision": average_precision_score(labels, scores) - of["pixel_ap"]}
    for what, difference in differences.items():
        largest = float(np.abs(difference).max())
        worst = max(worst, largest)
        print(f"  {what}: largest difference {largest:.1e}")
print(f"largest difference {worst:.1e}")
sys.exit(worst > 1e-6)
