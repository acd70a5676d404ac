"""Pictures: which arrays are taken as they lie, which are refused and with what words; files in and out."""

import json

import numpy as np
import pytest

import snarm


def test_rows_may_lie_apart_or_run_upwards(detector, bad_part):
    expected = detector.inspect(bad_part)
    large = np.full((100, 200, 3), 255, np.uint8)
    large[10:82, 30:126] = bad_part
    assert detector.inspect(large[10:82, 30:126]).map.tobytes() == expected.map.tobytes()
    upwards = bad_part[::-1].copy()[::-1]
    assert upwards.strides[0] < 0
    assert detector.inspect(upwards).map.tobytes() == expected.map.tobytes()
    every_second = np.repeat(bad_part, 2, axis=0)[::2]
    assert detector.inspect(every_second).map.tobytes() == expected.map.tobytes()
    grey = bad_part[..., 0].copy()
    wide = np.zeros((72, 120), np.uint8)
    wide[:, :96] = grey
    assert detector.inspect(wide[:, :96]).map.tobytes() == detector.inspect(grey).map.tobytes()
    read_only = bad_part.copy()
    read_only.flags.writeable = False
    assert detector.inspect(read_only) == expected


def test_smallest_pictures(detector):
    for shape in ((1, 1), (1, 5), (5, 1), (1, 1, 3), (1, 7, 3), (7, 1, 4)):
        plain = np.full(shape, 100, np.uint8)
        sliced = np.full((30, 30) + shape[2:], 100, np.uint8)[:: 29 // shape[0] or 1, :: 29 // shape[1] or 1][: shape[0], : shape[1]]
        assert detector.inspect(plain).verdict in ("normal", "anomalous")
        if shape[1] == 1:  # of a row with one pixel, the distance to the next one does not matter
            assert sliced.shape == shape and detector.inspect(sliced) == detector.inspect(plain)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda a: a.astype(np.float32), r"picture: dtype float32, shape \(72, 96, 3\); expected uint8"),
        (lambda a: a.astype(np.uint16), "picture: dtype uint16"),
        (lambda a: a.view(np.int8), "picture: dtype int8"),
        (lambda a: a[..., 0] > 100, "picture: dtype bool"),
        (lambda a: a[None], r"picture: shape \(1, 72, 96, 3\); expected uint8 of shape \(height, width\)"),
        (lambda a: a[0, 0], r"picture: shape \(3,\)"),
        (lambda a: a[..., :2], r"picture: shape \(72, 96, 2\)"),
        (lambda a: a[..., :1], r"picture: shape \(72, 96, 1\)"),
        (lambda a: a.transpose(2, 0, 1), r"picture: shape \(3, 72, 96\)"),
        (lambda a: a[:0], r"picture: shape \(0, 96, 3\) holds no pixel"),
        (lambda a: a.transpose(1, 0, 2), r"picture: layout of strides \(3, 288, 1\) for shape \(96, 72, 3\)"),
        (lambda a: np.asfortranarray(a), "picture: layout of strides"),
        (lambda a: a[:, ::2], "picture: layout of strides"),
        (lambda a: a[:, ::-1], "picture: layout of strides"),
        (lambda a: a[..., ::-1], "picture: layout of strides .*ascontiguousarray"),
        (lambda a: np.broadcast_to(a[:1], a.shape), r"picture: layout of strides \(0, 3, 1\)"),
        (lambda a: np.lib.stride_tricks.as_strided(a, (10, 96, 3), (3, 3, 1)), "picture: layout of strides"),
    ],
)
def test_other_arrays_are_refused(detector, bad_part, change, words):
    with pytest.raises(snarm.ArgumentError, match=words):
        detector.inspect(change(bad_part))


def test_what_is_no_array_is_refused(detector, bad_part):
    with pytest.raises(TypeError, match="picture: list, expected a path or a numpy array"):
        detector.inspect(bad_part.tolist())
    with pytest.raises(TypeError, match="picture: NoneType"):
        detector.inspect(None)
    with pytest.raises(snarm.ArgumentError, match=r"bgr=True with shape \(72, 96\)"):
        detector.inspect(bad_part[..., 0].copy(), bgr=True)
    with pytest.raises(snarm.FileError, match="no-such.png"):
        detector.inspect("no-such.png")


def test_files(work, bad_part):
    snarm.save_png(work / "a.png", bad_part)
    assert (snarm.load_image(work / "a.png") == bad_part).all()
    snarm.save_png(str(work / "b.png"), bad_part[..., ::-1].copy(), bgr=True)
    assert (snarm.load_image(work / "b.png") == bad_part).all()
    grey = bad_part[5:40, 7:50, 1]
    with pytest.raises(snarm.ArgumentError, match="layout"):
        snarm.save_png(work / "c.png", grey)
    snarm.save_png(work / "c.png", grey.copy())
    loaded = snarm.load_image(work / "c.png")
    assert loaded.shape == grey.shape and (loaded == grey).all() and loaded.flags.writeable
    data = (work / "a.png").read_bytes()
    assert (snarm.decode_image(data) == bad_part).all()
    with pytest.raises(snarm.FormatError, match="from the camera"):
        snarm.decode_image(data[:100], "from the camera")
    with pytest.raises(TypeError, match="data: str"):
        snarm.decode_image("text")
    with pytest.raises(snarm.UnsupportedError, match="a.png"):
        snarm.load_image(work / "a.png", max_pixels=1000)
    with pytest.raises(snarm.UnsupportedError, match="a.png"):
        snarm.load_image(work / "a.png", max_side=95)
    odd = work / "Teil ä\udcff.png"  # a byte that is no UTF-8
    snarm.save_png(odd, bad_part)
    assert (snarm.load_image(odd) == bad_part).all()


def test_pillow_reads_the_same(work, bad_part, detector):
    image = pytest.importorskip("PIL.Image")
    snarm.save_png(work / "pillow.png", bad_part)
    with image.open(work / "pillow.png") as opened:
        picture = np.asarray(opened)
        with pytest.raises(TypeError, match="convert"):
            detector.inspect(opened)
    assert (picture == snarm.load_image(work / "pillow.png")).all()
    assert detector.inspect(picture) == detector.inspect(work / "pillow.png")


def test_preprocess(bad_part):
    how = snarm.Preprocess(32, 24, resize_width=48, resize_height=36, mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    planes, rgb = snarm.preprocess_with_rgb(bad_part, how)
    assert planes.shape == (3, 24, 32) and planes.dtype == np.float32 and rgb.shape == (24, 32, 3)
    expected = (rgb / np.float32(255) - np.float32(how.mean)) / np.float32(how.std)
    assert np.abs(planes - expected.transpose(2, 0, 1)).max() < 1e-6
    assert (snarm.preprocess(bad_part, how) == planes).all()
    assert (snarm.preprocess(bad_part[..., ::-1].copy(), how, bgr=True) == planes).all()
    with pytest.raises(snarm.ArgumentError, match="resize"):
        snarm.preprocess(bad_part, snarm.Preprocess(32, 24, resize_width=10))
    with pytest.raises(snarm.ArgumentError, match="mean: 2 values"):
        snarm.preprocess(bad_part, snarm.Preprocess(32, 24, mean=(1, 2)))
    with pytest.raises(snarm.ArgumentError, match="-1 x 24 pixels"):
        snarm.preprocess(bad_part, snarm.Preprocess(-1, 24))


def test_heat_maps(bad_part, detector):
    result = detector.inspect(bad_part)
    placed = detector.map_to_image(result.map, 96, 72)
    drawn = snarm.render_heatmap(bad_part, placed, threshold=result.map_threshold)
    assert drawn.shape == bad_part.shape and drawn.dtype == np.uint8 and (drawn != bad_part).any()
    clear = snarm.render_heatmap(bad_part, placed, threshold=0, low=1e6, high=2e6)
    assert (clear == bad_part).all()
    with pytest.raises(snarm.ArgumentError, match=r"map: shape \(64, 64\), expected \(72, 96\)"):
        snarm.render_heatmap(bad_part, result.map, threshold=1)
    with pytest.raises(snarm.ArgumentError, match="opacity"):
        snarm.render_heatmap(bad_part, placed, threshold=1, opacity=2)
    with pytest.raises(snarm.ArgumentError, match="it has no map"):
        detector.heatmap(bad_part, detector.inspect(bad_part, with_map=False))


def test_depth(work):
    try:
        snarm.load_depth(work / "none.tiff")
    except snarm.UnsupportedError:
        pytest.skip("the library is built without libtiff")
    except snarm.FileError:
        pass
    import struct

    points = np.random.default_rng(1).normal(size=(5, 7, 3)).astype("<f4")
    entries = [(256, 3, 1, 7), (257, 3, 1, 5), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 146), (277, 3, 1, 3),
               (278, 3, 1, 5), (279, 4, 1, points.nbytes), (339, 3, 3, 140)]
    data = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, count, value in entries:
        data += struct.pack("<HHII", tag, kind, count, value)
    data += struct.pack("<I", 0) + struct.pack("<6H", 32, 32, 32, 3, 3, 3)
    (work / "points.tiff").write_bytes(data + points.tobytes())
    loaded = snarm.load_depth(work / "points.tiff")
    assert loaded.shape == (5, 7, 3) and (loaded == points).all() and loaded.flags.writeable
    with pytest.raises(snarm.UnsupportedError, match="points.tiff"):
        snarm.load_depth(work / "points.tiff", max_side=4)


def test_light(good_parts, bad_part, weights, work, command):
    grey = bad_part.mean(axis=2)
    assert abs(snarm.image_light(bad_part) - np.median(grey) / 255) < 1e-3
    how = snarm.Preprocess(32, 24, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    plain, even = snarm.preprocess(bad_part, how), snarm.preprocess(bad_part, how, light=0.8 * snarm.image_light(bad_part))
    assert np.abs(even - 0.8 * plain).max() < 0.51 / 255
    half = snarm.preprocess(bad_part, how, light=0.64 * snarm.image_light(bad_part), light_share=0.5)
    assert np.abs(half - even).max() < 1.01 / 255
    with pytest.raises(snarm.ArgumentError, match="light is 2, expected 0..1"):
        snarm.preprocess(bad_part, how, light=2)
    with pytest.raises(snarm.ArgumentError, match="share is 2, expected 0..1"):
        snarm.preprocess(bad_part, how, light=0.5, light_share=2)

    darker = [(part * (1 - 0.1 * number)).astype(np.uint8) for number, part in enumerate(good_parts)]
    for both in (False, True):
        with snarm.Detector.fit(darker, weights, width=64, layers=[2], bank_size=100, even_light=0.5, both_lights=both) as detector:
            info = detector.info
            assert min(map(snarm.image_light, darker)) < info.light < max(map(snarm.image_light, darker))
            assert info.both_lights == both
            seen = [snarm.preprocess(bad_part, info.preprocess)] if both else []
            seen.append(snarm.preprocess(bad_part, info.preprocess, light=info.light, light_share=info.light_share))
            features = np.concatenate([detector.backbone.features(planes) for planes in seen], axis=-1)
            assert features.shape[-1] == info.channels
            distances, _ = detector.bank.search(features, 1)
            grid = info.backbone
            values = snarm.maps.from_patches(distances[:, 0].copy(), grid.grid_width, grid.grid_height, 64, 64)
            snarm.maps.smooth(values, info.smoothing)
            assert np.abs(values - detector.inspect(bad_part).map).max() < 1e-5
    with pytest.raises(snarm.ArgumentError, match="both_lights is 1, but even_light is 0"):
        snarm.Detector.fit(darker, weights, width=64, layers=[2], both_lights=True)
    folder = work / "darker"
    folder.mkdir()
    for number, part in enumerate(darker):
        snarm.save_png(folder / f"{number}.png", part)
    for share, *both in (["0.5"], ["1"], ["1", "--both-lights"]):
        recipe = ["--size", "64", "--layers", "2", "--steps", "0", "--even-light", share, *both]
        command("fit", "--images", folder, "--backbone", weights, *recipe, "--out", work / "light.snarm")
        facts = json.loads(command("info", "--json", work / "light.snarm"))
        with snarm.Detector.load(work / "light.snarm") as detector:
            assert abs(facts["light"] - detector.info.light) < 1e-6
            assert detector.info.light_share == float(share)
            assert facts["both_lights"] == detector.info.both_lights == bool(both)


def test_map_contrast(good_parts, bad_part, weights, work, command):
    """The rest of a defective picture's map lies further below its largest value; command and package do the same."""
    recipe = dict(width=64, layers=[2], bank_size=100)
    with snarm.Detector.fit(good_parts, weights, **recipe) as plain, snarm.Detector.fit(good_parts, weights, map_contrast=0.5, **recipe) as behind:
        assert (plain.info.map_contrast, behind.info.map_contrast) == (0, 0.5)
        before, after = plain.inspect(bad_part), behind.inspect(bad_part)
        assert before.anomalous and (after.score, after.map.max()) == (before.score, before.map.max())
        excess = (before.score - plain.info.score_low) / (plain.info.threshold - plain.info.score_low)
        expected = before.map.max() * (before.map / before.map.max()) ** (1 + 0.5 * (1 - 1 / excess))
        assert np.abs(after.map - expected).max() < 1e-5 * before.map.max()
    with pytest.raises(snarm.ArgumentError, match="map_contrast is 2, expected -1 or 0..1"):
        snarm.Detector.fit(good_parts, weights, map_contrast=2, **recipe)
    folder = work / "contrast"
    folder.mkdir()
    for number, part in enumerate(good_parts):
        snarm.save_png(folder / f"{number}.png", part)
    for given, expected in (([], None), (["--map-contrast", "0"], None), (["--map-contrast", "0.25"], 0.25)):
        options = ["--size", "64", "--layers", "2", "--steps", "0", *given]
        command("fit", "--images", folder, "--backbone", weights, *options, "--out", work / "contrast.snarm")
        assert json.loads(command("info", "--json", work / "contrast.snarm")).get("map_contrast") == expected
