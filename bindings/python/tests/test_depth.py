"""Depth pictures beside pictures: what only depth shows is found, from arrays and from files."""

import numpy as np
import pytest
import sample_files
import snarm
from conftest import FIT, paint

SHAPE = (72, 96)


def relief(number, dent=False):
    """A ring that stands 3 mm out of a plane; damage to it that no picture shows. (72, 96, 3) float32."""
    random = np.random.default_rng(1000 + number)
    y, x = np.mgrid[0:72, 0:96].astype(np.float32)
    radius = np.hypot(x - 48 - random.uniform(-2, 2), y - 36 - random.uniform(-2, 2))
    height = 3.0 * np.clip((14 - np.abs(radius - 21) * 2) / 4, 0, 1)  # with sloping flanks
    if dent:
        height[26:44, 16:36] += np.where((x + y)[26:44, 16:36] % 12 < 6, 4.0, -3.0)
    z = 300 + random.uniform(-3, 3) + 0.01 * x - height + random.normal(0, 0.01, SHAPE)
    points = np.stack([0.5 * x, 0.5 * y, z], axis=-1).astype(np.float32)
    points[random.random(SHAPE) < 0.002] = 0
    return points


@pytest.fixture(scope="module")
def depths():
    return [relief(number) for number in range(6)]


@pytest.fixture(scope="module")
def both(good_parts, depths, weights):
    return snarm.Detector.fit(good_parts, weights, depths=depths, **FIT)


def test_finds_what_no_picture_shows(both, good_parts, depths, bad_part):
    part = paint(50)
    whole, dented = both.inspect(part, relief(50)), both.inspect(part, relief(50, dent=True))
    assert dented.anomalous and dented.score > 1.5 * whole.score
    assert 10 <= dented.x <= 42 and 20 <= dented.y <= 50
    assert both.inspect(bad_part, relief(51)).anomalous
    info = both.info
    assert info.has_depth and info.channels == 2 * info.backbone.channels and info.format_version == 3
    assert info.depth_range > 2.5 and info.depth_background > 0 and info.depth_weight > 0


def test_files_arrays_and_lazy_sequences_are_the_same(both, good_folder, depths, weights, work):
    folder = work / "xyz"
    folder.mkdir()
    for number, points in enumerate(depths):
        rows = points.tolist()
        sample_files.xyz_tiff(str(folder / f"{number:02d}.tiff"), 96, 72, lambda x, y, rows=rows: rows[y][x])
    files = sorted(folder.iterdir())
    try:
        np.testing.assert_array_equal(snarm.load_depth(files[0]), depths[0])
    except snarm.UnsupportedError as error:
        pytest.skip(str(error))
    expected = both.inspect(paint(60), depths[0])
    for given in files, np.stack(depths), [files[0], *depths[1:]]:
        detector = snarm.Detector.fit(good_folder, weights, depths=given, **FIT)
        result = detector.inspect(paint(60), files[0])
        assert result == expected and result.map.tobytes() == expected.map.tobytes()
    detector.save(work / "depth.snarm")
    with snarm.Detector.load(work / "depth.snarm") as loaded:
        assert loaded.inspect(paint(60), depths[0]) == expected
        np.testing.assert_array_equal(loaded.heatmap(paint(60), depth=depths[0]), loaded.heatmap(paint(60), expected))


def test_trains(good_parts, depths, weights):
    options = snarm.TrainOptions(steps=4, samples=16, batch=2, embedding=8, depth=1)
    detector = snarm.Detector.fit(good_parts, weights, depths=depths, train=options, channels=16, **FIT)
    assert detector.training.step == 4
    assert detector.residual is not None and detector.info.channels == 32
    assert detector.inspect(paint(70), relief(70, dent=True)).score > 0


def test_relief():
    picture = snarm.depth_relief(relief(1), range=6, background=0.05)
    assert picture.shape == (*SHAPE, 3) and picture.dtype == np.uint8
    assert abs(int(picture[36, 48, 0]) - 128) <= 1  # the plane
    assert 180 < picture[36, 28, 0] < 200  # 3 mm of 6
    with pytest.raises(snarm.ArgumentError, match="range"):
        snarm.depth_relief(relief(1), range=-1)
    with pytest.raises(snarm.FormatError, match="measured points"):
        snarm.depth_relief(np.zeros((4, 4, 3), np.float32))


def test_what_does_not_fit(both, detector, good_parts, depths, weights):
    with pytest.raises(snarm.ArgumentError, match="snarm_detector_inspect_depth"):
        both.inspect(good_parts[0])
    with pytest.raises(snarm.ArgumentError, match="without depth"):
        detector.inspect(good_parts[0], depths[0])
    with pytest.raises(snarm.ArgumentError, match="depth: dtype float64"):
        both.inspect(good_parts[0], depths[0].astype(float))
    with pytest.raises(snarm.ArgumentError, match=r"depth: shape \(72, 96\)"):
        both.inspect(good_parts[0], depths[0][..., 2].copy())
    with pytest.raises(snarm.ArgumentError, match="layout"):
        both.inspect(good_parts[0], depths[0][:, ::2])
    with pytest.raises(snarm.ArgumentError, match="5 pictures, expected as many"):
        snarm.Detector.fit(good_parts, weights, depths=depths[:5], **FIT)
    with pytest.raises(snarm.ArgumentError, match=r"depths: shape \(72, 96, 3\)"):
        snarm.Detector.fit(good_parts, weights, depths=depths[0], **FIT)
    with pytest.raises(TypeError, match="depths: str"):
        snarm.Detector.fit(good_parts, weights, depths="folder", **FIT)
    with pytest.raises(snarm.FileError, match="nowhere.tiff"):
        snarm.Detector.fit(good_parts, weights, depths=["nowhere.tiff"] * 6, **FIT)
    with pytest.raises(snarm.ArgumentError, match="depth_weight"):
        snarm.Detector.fit(good_parts, weights, depths=depths, depth_weight=-1, **FIT)
