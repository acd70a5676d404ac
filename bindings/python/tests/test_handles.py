"""The four handles against each other, their lifetime, and what closed ones say."""

import copy
import gc
import weakref

import numpy as np
import pytest

import snarm
from conftest import FIT, SIZE, paint


def test_the_parts_give_the_detector_s_map(detector, bad_part):
    result = detector.inspect(bad_part)
    info, how = detector.backbone.info, detector.info.preprocess
    features = detector.backbone.features(snarm.preprocess(bad_part, how))
    assert features.shape == (info.patches, info.channels)
    distances, found = detector.bank.search(features, 1)
    assert distances.shape == found.shape == (info.patches, 1)
    values = snarm.maps.from_patches(distances[:, 0].copy(), info.grid_width, info.grid_height, how.width, how.height)
    snarm.maps.smooth(values, detector.info.smoothing)
    assert np.abs(values - result.map).max() <= 1e-5 * result.map_max
    score = snarm.maps.score(values)
    assert score.score == pytest.approx(result.score, rel=1e-5) and values[score.y, score.x] > 0


def test_the_parts_of_a_detector_with_a_scorer_give_its_map(trained, bad_part):
    info, how = trained.info, trained.info.preprocess
    grid = info.backbone
    features = trained.backbone.features(snarm.preprocess(bad_part, how))
    inter = trained.residual.inter(trained.bank, features)
    hybrid = trained.residual.hybrid(features, inter)
    assert hybrid.hybrid.shape == (grid.patches, 2 * grid.channels)
    assert hybrid.reference.sum() == round(0.75 * grid.patches)
    assert ((hybrid.navigator > 0) & (hybrid.navigator < 1)).all()
    logits = trained.scorer.logits(hybrid.hybrid, hybrid.reference)
    about = trained.scorer.info
    assert logits.shape == (about.maps, grid.patches) and about.maps == about.branches * about.scans
    assert (trained.scorer.logits(hybrid.hybrid, hybrid.reference.astype(bool)) == logits).all()
    distances, _ = trained.bank.search(features, info.neighbours)
    trained.scorer.add_prior(distances.mean(axis=1), logits)
    values = snarm.maps.from_logits(logits, grid.grid_width, grid.grid_height, how.width, how.height)
    snarm.maps.smooth(values, info.smoothing)
    result = trained.inspect(bad_part)
    assert info.map_contrast == 0.2 and result.anomalous
    excess = (result.score - info.score_low) / (info.threshold - info.score_low)
    snarm.maps.contrast(values, 1 + info.map_contrast * (1 - 1 / excess))
    assert np.abs(values - result.map).max() < 1e-5
    for changed, message in ((values - 1, "expected 0..1"), (values, "factor is 0.5, expected 1..100")):
        with pytest.raises(snarm.ArgumentError, match=message):
            snarm.maps.contrast(changed, 0.5 if changed is values else 2)


def test_parts_made_by_hand_are_those_of_the_detector(trained, detector, weights, bad_part, work):
    network = snarm.Backbone(weights, width=SIZE, height=SIZE, layers=[1, 2], channels=-1, threads=2)
    assert network.info == detector.info.backbone
    planes = snarm.preprocess(bad_part, network.info.preprocess)
    assert (network.features(planes) == detector.backbone.features(planes)).all()
    coverage = network.coverage()
    assert coverage.shape == (network.info.patches,) and 0.4 < coverage[0] < coverage[1] < 1 == coverage.max()
    bank = snarm.Bank(detector.bank.vectors, detector.bank.images)
    queries = detector.backbone.features(planes)
    assert (bank.search(queries, 3)[1] == detector.bank.search(queries, 3)[1]).all()
    weight, bias = trained.scorer.navigator
    about = trained.scorer.info
    assert weight.shape == (about.channels,) and not weight.flags.writeable
    engine = snarm.ResidualEngine(
        weight, bias, patches=about.patches, neighbours=trained.info.neighbours, reference_ratio=about.reference_ratio, scale=about.residual_scale
    )
    features = trained.backbone.features(planes)
    inter = engine.inter(trained.bank, features)
    assert (inter == trained.residual.inter(trained.bank, features)).all()
    for ours, theirs in zip(engine.hybrid(features, inter), trained.residual.hybrid(features, inter)):
        assert (ours == theirs).all()


def test_banks(work):
    random = np.random.default_rng(3)
    first, second = (random.normal(size=(50, 6)).astype(np.float32) for _ in range(2))
    images = np.repeat(np.arange(10, dtype=np.int32), 5)
    bank = snarm.Bank(first, images, threads=1)
    assert (len(bank), bank.channels, bank.image_count, bool(bank)) == (50, 6, 10, True)
    assert (bank.vectors == first).all() and (bank.images == images).all()
    distances, found = bank.search(first[:5], 2)
    assert (found[:, 0] == np.arange(5)).all() and (distances[:, 0] == 0).all()
    expected = np.sort(np.linalg.norm(second[:, None] - first[None], axis=2), axis=1)[:, :4]
    assert np.abs(bank.search(second, 4)[0] - expected).max() < 1e-5
    assert (images[bank.search(first, 3, exclude=4)[1]] != 4).all()
    merged = snarm.Bank.merge([bank, snarm.Bank(second, images)])
    assert len(merged) == 100 and merged.image_count == 20 and (merged.vectors[50:] == second).all() and merged.images[50] == 10
    added = bank.add(second, images)
    assert (added.vectors == merged.vectors).all() and (added.images == merged.images).all()
    bank.save(work / "bank.safetensors")
    loaded = snarm.Bank.load(work / "bank.safetensors", exact=True)
    assert (loaded.vectors == first).all() and loaded.search_info == snarm.BankSearch(0, 1.0, "f32", 0, 0, "")
    assert bank.tune(second, 2, 0.9) == bank.search_info
    with pytest.raises(snarm.ArgumentError, match="vectors: 5 channels, expected the bank's 6"):
        bank.add(np.zeros((3, 5), np.float32))
    with pytest.raises(TypeError, match=r"banks\[1\]: ndarray, expected a snarm.Bank"):
        snarm.Bank.merge([bank, first])
    with pytest.raises(snarm.ArgumentError, match="k: 0, expected 1"):
        bank.search(first, 0)
    with pytest.raises(snarm.MismatchError):
        snarm.Bank.merge([bank, snarm.Bank(np.zeros((3, 5), np.float32))])


def test_precision_of_banks(work):
    vectors = np.random.default_rng(6).normal(size=(3000, 96)).astype(np.float32)
    plain = snarm.Bank(vectors, precision="f32")
    plain.save(work / "precise.bank")
    used = set()
    for precision in ("auto", "f32", "bf16", "int8", None, snarm.Precision.INT8):
        for bank in (
            snarm.Bank(vectors, precision=precision),
            snarm.Bank.load(work / "precise.bank", precision=precision),
            snarm.Bank.merge([plain], precision=precision),
            plain.add(vectors[:1], precision=precision),
        ):
            bank.tune(vectors[:100], 1, 1e-6)
            about = bank.search_info
            assert about.axes > 0
            if precision in ("f32", "bf16"):
                assert (about.precision, about.precision_note) == ("f32", "")
            else:  # where the processor has no such instructions, the note says so
                assert about.precision == "int8" and about.precision_note == "" or about.precision == "f32" and about.precision_note
                used.add(about.precision)
            distances, found = bank.search(vectors[:50], 1)
            assert (found[:, 0] == np.arange(50)).all() and (distances == 0).all()
    assert len(used) == 1
    for make in (
        lambda name: snarm.Bank(vectors, precision=name),
        lambda name: snarm.Bank.load(work / "precise.bank", precision=name),
        lambda name: snarm.Bank.merge([plain], precision=name),
        lambda name: plain.add(vectors[:1], precision=name),
    ):
        with pytest.raises(snarm.ArgumentError, match="precision: 'f16', expected one of 'auto', 'f32', 'bf16', 'int8'"):
            make("f16")


def test_coreset():
    vectors = np.random.default_rng(4).normal(size=(300, 10)).astype(np.float32)
    chosen = snarm.select_coreset(vectors, 20, projection=-1, seed=5)
    assert chosen.dtype == np.uintp and len(set(chosen.tolist())) == 20
    distance = np.linalg.norm(vectors - vectors[chosen[0]], axis=1)
    for index in chosen[1:].tolist():
        assert distance[index] == pytest.approx(distance.max(), rel=1e-6)
        distance = np.minimum(distance, np.linalg.norm(vectors - vectors[index], axis=1))
    assert (snarm.select_coreset(vectors, 20, projection=-1, seed=5) == chosen).all()
    assert len(snarm.select_coreset(np.ones((9, 3), np.float32), 5)) == 1
    assert sorted(snarm.select_coreset(vectors[:4], 100)) == [0, 1, 2, 3]


def test_maps():
    values = np.random.default_rng(5).random((20, 30)).astype(np.float32)
    assert snarm.maps.resize(values, 60, 40).shape == (40, 60)
    assert (snarm.maps.resize(values, 30, 20) == values).all()
    before = values.copy()
    snarm.maps.smooth(values, 0)
    assert (values == before).all()
    snarm.maps.smooth(values, 2.0, threads=1)
    assert values.std() < before.std()
    assert snarm.maps.from_logits(np.zeros((16, 12), np.float32), 4, 3, 40, 30).tolist() == np.full((30, 40), 0.5).tolist()
    with pytest.raises(snarm.ArgumentError, match=r"logits: shape \(16, 12\), expected \(maps, 15\)"):
        snarm.maps.from_logits(np.zeros((16, 12), np.float32), 5, 3, 40, 30)
    with pytest.raises(snarm.ArgumentError, match="sigma is 65"):
        snarm.maps.smooth(values, 65)
    with pytest.raises(snarm.ArgumentError, match="width, height: 0 x 4"):
        snarm.maps.resize(values, 0, 4)


BAD = [
    (lambda a: a.astype(np.float64), r"queries: dtype float64, expected float32 \(array.astype\(numpy.float32\) converts\)"),
    (lambda a: a.astype(">f4"), "queries: dtype >f4, expected float32"),
    (lambda a: a.astype(np.float16), "queries: dtype float16"),
    (lambda a: a[0], r"queries: shape \(6,\), expected \(count, 6\)"),
    (lambda a: a[:, :5].copy(), r"queries: shape \(10, 5\), expected \(count, 6\)"),
    (lambda a: a[None], r"queries: shape \(1, 10, 6\)"),
    (lambda a: a[::2], r"queries: layout of strides \(48, 4\) for shape \(5, 6\), expected rows without gaps"),
    (lambda a: np.asfortranarray(a), "queries: layout"),
    (lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(np.float32).reshape(a.shape), "queries: layout"),
]


@pytest.mark.parametrize("change, words", BAD)
def test_arrays_of_other_types_shapes_and_layouts_are_refused(change, words):
    vectors = np.random.default_rng(6).normal(size=(10, 6)).astype(np.float32)
    with pytest.raises(snarm.ArgumentError, match=words):
        snarm.Bank(vectors).search(change(vectors), 2)


def test_more_arrays_that_are_refused(detector, trained):
    with pytest.raises(TypeError, match=r"vectors: list, expected a numpy array of float32 and shape \(M, C\)"):
        snarm.Bank([[1.0, 2.0]])
    with pytest.raises(snarm.ArgumentError, match="images: dtype int64, expected int32"):
        snarm.Bank(np.zeros((3, 2), np.float32), np.zeros(3, np.int64))
    with pytest.raises(snarm.ArgumentError, match=r"images: shape \(2,\), expected \(3,\)"):
        snarm.Bank(np.zeros((3, 2), np.float32), np.zeros(2, np.int32))
    with pytest.raises(snarm.ArgumentError, match=r"planes: shape \(3, 64, 32\), expected \(3, 64, 64\)"):
        detector.backbone.features(np.zeros((3, 64, 32), np.float32))
    with pytest.raises(snarm.ArgumentError, match="features: shape"):
        trained.residual.inter(trained.bank, np.zeros((3, 32), np.float32))
    with pytest.raises(TypeError, match="bank: Detector, expected a snarm.Bank"):
        trained.residual.inter(trained, np.zeros((64, 32), np.float32))
    with pytest.raises(snarm.ArgumentError, match="reference: dtype int64, expected uint8"):
        trained.scorer.logits(np.zeros((64, 64), np.float32), np.ones(64, np.int64))
    with pytest.raises(snarm.ArgumentError, match="reference"):
        trained.scorer.logits(np.zeros((64, 64), np.float32), np.ones(64, np.uint8))
    with pytest.raises(snarm.ArgumentError, match="finite"):
        snarm.Bank(np.full((2, 2), np.nan, np.float32))


def test_closed_handles_say_so(weights, good_parts):
    detector = snarm.Detector.fit(good_parts, weights, **FIT)
    bank = snarm.Bank(np.zeros((2, 2), np.float32))
    with snarm.PixelMetrics() as pixels, bank as same:
        assert same is bank
    detector.close()
    detector.close()
    assert detector.closed and bank.closed and pixels.closed and repr(bank) == "<snarm.Bank (closed)>"
    for use in (lambda: detector.inspect(good_parts[0]), lambda: detector.info, lambda: detector.save("x"), lambda: detector.bank,
                lambda: detector.__enter__()):
        with pytest.raises(snarm.ArgumentError, match="Detector: used after it was closed"):
            use()
    with pytest.raises(snarm.ArgumentError, match="Bank: used after it was closed"):
        snarm.Bank.merge([bank])
    with pytest.raises(snarm.ArgumentError, match="PixelMetrics: used after it was closed"):
        pixels.finish()


def test_parts_and_views_keep_their_owner(weights, good_parts):
    detector = snarm.Detector.fit(good_parts, weights, **FIT)
    owner = weakref.ref(detector._owner)
    bank, scores, network = detector.bank, detector.scores, detector.backbone
    detector.close()
    del detector
    gc.collect()
    assert owner() is not None
    vectors = bank.vectors[3:10]
    before = vectors.copy()
    bank.close()
    del bank
    gc.collect()
    assert owner() is not None and (vectors == before).all() and np.isfinite(scores).all() and network.info.architecture == "resnet18"
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 1
    del vectors, scores
    network.close()
    gc.collect()
    assert owner() is None


def test_handles_are_freed_without_being_closed():
    owners = []
    for _ in range(20):
        bank = snarm.Bank(np.zeros((4, 4), np.float32))
        owners.append(weakref.ref(bank._owner))
    del bank
    gc.collect()
    assert [owner() for owner in owners] == [None] * 20


def test_copies_share_the_handle():
    bank = snarm.Bank(np.eye(4, dtype=np.float32))
    other = copy.copy(bank)
    bank.close()
    assert len(other) == 4


def test_memory_does_not_grow(detector, bad_file):
    resource = pytest.importorskip("resource")
    part, vectors = paint(3), detector.bank.vectors
    for round in range(4):
        for _ in range(10):
            detector.inspect(part)
            detector.heatmap(part)
            snarm.load_image(bad_file)
            for _ in range(20):
                snarm.Bank(vectors)
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if round == 1:
            before = now
    assert now - before < 8192  # KiB; of leaked banks a round would leave 30,000
