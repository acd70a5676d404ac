"""Metrics: by hand, and against scikit-learn where it is installed."""

import math

import numpy as np
import pytest

import snarm


def test_by_hand():
    found = snarm.score_metrics([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    assert found.auroc == pytest.approx(0.75) and found.average_precision == pytest.approx(5 / 6)
    assert (found.positives, found.negatives) == (2, 2)
    assert found.f1_max == pytest.approx(0.8) and found.f1_max_threshold == pytest.approx(0.35)
    assert math.isnan(snarm.score_metrics([1.0, 2.0], [1, 1]).auroc)
    assert snarm.score_metrics([], []).positives == 0
    curve = snarm.score_curve([1, 2, 3], [False, True, False])
    assert curve.thresholds.tolist() == [math.inf, 3, 2, 1]
    assert (curve.true_positives.tolist(), curve.false_positives.tolist()) == ([0, 0, 1, 1], [0, 1, 1, 2])
    assert curve.recall.tolist() == [0, 0, 1, 1] and curve.false_positive_rate.tolist() == [0, 0.5, 0.5, 1]
    assert curve.precision == pytest.approx([1, 0, 0.5, 1 / 3])
    assert len(snarm.score_curve([1.0], [1]).thresholds) == 0


def data(count=2000, seed=1):
    random = np.random.default_rng(seed)
    labels = random.random(count) < 0.3
    scores = (np.round(random.normal(size=count) * 20) / 20 + labels).astype(np.float32)  # with many ties
    return scores, labels


def test_scores_against_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    scores, labels = data()
    for truth in (labels, labels.astype(np.uint8), labels.tolist()):
        found = snarm.score_metrics(scores, truth)
        assert found.auroc == pytest.approx(sklearn.roc_auc_score(labels, scores), abs=1e-12)
        assert found.average_precision == pytest.approx(sklearn.average_precision_score(labels, scores), abs=1e-12)
    precision, recall, _ = sklearn.precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    assert found.f1_max == pytest.approx(f1.max(), abs=1e-12)
    curve = snarm.score_curve(scores, labels)
    fpr, tpr, thresholds = sklearn.roc_curve(labels, scores, drop_intermediate=False)
    assert curve.recall == pytest.approx(tpr) and curve.false_positive_rate == pytest.approx(fpr)
    assert curve.thresholds == pytest.approx(thresholds)
    assert len(snarm.score_curve(scores, labels, limit=16).thresholds) <= 16


def test_pixels_against_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(2)
    maps = [random.random((20, 30)).astype(np.float32) for _ in range(4)]
    masks = [random.random((20, 30)) < 0.1, None, (random.random((20, 30)) < 0.1).astype(np.uint8), None]
    with snarm.PixelMetrics(threads=2) as pixels:
        for values, mask in zip(maps, masks):
            pixels.add(values, mask)
        found, curve = pixels.finish(), pixels.curve()
    truth = np.concatenate([np.zeros(600, bool) if mask is None else mask.ravel() > 0 for mask in masks])
    values = np.concatenate([values.ravel() for values in maps])
    assert found.pixels.auroc == pytest.approx(sklearn.roc_auc_score(truth, values), abs=1e-12)
    assert found.pixels.average_precision == pytest.approx(sklearn.average_precision_score(truth, values), abs=1e-12)
    assert found.images == 4 and found.regions > 4 and 0 < found.aupro < 1
    area = (np.diff(curve.false_positive_rate) * (curve.recall[1:] + curve.recall[:-1]) / 2).sum()
    assert area == pytest.approx(found.pixels.auroc, abs=1e-9)


def test_perfect_maps():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:6] = True
    for limit in (None, 0.05, 1.0):
        with snarm.PixelMetrics(fpr_limit=limit) as pixels:
            pixels.add(mask.astype(np.float32), mask)
            assert pixels.finish().aupro == pytest.approx(1.0) and pixels.finish().regions == 1


def test_refuses():
    with pytest.raises(snarm.ArgumentError, match="scores: dtype float64, expected float32"):
        snarm.score_metrics(np.zeros(3), [0, 1, 0])
    with pytest.raises(snarm.ArgumentError, match="labels: dtype int64, expected uint8"):
        snarm.score_metrics(np.zeros(3, np.float32), np.zeros(3, np.int64))
    with pytest.raises(snarm.ArgumentError, match=r"labels: shape \(2,\), expected \(3,\)"):
        snarm.score_metrics([0.0, 1.0, 2.0], [0, 1])
    with pytest.raises(snarm.ArgumentError, match="1"):
        snarm.score_metrics([0.0, math.nan], [0, 1])
    with pytest.raises(snarm.ArgumentError, match="limit"):
        snarm.score_curve([0.0, 1.0], [0, 1], limit=15)
    with pytest.raises(snarm.ArgumentError, match="fpr_limit"):
        snarm.PixelMetrics(fpr_limit=2.0)
    with snarm.PixelMetrics() as pixels:
        with pytest.raises(snarm.ArgumentError, match=r"mask: shape \(2, 3\), expected \(3, 2\)"):
            pixels.add(np.zeros((3, 2), np.float32), np.zeros((2, 3), np.uint8))
        with pytest.raises(snarm.ArgumentError, match="map: dtype float64"):
            pixels.add(np.zeros((3, 2)))
