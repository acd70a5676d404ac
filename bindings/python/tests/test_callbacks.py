"""Long calls: progress, stopping, exceptions from callbacks and signal handlers, and other threads meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import snarm
from conftest import FIT

VECTORS = np.random.default_rng(1).normal(size=(40000, 64)).astype(np.float32)


def select(progress=None, count=4000):
    """A call of some seconds, unless it is stopped."""
    return snarm.select_coreset(VECTORS, count, projection=-1, threads=1, progress=progress)


def test_progress_of_a_fit(good_folder, weights):
    seen = []
    snarm.Detector.fit(good_folder, weights, progress=lambda *step: seen.append(step), **FIT)
    assert seen and all(isinstance(stage, str) and 0 <= done <= total and total >= 1 for stage, done, total in seen)
    assert "features" in {stage for stage, _, _ in seen}


def test_a_true_value_stops(good_folder, weights):
    with pytest.raises(snarm.Cancelled):
        snarm.Detector.fit(good_folder, weights, progress=lambda *step: True, **FIT)
    calls = []
    with pytest.raises(snarm.Cancelled) as caught:
        select(lambda *step: len(calls) == 1 or calls.append(step))
    assert len(calls) == 1 and caught.value.status == snarm.Status.ERROR_CANCELLED


class Odd(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, Odd])
def test_an_exception_stops_and_is_raised_again(good_folder, weights, kind):
    error = kind("from the callback")

    def progress(*step):
        raise error

    with pytest.raises(kind) as caught:
        snarm.Detector.fit(good_folder, weights, progress=progress, **FIT)
    assert caught.value is error and "progress" in [entry.name for entry in caught.traceback]
    snarm.Detector.fit(good_folder, weights, **FIT).close()  # nothing is left over


def test_an_exception_of_a_sequence_is_raised_again(good_parts, weights):
    class Torn:
        def __len__(self):
            return len(good_parts)

        def __getitem__(self, index):
            if index == 2:
                raise LookupError("no picture today")
            return good_parts[index]

    with pytest.raises(LookupError, match="no picture today"):
        snarm.Detector.fit(Torn(), weights, **FIT)


def test_progress_of_a_training_ends_it_and_keeps_the_weights(good_folder, weights):
    reports = []
    options = snarm.TrainOptions(
        steps=100000, samples=16, batch=2, embedding=8, depth=1, progress=lambda report: reports.append(report) or len(reports) == 3
    )
    fitted = snarm.Detector.fit(good_folder, weights, channels=32, train=options, **FIT)
    assert len(reports) == 3 and all(isinstance(report, snarm.TrainReport) for report in reports)
    assert [report.steps for report in reports] == [100000] * 3 and reports[0].step <= reports[-1].step < 100000
    assert fitted.info.has_scorer and fitted.training.cancelled


def test_an_exception_in_a_training_s_progress_ends_the_fit(good_folder, weights):
    def progress(report):
        raise RuntimeError("enough")

    options = snarm.TrainOptions(steps=100000, samples=16, batch=2, embedding=8, depth=1, progress=progress)
    with pytest.raises(RuntimeError, match="enough"):
        snarm.Detector.fit(good_folder, weights, channels=32, train=options, **FIT)


def later(seconds, function):
    timer = threading.Timer(seconds, function)
    timer.start()
    return timer


def test_ctrl_c_ends_a_call_with_and_without_progress():
    for progress in (None, lambda *step: None):
        timer = later(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            select(progress, count=39000)
        timer.join()
        assert time.monotonic() - start < 30
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_signal_handlers_run_when_they_should():
    times = []

    def raises(number, frame):
        times.append(number)
        raise TimeoutError("too long")

    before = signal.signal(signal.SIGALRM, raises)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeoutError, match="too long"):
            select(count=39000)
        assert times == [signal.SIGALRM] and signal.getsignal(signal.SIGALRM) is raises
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_program_ends_on_ctrl_c():
    """As a user does it: nothing printed but Python's own traceback, and the exit of an interrupted program."""
    code = (
        "import numpy, snarm, sys\n"
        "vectors = numpy.random.default_rng(1).normal(size=(40000, 64)).astype(numpy.float32)\n"
        "snarm.select_coreset(vectors, 39000, projection=-1, threads=1, progress=lambda *step: print(*step, flush=True))\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout.readline().startswith("coreset ")
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors and "ignored" not in errors


def test_calls_from_another_thread_leave_signals_alone():
    found = []

    def run():
        try:
            select(lambda *step: True)
        except snarm.Cancelled as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(found) == 1


def test_other_python_threads_run_during_a_call():
    """A call that has no callback holds the lock from beginning to end, if it holds it."""
    bank = snarm.Bank(VECTORS, threads=1)
    ticks, running = [], threading.Event()

    def tick():
        running.set()
        while running.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    while not ticks:
        time.sleep(0.001)
    start = time.perf_counter()
    bank.search(VECTORS[:4000], 3)
    end = time.perf_counter()
    running.clear()
    thread.join()
    # Far inside the call: the moments of entering and leaving prove nothing.
    inside = [moment for moment in ticks if start + (end - start) * 0.1 < moment < end - (end - start) * 0.1]
    assert end - start > 0.02 and len(inside) >= 1, (end - start, len(inside))


def test_threads_inspect_at_the_same_time(detector, good_parts, bad_part):
    pictures = [*good_parts, bad_part]
    alone = [detector.inspect(picture) for picture in pictures]
    failures, together = [], threading.Barrier(4)

    def run(shift):
        together.wait()
        for i in range(12):
            at = (i + shift) % len(pictures)
            result = detector.inspect(pictures[at])
            if result != alone[at] or result.map.tobytes() != alone[at].map.tobytes():
                failures.append(at)

    threads = [threading.Thread(target=run, args=(shift,)) for shift in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_closing_while_others_inspect(good_parts, weights):
    detector = snarm.Detector.fit(good_parts, weights, **FIT)
    ended, together = [], threading.Barrier(4)

    def run():
        together.wait()
        try:
            while True:
                detector.inspect(good_parts[0])
        except snarm.ArgumentError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    together.wait()
    time.sleep(0.2)
    detector.close()
    for thread in threads:
        thread.join()
    assert ended == ["Detector: used after it was closed"] * 3


def test_errors_are_each_thread_s_own(work):
    def fail(name, out):
        for _ in range(50):
            with pytest.raises(snarm.FileError) as caught:
                snarm.Detector.load(work / name)
            out.append(name in str(caught.value) and str(caught.value) == snarm.last_error())

    results = [[], []]
    threads = [threading.Thread(target=fail, args=(f"missing-{i}.snarm", results[i])) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[True] * 50] * 2
