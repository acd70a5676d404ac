"""Programs that do the same work, timed in turn."""
import statistics
import time
from dataclasses import dataclass, field

REST = 0.05      # seconds between turns: threads of the program before may still spin
LONG_TURN = 0.5  # a run of so many seconds needs no settling run and is not repeated in its turn
TURN = 0.25      # else so many seconds of runs are counted in a turn


class Absent(Exception):
    """Something that a stage or a side needs is not there; the sentence says what to install or to give."""


@dataclass
class Side:
    """One program, ours or another's, doing a piece of work.

    run: does it once. precision: "f32", "bf16", ... gflop: what one run computes, 0: not stated. also: further columns of the table, such as
    recall. same: False where its result is another than the others', so that its time cannot be set beside theirs.
    """

    name: str
    run: object
    ours: bool = False
    precision: str = "f32"
    gflop: float = 0.0
    also: dict = field(default_factory=dict)
    note: str = ""
    same: bool = True


def seconds_of(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def fastest(candidates, tries=3):
    """(name, run) of the candidates that is the fastest after a first run: a peer is shown at its best."""
    best = None
    for name, run in candidates:
        run()
        seconds = min(seconds_of(run) for _ in range(tries))
        if best is None or seconds < best[0]:
            best = seconds, name, run
    return best[1:]


def take_turns(sides, rounds, say=print):
    """Runs all sides in turn, rounds times, and returns a row a side. A short run is repeated within its turn after one that is not
    counted, as the others' data have pushed its own out of the caches."""
    seconds = {side.name: [] for side in sides}
    usual = {}
    for side in sides:
        side.run()
        usual[side.name] = seconds_of(side.run)
    for _ in range(rounds):
        for side in sides:
            time.sleep(REST)
            if usual[side.name] >= LONG_TURN:
                seconds[side.name].append(seconds_of(side.run))
                continue
            side.run()
            for _ in range(max(1, min(50, int(TURN / max(usual[side.name], 1e-6))))):
                seconds[side.name].append(seconds_of(side.run))
    rows = [row(side, seconds[side.name]) for side in sides]
    for values in rows:
        say(f"    {values['name']}: median {values['median_ms']:.2f} ms, minimum {values['minimum_ms']:.2f} ms")
    return rows


def row(side, seconds):
    """What the JSON file keeps of a side."""
    return {
        "name": side.name, "ours": side.ours, "precision": side.precision, "gflop": side.gflop,
        "median_ms": 1e3 * statistics.median(seconds), "minimum_ms": 1e3 * min(seconds), "runs": len(seconds),
        "also": side.also, "note": side.note, "same": side.same,
    }


def table(title, work, rows, checks=()):
    """A table of the page: rows that did the same work. checks: sentences on what was compared before anything was timed."""
    return {"title": title, "work": work, "rows": rows, "checks": list(checks)}


def cosine(a, b):
    """Smallest cosine similarity of rows (rows, channels)."""
    import numpy as np

    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return float(((a * b).sum(-1) / np.maximum(lengths, 1e-300)).min())


def correlation(a, b):
    import numpy as np

    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def demand(what, value, least):
    """A sentence on a comparison that came out well; else the stage ends."""
    if not value >= least:
        raise AssertionError(f"{what} is {value:.6g}, expected at least {least:g}: the programs do not do the same, nothing is timed")
    return f"{what} {value:.6f}"
