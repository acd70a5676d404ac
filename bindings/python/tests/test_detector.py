"""Detectors: fitted from all kinds of pictures, kept in files, and equal to what the snarm command says."""

import json
import pickle

import numpy as np
import pytest

import snarm
from conftest import FIT, SIZE


def same(first, second):
    assert first == second
    assert first.map.tobytes() == second.map.tobytes()


def test_finds_the_defect(detector, bad_part):
    result = detector.inspect(bad_part)
    assert result.verdict == "anomalous" and result.anomalous
    assert result.score >= result.threshold and 0.5 <= result.normalized < 1
    assert result.map.shape == (SIZE, SIZE) and result.map.dtype == np.float32
    assert result.map.max() == np.float32(result.map_max) == result.map[result.map_y, result.map_x]
    assert 15 <= result.x <= 65 and 20 <= result.y <= 45  # the scratch
    assert result.ms > 0 and result.scorer_ms >= 0
    assert result.map_threshold == result.threshold  # without a scorer


def test_passes_good_parts(detector, good_parts):
    for part in good_parts:
        result = detector.inspect(part)
        assert not result.anomalous and result.verdict == "normal" and result.score < result.threshold and result.normalized < 0.5


def test_fit_is_the_same_from_folder_paths_arrays_and_lazy_sequences(good_folder, good_parts, weights, detector, work):
    class Lazy:
        """Loads a picture each time it is asked for."""

        asked = []

        def __len__(self):
            return len(good_parts)

        def __getitem__(self, index):
            self.asked.append(index)
            return snarm.load_image(good_folder / f"{index:02d}.png")

    paths = sorted(good_folder.iterdir())
    mixed = [str(paths[0]), *good_parts[1:3], paths[3], *good_parts[4:]]
    models = []
    for i, pictures in enumerate([good_folder, str(good_folder), paths, good_parts, tuple(good_parts), np.stack(good_parts), mixed, Lazy()]):
        model = work / f"same{i}.snarm"
        with snarm.Detector.fit(pictures, weights, **FIT) as fitted:
            fitted.save(model)
        models.append(model.read_bytes())
    assert all(model == models[0] for model in models)
    assert len(set(Lazy.asked)) == len(good_parts)


def test_array_and_path_give_the_same(detector, bad_part, bad_file):
    same(detector.inspect(bad_part), detector.inspect(bad_file))
    same(detector.inspect(bad_part), detector.inspect(str(bad_file)))


def test_bgr(detector, good_folder, good_parts, weights, bad_part):
    same(detector.inspect(bad_part), detector.inspect(bad_part[..., ::-1].copy(), bgr=True))
    reversed_parts = [part[..., ::-1].copy() for part in good_parts]
    other = snarm.Detector.fit(reversed_parts, weights, bgr=True, **FIT)
    same(detector.inspect(bad_part), other.inspect(bad_part))


def test_rgba_and_grey(detector, bad_part):
    alpha = np.dstack([bad_part, np.full(bad_part.shape[:2], 9, np.uint8)])
    same(detector.inspect(bad_part), detector.inspect(alpha))
    grey = bad_part[..., 1].copy()
    same(detector.inspect(grey), detector.inspect(np.dstack([grey] * 3)))


def test_saved_and_loaded(detector, bad_part, work):
    detector.save(work / "part.snarm")
    with snarm.Detector.load(work / "part.snarm", threads=2) as loaded:
        same(detector.inspect(bad_part), loaded.inspect(bad_part))
        assert loaded.info == detector.info
        assert loaded.scores.tolist() == detector.scores.tolist()


def test_map_is_left_out_or_put_where_it_is_wanted(detector, bad_part):
    whole = detector.inspect(bad_part)
    without = detector.inspect(bad_part, with_map=False)
    assert without.map.shape == (0, 0) and without == whole
    out = np.zeros((SIZE, SIZE), np.float32)
    result = detector.inspect(bad_part, out=out)
    assert result.map is out and out.tobytes() == whole.map.tobytes()
    with pytest.raises(snarm.ArgumentError, match=r"out: shape \(64, 63\), expected \(64, 64\)"):
        detector.inspect(bad_part, out=np.zeros((64, 63), np.float32))
    out.flags.writeable = False
    with pytest.raises(snarm.ArgumentError, match="out: read-only"):
        detector.inspect(bad_part, out=out)


def test_map_at_the_picture_s_size(detector, bad_part):
    result = detector.inspect(bad_part)
    placed = detector.map_to_image(result.map, 96, 72)
    assert placed.shape == (72, 96)
    y, x = np.unravel_index(placed.argmax(), placed.shape)
    assert abs(x - result.x) <= 2 and abs(y - result.y) <= 2
    with pytest.raises(snarm.ArgumentError, match="map: shape"):
        detector.map_to_image(placed, 96, 72)
    with pytest.raises(snarm.ArgumentError, match="width, height: 0 x 72"):
        detector.map_to_image(result.map, 0, 72)


def test_result_is_plain_data(detector, bad_part):
    result = detector.inspect(bad_part)
    same(result, pickle.loads(pickle.dumps(result)))
    assert "map=" not in repr(result) and "verdict='anomalous'" in repr(result)


def test_info(detector, good_parts, weights):
    info = detector.info
    assert info.backbone.architecture == "resnet18" and info.backbone.layers == (1, 2) and not info.backbone.pooled
    assert len(info.backbone.hash) == 64 and info.backbone.mean == pytest.approx((0.485, 0.456, 0.406))
    assert (info.preprocess.width, info.preprocess.height) == (SIZE, SIZE)
    assert (info.preprocess.resize_width, info.preprocess.resize_height) == (SIZE, SIZE)
    assert info.bank_count == len(detector.bank) == 200
    assert info.image_count == len(good_parts) == len(detector.scores)
    assert info.has_scorer is False and detector.training is None and detector.scorer is None and detector.residual is None
    assert info.library_version == snarm.library_version() and info.threads == 2 and info.neighbours == 1
    assert (info.tile_width, info.tile_columns) == (0, 0)
    assert (info.scores if hasattr(info, "scores") else detector.scores).max() < info.threshold


def test_options_reach_the_library(good_folder, weights):
    fitted = snarm.Detector.fit(
        good_folder, weights, width=64, height=48, resize_width=80, layers=[2], channels=16, neighbourhood=1, bank_size=50, neighbours=2,
        smoothing=-1, false_alarm_rate=0.2, seed=7, feature_memory=-1, threads=1, search="exact",
    )
    info = fitted.info
    assert (info.preprocess.width, info.preprocess.height, info.preprocess.resize_width) == (64, 48, 80)
    assert (info.backbone.layers, info.backbone.channels, info.backbone.neighbourhood) == ((2,), 16, 1)
    assert (info.bank_count, info.neighbours, info.smoothing, info.false_alarm_rate) == (50, 2, 0.0, 0.2)
    assert (info.seed, info.threads) == (7, 1)


def test_precision(trained, good_parts, weights, bad_part, work):
    """What is asked for reaches every part, and moves scores by little."""
    trained.save(work / "precise.snarm")
    scores = {}
    for name in ("f32", "bf16", "int8", "auto", None):
        loaded = snarm.Detector.load(work / "precise.snarm", precision=name)
        network, heads, search = loaded.backbone.info, loaded.scorer.info, loaded.bank.search_info
        assert loaded.info.backbone == network
        if name == "f32":
            assert (network.precision, heads.precision, search.precision) == ("f32", "f32", "f32")
            assert network.precision_note == heads.precision_note == search.precision_note == ""
        else:
            assert network.precision in ("f32", "bf16") and (network.precision == "f32") == bool(network.precision_note)
            assert (heads.precision, heads.precision_note) == (network.precision, network.precision_note)
        scores[name] = loaded.inspect(bad_part).score
    assert scores["auto"] == scores[None]
    assert all(score == pytest.approx(scores["f32"], rel=0.02) for score in scores.values())
    fitted = snarm.Detector.fit(good_parts, weights, precision="f32", **FIT)
    assert fitted.backbone.info.precision == fitted.bank.search_info.precision == "f32"
    assert fitted.bank.search_info.precision_note == ""
    network = snarm.Backbone(weights, width=64, height=64, layers=[1, 2], precision=snarm.Precision.F32)
    assert network.info.precision == "f32"
    with pytest.raises(snarm.ArgumentError, match="precision: 'half'"):
        snarm.Backbone(weights, precision="half")
    with pytest.raises(snarm.ArgumentError, match="precision: 'half'"):
        snarm.Scorer("absent", grid_width=8, grid_height=8, precision="half")
    with pytest.raises(snarm.ArgumentError, match="precision: ''"):
        snarm.Detector.load(work / "precise.snarm", precision="")


def test_tiles(good_parts, weights, bad_part):
    tiled = snarm.Detector.fit(
        good_parts, weights, layers=[1, 2], width=96, height=72, tile_width=48, tile_height=40, tile_overlap=8, bank_size=100
    )
    info = tiled.info
    assert (info.tile_width, info.tile_height, info.tile_overlap) == (48, 40, 8) and info.tile_columns >= 2
    assert tiled.inspect(bad_part).map.shape == (72, 96)


def test_trained(trained, bad_part, work):
    report = trained.training
    assert report.step == report.steps == 6 and not report.cancelled and report.loss == report.loss
    assert trained.info.has_scorer and 0 < trained.info.score_share <= 1
    assert trained.info.score_floor == 1 and trained.info.usual_floor > 0 and trained.info.score_window == 16  # of few pictures
    assert trained.inspect(bad_part).map.shape == (SIZE, SIZE)


def test_textures(good_folder, good_parts, weights):
    options = snarm.TrainOptions(steps=2, samples=16, batch=2, embedding=8, depth=1)
    asked = []

    class Textures:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            asked.append(index)
            return np.random.default_rng(index).integers(0, 255, (40, 40), dtype=np.uint8)

    fitted = snarm.Detector.fit(good_folder, weights, channels=32, train=options, textures=Textures(), **FIT)
    assert fitted.training.step == 2 and asked


def test_same_as_the_command(command, good_folder, bad_file, weights, detector, bad_part, work):
    fit = ["--steps", "0", "--size", SIZE, "--layers", "1,2", "--bank-size", 200, "--threads", 2, "--quiet"]
    command("fit", "--images", good_folder, "--backbone", weights, *fit, "--out", work / "command.snarm")
    detector.save(work / "python.snarm")
    assert (work / "command.snarm").read_bytes() == (work / "python.snarm").read_bytes()
    line = json.loads(command("inspect", "--model", work / "command.snarm", "--format", "json", "--heatmaps", work / "heat", bad_file))
    result = detector.inspect(bad_part)
    assert line["verdict"] == result.verdict
    for key, value in (("score", result.score), ("normalized", result.normalized), ("threshold", result.threshold)):
        assert line[key] == pytest.approx(value, rel=1e-6)
    assert line["map_max"] == pytest.approx([result.x, result.y], rel=1e-6)
    drawn = snarm.load_image(work / "heat" / "bad.png")
    assert drawn.tobytes() == detector.heatmap(bad_part, result).tobytes() == detector.heatmap(bad_file).tobytes()


def test_refuses(detector, good_parts, weights, work):
    (work / "empty").mkdir()
    with pytest.raises(snarm.ArgumentError, match="empty holds no picture"):
        snarm.Detector.fit(work / "empty", weights)
    with pytest.raises(snarm.FileError, match="nowhere"):
        snarm.Detector.fit(work / "nowhere", weights)
    with pytest.raises(snarm.FileError, match="nothing.safetensors"):
        snarm.Detector.fit(good_parts, work / "nothing.safetensors")
    with pytest.raises(snarm.ArgumentError, match="a single picture goes into a list"):
        snarm.Detector.fit(good_parts[0], weights)
    with pytest.raises(TypeError, match="images: generator, expected a folder, a sequence or an array"):
        snarm.Detector.fit((part for part in good_parts), weights)
    with pytest.raises(snarm.ArgumentError, match="a picture: dtype float64"):
        snarm.Detector.fit([part / 255 for part in good_parts], weights, **FIT)
    with pytest.raises(snarm.ArgumentError, match="count is 0"):
        snarm.Detector.fit([], weights, **FIT)
    with pytest.raises(snarm.ArgumentError, match="search: 'fast', expected one of 'auto', 'exact'"):
        snarm.Detector.fit(good_parts, weights, search="fast")
    with pytest.raises(snarm.ArgumentError, match="precision: 'f64', expected one of 'auto', 'f32', 'bf16', 'int8'"):
        snarm.Detector.fit(good_parts, weights, precision="f64")
    with pytest.raises(snarm.ArgumentError, match="width: 4294967296, expected -2147483648..2147483647"):
        snarm.Detector.fit(good_parts, weights, width=2**32)
    with pytest.raises(TypeError, match="width: float, expected a whole number"):
        snarm.Detector.fit(good_parts, weights, width=64.0)
    with pytest.raises(snarm.ArgumentError, match="seed: -1, expected 0.."):
        snarm.Detector.fit(good_parts, weights, seed=-1)
    with pytest.raises(snarm.ArgumentError, match="layers: 65 of them, expected at most 64"):
        snarm.Detector.fit(good_parts, weights, layers=[2] * 65)
    with pytest.raises(TypeError, match="Detector.fit"):
        snarm.Detector()
    with pytest.raises(snarm.ArgumentError, match="holds a zero byte"):
        snarm.Detector.load("a\0b")
    with pytest.raises(TypeError, match="path: int, expected a path"):
        snarm.Detector.load(3)
    (work / "broken.snarm").write_bytes(b"no model")
    with pytest.raises(snarm.FormatError, match="broken.snarm") as caught:
        snarm.Detector.load(work / "broken.snarm")
    assert isinstance(caught.value, ValueError) and caught.value.status == snarm.Status.ERROR_FORMAT
    assert str(caught.value) == snarm.last_error()


def test_a_file_that_cannot_be_read_ends_a_fit(good_folder, weights, work):
    (work / "torn.png").write_bytes((good_folder / "00.png").read_bytes()[:200])
    for pictures in ([str(good_folder / "01.png"), str(work / "torn.png")], [snarm.load_image(good_folder / "01.png"), work / "torn.png"]):
        with pytest.raises(snarm.Error, match="torn.png"):
            snarm.Detector.fit(pictures, weights, **FIT)
