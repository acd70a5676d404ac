"""Training on samples of the caller's own."""

import numpy as np
import pytest

import snarm

GRID, CHANNELS = 8, 16


def sample(number, defect):
    random = np.random.default_rng(number)
    features = random.normal(size=(GRID, GRID, CHANNELS)).astype(np.float32) * 0.3
    mask = None
    if defect:
        at = random.integers(0, GRID - 3, 2)
        features[at[0] : at[0] + 3, at[1] : at[1] + 3] += 1
        mask = np.zeros((4 * GRID, 4 * GRID), bool)
        mask[4 * at[0] : 4 * at[0] + 12, 4 * at[1] : 4 * at[1] + 12] = True
    return snarm.TrainSample(features.reshape(-1, CHANNELS), mask, held_out=number % 4 == 0)


@pytest.fixture(scope="module")
def bank():
    return snarm.Bank(np.concatenate([sample(1000 + number, False).features for number in range(6)]))


SIZES = {"grid_width": GRID, "grid_height": GRID, "mask_width": 4 * GRID, "mask_height": 4 * GRID}
OPTIONS = {"steps": 30, "batch": 4, "embedding": 8, "depth": 1, "threads": 2, "shuffled": -1}


def test_trains_and_loads(work, bank):
    reports = []
    options = snarm.TrainOptions(progress=reports.append, checkpoint=work / "check.point", **OPTIONS)
    samples = [sample(number, number % 3 > 0) for number in range(40)]
    path = work / "scorer.safetensors"
    report = snarm.train_scorer(path, bank, samples, train=options, neighbours=2, smoothing=1.0, **SIZES)
    assert report.step == report.steps == 30 and not report.cancelled and reports[-1].steps == 30
    assert 0 < report.untrained_pixel_ap <= 1 and report.best_pixel_ap >= report.untrained_pixel_ap - 0.05
    assert (work / "check.point").exists()
    with snarm.Scorer(path, grid_width=GRID, grid_height=GRID) as scorer:
        info = scorer.info
        assert (info.channels, info.embedding, info.depth, info.neighbours) == (CHANNELS, 8, 1, 2)
        assert info.residual_scale > 0 and info.prior_slope > 0 and info.prior_border == 0


def test_borders(work, bank):
    samples = [sample(number, number % 3 > 0) for number in range(16)]
    coverage = np.ones((GRID, GRID), np.float32)
    coverage[0] = 0.0625
    coverage = coverage.reshape(-1)
    path = work / "borders.safetensors"
    options = snarm.TrainOptions(**{**OPTIONS, "steps": 2})
    snarm.train_scorer(path, bank, samples, train=options, coverage=coverage, **SIZES)
    with snarm.Scorer(path, grid_width=GRID, grid_height=GRID, coverage=coverage) as scorer:
        info = scorer.info
        assert info.prior_border == 0.75
        logits = np.zeros((info.maps, GRID * GRID), np.float32)
        distances = np.full(GRID * GRID, info.prior_centre, np.float32)
        distances[:GRID] /= 8
        scorer.add_prior(distances, logits)
        assert np.abs(logits).max() < 1e-5
    with pytest.raises(snarm.ArgumentError, match="coverage"):
        snarm.Scorer(path, grid_width=GRID, grid_height=GRID, coverage=coverage[1:])
    coverage[3] = 0
    with pytest.raises(snarm.ArgumentError, match=r"coverage\[3\] is 0"):
        snarm.train_scorer(path, bank, samples, train=options, coverage=coverage, **SIZES)


def test_stages(work, bank):
    samples = [sample(number, number % 3 > 0) for number in range(16)]
    path = work / "stages.safetensors"
    options = snarm.TrainOptions(**{**OPTIONS, "steps": 2})
    snarm.train_scorer(path, bank, samples, train=options, stages=(6, CHANNELS - 6), **SIZES)
    with snarm.Scorer(path, grid_width=GRID, grid_height=GRID) as scorer:
        info = scorer.info
        assert info.prior_stages == 2 and info.prior_slope > 0
        logits = np.zeros((info.maps, GRID * GRID), np.float32)
        scorer.add_prior(np.ones(GRID * GRID, np.float32), logits)
        assert not logits.any()  # the logits have it already
    with pytest.raises(snarm.ArgumentError, match="15 channels in all"):
        snarm.train_scorer(path, bank, samples, train=options, stages=(6, CHANNELS - 7), **SIZES)
    with pytest.raises(snarm.ArgumentError, match="stage 1 has 0 channels"):
        snarm.train_scorer(path, bank, samples, train=options, stages=(CHANNELS, 0), **SIZES)


def test_ends_early(work, bank):
    samples = [sample(number, number % 3 > 0) for number in range(16)]
    options = snarm.TrainOptions(**{**OPTIONS, "steps": 1000000, "progress": lambda report: report.step > 0})
    report = snarm.train_scorer(work / "early.safetensors", bank, samples, train=options, **SIZES)
    assert report.cancelled and 0 < report.step < 1000000 and (work / "early.safetensors").exists()


def test_refuses(work, bank):
    samples = [sample(number, number % 3 > 0) for number in range(16)]

    def train(items, **other):
        return snarm.train_scorer(work / "none.safetensors", bank, items, train=snarm.TrainOptions(**OPTIONS), **{**SIZES, **other})

    with pytest.raises(TypeError, match="samples: generator, expected a sequence"):
        train(item for item in samples)
    with pytest.raises(snarm.ArgumentError, match=r"features: shape \(64, 8\), expected \(64, 16\)"):
        train([snarm.TrainSample(samples[0].features[:, :8].copy())])
    with pytest.raises(snarm.ArgumentError, match="mask: dtype float64"):
        train([snarm.TrainSample(samples[0].features, np.zeros((32, 32)))])
    with pytest.raises(snarm.ArgumentError, match="held"):
        train([item._replace(held_out=False) for item in samples])
    with pytest.raises(snarm.ArgumentError, match="grid_width"):
        train(samples, grid_width=3)
    with pytest.raises(snarm.ArgumentError, match="learning_rate"):
        snarm.train_scorer(work / "none", bank, samples, train=snarm.TrainOptions(learning_rate=2), **SIZES)
    assert not (work / "none.safetensors").exists()


def test_an_exception_of_a_sample_is_raised_again(work, bank):
    class Samples:
        def __len__(self):
            return 16

        def __getitem__(self, index):
            if index == 5:
                raise OSError("the disk is gone")
            return sample(index, index % 3 > 0)

    with pytest.raises(OSError, match="the disk is gone"):
        snarm.train_scorer(work / "none.safetensors", bank, Samples(), train=snarm.TrainOptions(**OPTIONS), **SIZES)
    assert not (work / "none.safetensors").exists()
