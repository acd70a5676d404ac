"""The built-in network: what is used where no weights file is named."""

import os
import pathlib

import numpy as np
import pytest
from conftest import FIT, SIZE

import snarm

# The build's option; wheels have it.
THERE = os.environ.get("SNARM_BUILTIN_NETWORK", "1") != "0"
there = pytest.mark.skipif(not THERE, reason="the library was built without its network")


@there
def test_it_is_the_default_and_has_a_name():
    with snarm.Backbone(width=SIZE, height=SIZE) as plain, snarm.Backbone("builtin", width=SIZE, height=SIZE) as named:
        assert snarm.BUILTIN_BACKBONE == "builtin"
        info = plain.info
        assert info == named.info
        assert info.architecture == "resnet18" and info.layers == (2, 3) and len(info.hash) == 64
        assert info.name and info.licence
        assert all(0 < value < 1 for value in info.mean + info.std)
        planes = np.random.default_rng(1).normal(size=(3, SIZE, SIZE)).astype(np.float32)
        features = plain.features(planes)
        assert features.any() and np.array_equal(features, named.features(planes))


@there
def test_a_fit_needs_no_file(good_parts, good_folder, bad_part, work):
    with snarm.Detector.fit(good_folder, **FIT) as plain:
        score = plain.inspect(bad_part).score
        assert score > plain.info.threshold
        for backbone in (None, snarm.BUILTIN_BACKBONE):
            with snarm.Detector.fit(good_parts, backbone, **FIT) as other:
                assert other.inspect(bad_part).score == score
        plain.save(work / "builtin.snarm")
        assert plain.backbone.info.name
    with snarm.Detector.load(work / "builtin.snarm", threads=2) as loaded:
        assert loaded.inspect(bad_part).score == score
        with snarm.Backbone(width=SIZE) as network:
            assert (loaded.info.backbone.name, loaded.info.backbone.hash) == (network.info.name, network.info.hash)


@pytest.mark.skipif(THERE, reason="the library was built with its network")
def test_without_it_that_is_said(good_parts):
    for call in (snarm.Backbone, lambda: snarm.Backbone("builtin"), lambda: snarm.Detector.fit(good_parts, **FIT)):
        with pytest.raises(snarm.UnsupportedError, match="builtin_network"):
            call()


def test_files_are_told_from_it(weights, work, monkeypatch):
    with snarm.Backbone(weights, layers=[1, 2]) as network:
        assert network.info.name == ""
    for path in ("", "./builtin", pathlib.Path("nowhere") / "builtin"):
        with pytest.raises(snarm.FileError, match="cannot be opened"):
            snarm.Backbone(path)
    (work / "elsewhere").mkdir()
    monkeypatch.chdir(work / "elsewhere")
    os.symlink(weights, "builtin")
    with snarm.Backbone("./builtin", layers=[1, 2]) as network, snarm.Backbone(weights, layers=[1, 2]) as same:
        assert network.info == same.info
    for wrong in (3, False, b"\0", object()):
        with pytest.raises((TypeError, snarm.ArgumentError)):
            snarm.Backbone(wrong)
