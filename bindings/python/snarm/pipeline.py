"""Many pictures through one detector, as an iterator: what ``Detector.inspect_many`` gives.

The library calls a sink with each result, in order; an iterator is asked for them. So the run has a thread of Python's, which hands one
result at a time over to whoever iterates, and waits where that one is slow.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Iterable, Iterator
from ctypes import POINTER, byref, c_char_p, c_float, cast
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _abi as abi
from ._arrays import FloatArray
from ._constants import Status
from ._library import lib
from ._options import options, path_bytes
from .depth import as_depth, open_depth
from .errors import ArgumentError, Error, check, failure, text
from .images import as_image, is_path, open_file
from .result import Result

if TYPE_CHECKING:
    from .detector import Detector

Outcome = Union[Result, Exception]

_runs: weakref.WeakSet[_Run] = weakref.WeakSet()


class _Items:
    """The pictures by their index: of a list or an array from any thread, of an iterator one after the other."""

    def __init__(self, values: Iterable[Any]) -> None:
        self.indexed = isinstance(values, (list, tuple, np.ndarray))
        self._values: Any = values if self.indexed else iter(values)

    def get(self, index: int) -> Any:
        """Raises IndexError or StopIteration behind the last."""
        return self._values[index] if self.indexed else next(self._values)


def _names(values: Any, name: str) -> Any:
    """The C array of a list of paths; None for anything else."""
    if not isinstance(values, (list, tuple)) or not all(map(is_path, values)):
        return None
    return (c_char_p * len(values))(*(path_bytes(value, name) for value in values))


class _Run:
    """One call of snarm_pipeline_run, or of paths alone snarm_pipeline_run_files, on a thread of its own."""

    def __init__(
        self, detector: Detector, pictures: Iterable[Any], depths: Iterable[Any] | None, bgr: bool, choices: dict[str, Any]
    ) -> None:
        how = detector.info.preprocess
        self._detector = detector._handle
        self._shape = (how.height, how.width)
        self._pictures = _Items(pictures)
        self._depths = None if depths is None else _Items(depths)
        names, beside = _names(pictures, "pictures"), _names(depths, "depths")
        self._names = None if names is None or (depths is not None and beside is None) else (names, beside)
        if self._names is not None and beside is not None and len(beside) != len(names):
            raise ArgumentError(f"depths: {len(beside)} of them, expected one for each of {len(names)} pictures")
        self._bgr = bgr
        self._choices = options(abi.snarm_pipeline_options, **choices)
        if self._choices.loaders == 0 and self._pictures.indexed and (self._depths is None or self._depths.indexed):
            self._choices.loaders = max(1, min(16, (self._choices.workers + 3) // 4))
        self._with_map = not choices.get("no_map")
        self._alive: dict[int, Any] = {}  # what C sees, by the picture's index
        self._failed: dict[int, Exception] = {}
        self._broken: BaseException | None = None  # of the iterable itself: it ends the run
        self._ready: Outcome | None = None
        self._ended = self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    # On threads of the library.

    def _fill(self, index: int, image: abi.snarm_image, depth: abi.snarm_depth) -> bool:
        try:
            item = self._pictures.get(index)
        except (IndexError, StopIteration):
            return False
        try:
            beside = None if self._depths is None else self._depths.get(index)
        except (IndexError, StopIteration):
            raise ArgumentError(f"depths: {index} of them, expected one for each picture") from None
        opened, points = None, None
        try:
            opened = open_file(item) if is_path(item) else as_image(item, "pictures: a picture", self._bgr)
            if beside is not None:
                points = open_depth(beside) if is_path(beside) else as_depth(beside, "depths: a depth picture")
        except Exception as error:
            if opened is not None and is_path(item):
                lib.snarm_image_release(byref(opened))
            self._failed[index] = error
            return True
        for target, source in (image, opened), (depth, points):
            if source is not None:
                for field in type(source)._fields_:
                    setattr(target, field[0], getattr(source, field[0]))
        self._alive[index] = item, beside
        return True

    def _load(self, user: Any, index: int, image: Any, depth: Any) -> int:
        try:
            there = not self._closed and self._fill(index, image.contents, depth.contents)
        except BaseException as error:
            self._broken = self._broken or error
            there = False
        if there and index in self._failed:
            return int(getattr(self._failed[index], "status", Status.ERROR_ARGUMENT))
        return int(Status.OK)  # without a picture where there is none: the end

    def _release(self, user: Any, index: int, image: Any, depth: Any) -> None:
        item, beside = self._alive.pop(index)
        # Arrays are their owner's.
        if is_path(item):
            lib.snarm_image_release(image)
        if beside is not None and is_path(beside):
            lib.snarm_depth_release(depth)

    # On the run's own thread.

    def _receive(self, user: Any, item: Any) -> int:
        given = item.contents
        outcome: Outcome
        try:
            if given.status != Status.OK:
                outcome = self._failed.pop(given.index, None) or failure(given.status, text(given.error))
            else:
                values: FloatArray | None = None
                if self._with_map:
                    values = np.ctypeslib.as_array(cast(given.map, POINTER(c_float)), self._shape).copy()
                outcome = Result._of(given.result.contents, values)
        except Exception as error:
            outcome = error
        with self._changed:
            while self._ready is not None and not self._closed:
                self._changed.wait()
            if self._closed:
                return int(Status.ERROR_CANCELLED)
            self._ready = outcome
            self._changed.notify_all()
        return int(Status.OK)

    def _call(self) -> int:
        sink = abi.snarm_pipeline_sink_fn(self._receive)
        if self._names is not None:
            names, beside = self._names
            return int(
                lib.snarm_pipeline_run_files(self._detector, names, beside, len(names), sink, None, byref(self._choices))
            )
        callbacks: dict[str, Any] = {field[0]: field[1] for field in abi.snarm_pipeline_source._fields_}
        load, release = callbacks["load"](self._load), callbacks["release"](self._release)
        source = abi.snarm_pipeline_source(load=load, release=release)
        return int(lib.snarm_pipeline_run(self._detector, byref(source), sink, None, byref(self._choices)))

    def _work(self) -> None:
        try:
            check(self._call())
        except Error as error:
            if not self._closed:
                self._broken = self._broken or error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    # On the thread that iterates.

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def outcomes(self) -> Iterator[Outcome]:
        # A daemon: where the program ends in the middle of an iteration, _close_all ends the run.
        self._thread = threading.Thread(target=self._work, name="snarm.inspect_many", daemon=True)
        _runs.add(self)
        try:
            self._thread.start()
            while True:
                with self._changed:
                    while self._ready is None and not self._ended:
                        self._changed.wait()
                    outcome, self._ready = self._ready, None
                    self._changed.notify_all()
                if outcome is None:
                    break
                yield outcome
        finally:
            self.close()
        if self._broken is not None:
            raise self._broken


@atexit.register
def _close_all() -> None:
    for run in list(_runs):
        run.close()


def outcomes(
    detector: Detector, pictures: Iterable[Any], depths: Iterable[Any] | None, bgr: bool, on_error: str, **choices: Any
) -> Iterator[Any]:
    """The results of the pictures, or what was raised for one; with on_error "raise" the first of these is raised here."""
    if on_error not in ("raise", "return"):
        raise ArgumentError(f"on_error: {on_error!r}, expected 'raise' or 'return'")
    run = _Run(detector, pictures, depths, bgr, choices)

    def results() -> Iterator[Any]:
        for outcome in run.outcomes():
            if on_error == "raise" and isinstance(outcome, Exception):
                raise outcome
            yield outcome

    return results()
