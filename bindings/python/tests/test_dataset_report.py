"""Data sets, masks, and reports."""

import json
import re

import numpy as np
import pytest

import snarm
from conftest import paint


@pytest.fixture(scope="module")
def mvtec(work):
    root = work / "set"
    for part, kind, numbers in (("train", "good", range(3)), ("test", "good", range(2)), ("test", "scratch", range(2))):
        folder = root / "ring" / part / kind
        folder.mkdir(parents=True)
        for number in numbers:
            snarm.save_png(folder / f"{number:03d}.png", paint(number, kind == "scratch"))
    masks = root / "ring" / "ground_truth" / "scratch"
    masks.mkdir(parents=True)
    mask = np.zeros((72, 96), np.uint8)
    mask[30:36, 20:60] = 255
    for number in range(2):
        snarm.save_png(masks / f"{number:03d}_mask.png", mask)
    return root


def test_data_set(mvtec):
    with snarm.Dataset(mvtec) as dataset:
        assert dataset.layout is snarm.Layout.MVTEC and dataset.categories == ("ring",)
        train, test = dataset.samples("ring", "train"), dataset.samples("ring", snarm.Split.TEST)
    assert [sample.path for sample in train] == [str(mvtec / "ring" / "train" / "good" / f"{i:03d}.png") for i in range(3)]
    assert [(sample.defect, sample.anomalous) for sample in test] == [("good", False)] * 2 + [("scratch", True)] * 2
    assert test[0].mask is None and test[0].depth is None and test[2].mask.endswith("ground_truth/scratch/000_mask.png")
    assert snarm.Dataset(mvtec, layout="mvtec").layout == snarm.Layout.MVTEC
    with pytest.raises(snarm.ArgumentError, match="category: 'bolt', expected one of 'ring'"):
        snarm.Dataset(mvtec).samples("bolt", "test")
    with pytest.raises(snarm.ArgumentError, match="split: 'validation', expected 'train' or 'test'"):
        snarm.Dataset(mvtec).samples("ring", "validation")
    with pytest.raises(snarm.ArgumentError, match="layout: 'coco', expected one of 'auto', 'mvtec'"):
        snarm.Dataset(mvtec, layout="coco")
    with pytest.raises(snarm.FormatError):
        snarm.Dataset(mvtec, layout="visa")
    with pytest.raises(snarm.FileError, match="nowhere"):
        snarm.Dataset(mvtec / "nowhere")


def test_missing_masks(mvtec, work):
    import shutil

    shutil.copytree(mvtec, work / "torn")
    (work / "torn" / "ring" / "ground_truth" / "scratch" / "001_mask.png").unlink()
    with pytest.raises(snarm.FormatError, match="001"):
        snarm.Dataset(work / "torn")
    samples = snarm.Dataset(work / "torn", allow_missing_masks=True).samples("ring", "test")
    assert [sample.mask is None for sample in samples] == [True, True, False, True]


def test_lists(mvtec):
    assert len(snarm.list_images(mvtec)) == 9
    one = mvtec / "ring" / "test" / "good" / "000.png"
    assert snarm.list_images(one) == [str(one)]
    with pytest.raises(snarm.FileError):
        snarm.list_images(mvtec / "nowhere")


def test_masks(mvtec):
    path = mvtec / "ring" / "ground_truth" / "scratch" / "000_mask.png"
    full = snarm.load_mask_full(path)
    assert full.shape == (72, 96) and full.dtype == np.uint8 and full.sum() == 6 * 40 and full.max() == 1
    small = snarm.load_mask(path, snarm.Preprocess(48, 36))
    assert small.shape == (36, 48) and small.sum() == 3 * 20
    with pytest.raises(snarm.ArgumentError, match="0 x 36 pixels"):
        snarm.load_mask(path, snarm.Preprocess(0, 36))


def test_report(mvtec, detector, work):
    how, pixels = detector.info.preprocess, snarm.PixelMetrics()
    report = snarm.Report(threshold=detector.info.threshold, map_threshold=detector.info.map_threshold, title="Rings <today>")
    for sample in snarm.Dataset(mvtec).samples("ring", "test"):
        result = detector.inspect(sample.path)
        mask = None if sample.mask is None else snarm.load_mask(sample.mask, how)
        pixels.add(result.map, mask)
        report.add(
            sample.path, result.map, score=result.score, normalized=result.normalized, anomalous=sample.anomalous, name=sample.path,
            category="ring", defect=sample.defect, mask=mask,
        )
    report.set_pixels("ring", pixels)
    report.add_fact("made by", "test & check")
    report.write(work / "report.html")
    page = (work / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', page, re.S)[1])
    assert data["title"] == "Rings <today>" and len(data["items"]) == 4 and data["threshold"] == pytest.approx(detector.info.threshold)
    assert data["categories"][0]["pixel_auroc"] == pytest.approx(pixels.finish().pixels.auroc, abs=1e-6)
    with pytest.raises(TypeError, match="name: int, expected str"):
        report.add(paint(1), np.zeros((4, 4), np.float32), score=1, normalized=0.5, anomalous=False, name=3)
    with pytest.raises(TypeError, match="pixels: Report, expected a snarm.PixelMetrics"):
        report.set_pixels("ring", report)
    with pytest.raises(snarm.ArgumentError):
        snarm.Report(threshold=1, picture_side=3)
    with pytest.raises(snarm.FileError):
        report.write(work / "no" / "folder" / "report.html")


def test_figures(detector, bad_part, bad_file, work):
    pytest.importorskip("matplotlib").use("agg")
    from snarm import plot

    result = detector.inspect(bad_part)
    figures = [result.figure(), plot.figure(detector, bad_file), plot.figure(detector, bad_part[..., ::-1].copy(), bgr=True),
               plot.figure(detector, bad_part[..., 1].copy(), result), plot.curves([("image", snarm.score_curve([1, 2, 3], [0, 1, 1]))])]
    for number, figure in enumerate(figures):
        figure.savefig(work / f"figure{number}.png", dpi=60)
        assert snarm.load_image(work / f"figure{number}.png").std() > 10
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []
    with pytest.raises(snarm.ArgumentError, match="it has no map"):
        detector.inspect(bad_part, with_map=False).figure()


def test_figures_without_matplotlib_say_what_is_missing(detector, bad_part, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib, which is not installed"):
        detector.inspect(bad_part).figure()
