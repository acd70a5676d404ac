"""Detector.inspect_many: what inspect says of each, in order, whatever iterates and however it ends."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import snarm
from conftest import FIT


def parts_of(good_parts, bad_part):
    return [*good_parts, bad_part, *good_parts[::-1]]


@pytest.fixture(scope="module")
def expected(detector, good_parts, bad_part):
    return [detector.inspect(part) for part in parts_of(good_parts, bad_part)]


def same(found, expected):
    found = list(found)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == other and one.map.tobytes() == other.map.tobytes()


@pytest.mark.parametrize("workers", [None, 1, 2, 4, 8])
def test_results_of_inspect(detector, good_parts, bad_part, expected, workers):
    parts = parts_of(good_parts, bad_part)
    same(detector.inspect_many(parts, workers=workers), expected)
    same(detector.inspect_many(iter(parts), workers=workers, ahead=5), expected)
    same(detector.inspect_many((part for part in parts), workers=workers, ahead=1), expected)
    same(detector.inspect_many(np.stack(parts), workers=workers), expected)
    same(detector.inspect_many([part[..., ::-1].copy() for part in parts], bgr=True, workers=workers), expected)
    for result, other in zip(detector.inspect_many(parts, workers=workers, with_map=False), expected, strict=True):
        assert result == other and result.map.shape == (0, 0) and result.ms > 0


def test_folders_and_paths(detector, good_folder, bad_file, good_parts):
    paths = sorted(good_folder.iterdir())
    expected = [detector.inspect(path) for path in paths]
    same(detector.inspect_many(good_folder, workers=2), expected)
    same(detector.inspect_many(paths, workers=5), expected)
    same(detector.inspect_many((str(path) for path in paths), workers=5), expected)
    same(detector.inspect_many([paths[0], good_parts[1], str(bad_file)]), [*expected[:2], detector.inspect(bad_file)])
    assert list(detector.inspect_many([])) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_failures(detector, good_parts, bad_part, work, workers):
    broken = work / "broken.png"
    broken.write_bytes(b"no picture")
    pictures = [good_parts[0], work / "absent.png", good_parts[1], broken, np.zeros((4, 4), np.float32), None, bad_part]
    found = list(detector.inspect_many(pictures, workers=workers, on_error="return"))
    kinds = [snarm.Result, snarm.FileError, snarm.Result, snarm.FormatError, snarm.ArgumentError, TypeError, snarm.Result]
    assert [type(one) for one in found] == kinds
    assert "absent.png" in str(found[1]) and "float32" in str(found[4])
    assert found[6] == detector.inspect(bad_part)
    iterator = detector.inspect_many(pictures, workers=workers)
    assert next(iterator) == found[0]
    with pytest.raises(snarm.FileError, match="absent.png"):
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)


def test_an_iterable_that_raises(detector, good_parts):
    def pictures():
        yield from good_parts[:3]
        raise KeyError("the camera")

    found = []
    with pytest.raises(KeyError, match="the camera"):
        for result in detector.inspect_many(pictures(), on_error="return"):
            found.append(result)
    assert len(found) == 3


def test_memory_is_bounded_and_leaving_ends_it(detector, good_parts):
    asked = []

    def pictures():
        for number in range(10_000):
            asked.append(number)
            yield good_parts[number % len(good_parts)]

    before = threading.active_count()
    for number, result in enumerate(detector.inspect_many(pictures(), workers=2, ahead=3)):
        assert result == detector.inspect(good_parts[number % len(good_parts)])
        # In memory: with the workers, ahead, and at the sink; one lies ready, and one is this.
        assert len(asked) <= number + 2 + 3 + 1 + 2
        if number == 20:
            break
    assert threading.active_count() == before
    iterator = detector.inspect_many(pictures())
    next(iterator)
    iterator.close()
    assert threading.active_count() == before


def test_wrong_arguments(detector, good_parts):
    with pytest.raises(snarm.ArgumentError, match="workers is 65"):
        list(detector.inspect_many(good_parts, workers=65))
    with pytest.raises(snarm.ArgumentError, match="on_error: 'skip'"):
        detector.inspect_many(good_parts, on_error="skip")
    with pytest.raises(TypeError, match="pictures: int"):
        detector.inspect_many(3)
    found = list(detector.inspect_many(good_parts[:1], [np.zeros((4, 4, 3), np.float32)], on_error="return"))
    assert isinstance(found[0], snarm.ArgumentError) and "without depth pictures" in str(found[0])


def test_depth(good_parts, weights):
    y, x = np.mgrid[0:72, 0:96].astype(np.float32)
    depths = [np.stack([x, y, 300 + 0.01 * x - 0.1 * i * (x > 40)], axis=-1).astype(np.float32) for i in range(3)]
    with snarm.Detector.fit(good_parts[:3], weights, depths=depths, **FIT) as both:
        expected = [both.inspect(part, depth) for part, depth in zip(good_parts, depths, strict=False)]
        same(both.inspect_many(good_parts[:3], depths, workers=2), expected)
        same(both.inspect_many(iter(good_parts[:3]), iter(depths)), expected)
        with pytest.raises(snarm.ArgumentError, match="depths: 1 of them"):
            list(both.inspect_many(good_parts[:3], depths[:1]))
        found = list(both.inspect_many(good_parts[:2], on_error="return"))
        assert all("has none" in str(one) for one in found)


def test_closed_detectors(good_parts, weights, detector, work):
    detector.save(work / "closing.snarm")
    other = snarm.Detector.load(work / "closing.snarm", threads=1, pin=True)
    iterator = other.inspect_many(good_parts)
    next(iterator)
    other.close()  # what runs keeps the handle
    assert len(list(iterator)) == len(good_parts) - 1
    with pytest.raises(snarm.ArgumentError, match="closed"):
        other.inspect_many(good_parts)


def test_a_program_that_ends_in_the_middle(good_folder, detector, work):
    detector.save(work / "ending.snarm")
    program = (
        "import sys, snarm\n"
        "iterator = snarm.Detector.load(sys.argv[1]).inspect_many([sys.argv[2]] * 1000, workers=2)\n"
        "print(next(iterator).verdict)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(work / "ending.snarm"), str(good_folder / "00.png")], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "normal\n", "")
