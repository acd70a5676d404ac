"""Python functions that C calls back: what they raise ends the C call and is raised again in the caller.

An exception cannot pass through C. It is kept, the callback asks C to stop, and ``Call.check`` raises it once C has returned.
Signals need care of their own. Python runs their handlers at the next Python instruction, which during a C call is the first one
of a callback, before any ``try`` there is entered: a KeyboardInterrupt raised at that place would be printed and lost. So the main
thread's handlers are wrapped for as long as the call lasts: they run when they would have run, and what they raise is kept too.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from ctypes import c_void_p, cast
from typing import Any

from . import _abi as abi
from ._constants import Status
from .errors import check

Progress = Callable[[str, int, int], object]
"""``progress(stage, done, total)``: called on the thread that made the call, a few times a second at most. A true value stops the call,
which then raises ``Cancelled``; an exception stops it and is raised again."""


class Call:
    """One C call with callbacks, as a context manager around it."""

    def __init__(self) -> None:
        self.exception: BaseException | None = None
        self._kept: list[Any] = []
        self._handlers: dict[int, Any] = {}
        self._wrapped: dict[int, Any] = {}

    def __enter__(self) -> Call:
        if threading.current_thread() is threading.main_thread():
            for number in signal.valid_signals():
                handler = signal.getsignal(number)
                if callable(handler):
                    wrapped = self._wrap(handler)
                    self._handlers[number], self._wrapped[number] = handler, wrapped
                    signal.signal(number, wrapped)
        return self

    def _wrap(self, handler: Any) -> Callable[[int, Any], None]:
        def run(number: int, frame: Any) -> None:
            try:
                handler(number, frame)
            except BaseException as error:
                self.keep(error)

        return run

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._handlers.items():
            # A callback may have set a handler of its own, which stays.
            if signal.getsignal(number) is self._wrapped[number]:
                signal.signal(number, handler)
        self._handlers.clear()
        self._wrapped.clear()
        # The call was not made, and what a signal said meanwhile must not be lost.
        if exception[0] is not None and self.exception is not None:
            raise self.exception

    def keep(self, error: BaseException) -> None:
        if self.exception is None:
            self.exception = error

    def check(self, status: int) -> None:
        """Raises what a callback raised, else what the status says."""
        self._kept.clear()
        if self.exception is not None:
            error, self.exception = self.exception, None
            raise error
        check(status)

    def held(self, value: Any) -> Any:
        """The value, kept alive until the call has ended."""
        self._kept.append(value)
        return value

    def _guarded(self, function: Callable[[], Any], stopped: Any) -> Any:
        if self.exception is None:
            try:
                result = function()
            except BaseException as error:
                self.keep(error)
            else:
                if self.exception is None:
                    return result
        return stopped

    def progress(self, function: Progress | None) -> Any:
        """A snarm_progress_fn; also without a function of the caller's, so that Ctrl-C ends the call."""

        def report(user: Any, stage: bytes | None, done: int, total: int) -> int:
            def run() -> int:
                return 1 if function is not None and function((stage or b"").decode(), done, total) else 0

            return int(self._guarded(run, 1))

        return self.held(abi.snarm_progress_fn(report))

    def train_progress(self, function: Callable[[Any], object] | None, convert: Callable[[Any], Any]) -> Any:
        """A snarm_train_progress_fn; convert makes the caller's report of the C structure."""

        def report(user: Any, values: Any) -> int:
            def run() -> int:
                return 1 if function is not None and function(convert(values.contents)) else 0

            return int(self._guarded(run, 1))

        return self.held(abi.snarm_train_progress_fn(report))

    def source(
        self,
        source_type: Any,
        sample_type: Any,
        items: Sequence[Any],
        fill: Callable[[Any, Any], Any],
        release: Callable[[Any], None] | None,
        **fields: Any,
    ) -> Any:
        """A snarm_image_source or snarm_train_source over a sequence. fill(sample, item) writes the C structure and returns what must
        stay alive with it, or raises; release(sample) undoes it. Items are asked for when C asks."""
        load_type, release_type = dict(source_type._fields_)["load"], dict(source_type._fields_)["release"]
        alive: dict[int, list[Any]] = {}

        def load(user: Any, index: int, sample: Any) -> int:
            def run() -> int:
                kept = fill(sample.contents, items[index])
                alive.setdefault(_place(sample.contents, sample_type), []).append(kept)
                return int(Status.OK)

            return int(self._guarded(run, int(Status.ERROR_CANCELLED)))

        def drop(user: Any, sample: Any) -> None:
            held = alive.get(_place(sample.contents, sample_type))
            if held:
                held.pop()
            if release is not None:
                release(sample)

        callbacks = load_type(load), release_type(drop)
        return self.held(source_type(count=len(items), load=callbacks[0], release=callbacks[1], **fields))


def _place(sample: Any, sample_type: Any) -> int:
    """Tells samples apart by the address of what they hold, their first field."""
    return cast(getattr(sample, sample_type._fields_[0][0]), c_void_p).value or 0
