"""snarm inspect --watch from outside: every part gets one line, whatever happens to the watch.

usage: test_watch.py SNARM MAKE_PARTS [TEST]...
"""

import concurrent.futures
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse

import sample_files as sample
from test_cli import SNARM, CommandCase, Shared

KEYS = ["file", "score", "normalized", "verdict", "threshold", "ms", "map_max", "error", "time", "path", "size", "mtime"]


def part_bytes(folder, number):
    """A PNG file's bytes, another for every number."""
    path = sample.png(
        os.path.join(folder, "one"), 48, 32, lambda x, y: ((number * 37 + x * 5) % 256, (y * 7) % 256, number % 256)
    )
    return sample.read(path)


def wait_for(condition, seconds=120):
    """Waits until it is true, and says whether it is."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class WatchCase(CommandCase):
    def setUp(self):
        super().setUp()
        self.line = self.path("line")
        self.log = self.path("log.jsonl")
        os.mkdir(self.line)
        self.watches = []

    def tearDown(self):
        for watch in self.watches:
            if watch.poll() is None:
                watch.kill()
                watch.wait()
        super().tearDown()

    def start(self, *more, quiet=True):
        """A watch; its stdout and stderr go to new files, out0 and err0, out1 and err1, ..."""
        number = len(self.watches)
        with open(self.path(f"out{number}"), "wb") as out, open(self.path(f"err{number}"), "wb") as err:
            watch = subprocess.Popen(
                [SNARM, "inspect", "--model", Shared.model, "--threads", "1", "--watch", self.line]
                + ["--quiet"] * quiet
                + list(more),
                stdout=out,
                stderr=err,
            )
        self.watches.append(watch)
        return watch

    def output(self, number=-1):
        number %= len(self.watches)
        with open(self.path(f"out{number}"), encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def errors(self, number=-1):
        return sample.read(self.path(f"err{number % len(self.watches)}")).decode()

    def logged(self):
        """The log's whole lines."""
        if not os.path.exists(self.log):
            return []
        return [json.loads(line) for line in sample.read(self.log).split(b"\n")[:-1]]

    def parts_logged(self):
        return [line for line in self.logged() if "warning" not in line]

    def paths(self, number=-1):
        return [urllib.parse.unquote(line["path"]) for line in self.output(number) if "path" in line]

    def wait_paths(self, *expected):
        """Until the last watch has reported these in some order; a little later still no more."""
        wait_for(lambda: len(self.paths()) >= len(expected))
        time.sleep(0.3)
        self.assertEqual(sorted(self.paths()), sorted(expected), self.errors())

    def stop(self, number=-1, how=signal.SIGTERM):
        self.watches[number].send_signal(how)
        self.assertEqual(self.watches[number].wait(60), 0, self.errors(number))

    def assert_nothing_new(self, *more):
        """A watch that is started now has all that lies there behind it."""
        self.start(*more, quiet=False)
        self.assertTrue(wait_for(lambda: "of them new\n" in self.errors()), self.errors())
        self.assertIn(" pictures, 0 of them new\n", self.errors())
        time.sleep(0.3)
        self.assertEqual(self.output(), [])
        self.stop()

    def assert_ends(self, code, *words):
        self.assertEqual(self.watches[-1].wait(60), code, self.errors())
        for word in words:
            self.assertIn(word, self.errors())
        self.assert_one_line(self.errors())

    def drop(self, name, number=0):
        """A part renamed into place."""
        path = os.path.join(self.line, name)
        sample.write(self.path("dropped"), part_bytes(self.folder, number))
        os.rename(self.path("dropped"), path)
        return path


class ExactlyOnce(WatchCase):
    PARTS = 200
    # Longer than a busy machine pauses between two pieces of a file, which would be called unreadable then.
    SETTLE = ["--settle", "5"]

    def make_plan(self):
        """(name, bytes, way) of all parts; every name is new."""
        ways = ["written", "renamed", "pieces", "folder", "closed between"]
        plan = []
        for i in range(self.PARTS):
            way = ways[i % len(ways)]
            name = f"lot {i // 50}/deep/{i:03}.png" if way == "folder" else f"{i:03}.png"
            plan.append((name, part_bytes(self.folder, i), way))
        return plan

    def bring(self, name, data, way, pause):
        path = os.path.join(self.line, name)
        if way == "folder":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if way == "renamed":
            os.rename(sample.write(path + ".tmp", data), path)
            return
        cuts = [0, len(data) // 3, len(data) // 2, len(data)] if way in ("pieces", "closed between") else [0, len(data)]
        file = open(path, "wb")
        for begin, end in zip(cuts, cuts[1:]):
            if begin > 0:
                time.sleep(pause)
            if begin > 0 and way == "closed between":
                file.close()
                file = open(path, "ab")
            file.write(data[begin:end])
            file.flush()
        file.close()

    def run_line(self, *options, kills):
        """Brings all parts while the watch runs, and is killed and started again so many times."""
        plan = self.make_plan()
        chance = random.Random(5)
        self.start("--log", self.log, *options)
        broken = part_bytes(self.folder, 999)[:60]
        sample.write(os.path.join(self.line, "broken.png"), broken)
        for passed in ".hidden.png", "half.png.tmp", "half.png.part", "notes.txt":
            sample.write(os.path.join(self.line, passed), plan[0][1])
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            brought = [pool.submit(self.bring, *part, chance.uniform(0.02, 0.25)) for part in plan]
            for kill in range(kills):
                aim = (kill + 1) * self.PARTS // (kills + 2)
                self.assertTrue(wait_for(lambda: len(self.logged()) >= aim), (aim, self.errors()))
                time.sleep(chance.uniform(0, 0.02))
                self.watches[-1].kill()
                self.watches[-1].wait()
                if kill == 0:
                    # What a kill in the middle of a write would leave.
                    with open(self.log, "ab") as log:
                        log.write(b'{"file":"' + os.fsencode(self.line) + b"/cut off")
                self.start("--log", self.log, *options)
            for part in brought:
                part.result()
        self.assertTrue(wait_for(lambda: len(self.parts_logged()) > self.PARTS), (len(self.logged()), self.errors()))
        time.sleep(0.5)
        self.stop()
        return {name: data for name, data, _ in plan} | {"broken.png": broken}

    def check(self, expected):
        lines = self.parts_logged()
        self.assertEqual(sorted(line["path"] for line in lines), sorted(expected))
        for line in lines:
            self.assertEqual(list(line), KEYS)
            self.assertRegex(line["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            path = os.path.join(self.line, line["path"])
            status = os.stat(path)
            self.assertEqual((line["file"], line["size"]), (path, status.st_size))
            self.assertEqual(int(line["mtime"].replace(".", "")), status.st_mtime_ns)
            self.assertEqual(line["error"] is None, line["path"] != "broken.png", line)
            self.assertEqual(line["score"] is None, line["path"] == "broken.png", line)
        # Of what was printed, nothing is missing, and each kill can have had one line repeated.
        printed = [path for number in range(len(self.watches)) for path in self.paths(number)]
        self.assertEqual(set(printed), set(expected))
        self.assertLessEqual(len(printed), len(expected) + len(self.watches) - 1)
        print(f"{len(expected)} parts, {len(self.watches) - 1} kills: {len(lines)} lines in the log, none missing, none twice; "
              f"{len(printed) - len(expected)} repeated on stdout", file=sys.stderr)

    def test_killed_once(self):
        self.check(self.run_line(*self.SETTLE, kills=1))

    def test_killed_with_heat_maps(self):
        """A heat map for each part that can be read, whole, also of those that were in work when it was killed."""
        maps = self.path("maps")
        parts = self.run_line(*self.SETTLE, "--heatmaps", maps, kills=2)
        self.check(parts)
        self.assertEqual(sample.all_files(maps), sorted(name for name in parts if name != "broken.png"))
        for name in sample.all_files(maps):
            data = sample.read(os.path.join(maps, name))
            self.assertEqual(sample.png_size(os.path.join(maps, name)), (48, 32))
            self.assertTrue(data.endswith(b"IEND\xaeB`\x82"), name)

    def test_killed_often(self):
        self.check(self.run_line(*self.SETTLE, kills=6))

    def test_state_killed(self):
        """Without a log nothing is missing on stdout, and a kill can have one line repeated."""
        names = [f"{i:02}.png" for i in range(60)]
        printed = lambda: [path for number in range(len(self.watches)) for path in self.paths(number)]
        self.start()
        for i, name in enumerate(names):
            self.drop(name, i)
            if i % 15 == 14:
                self.assertTrue(wait_for(lambda: len(set(printed())) > i - 8), self.errors())
                self.watches[-1].kill()
                self.watches[-1].wait()
                self.start()
        self.assertTrue(wait_for(lambda: len(set(printed())) == len(names)), self.errors())
        time.sleep(0.3)
        self.stop()
        self.assertEqual(sorted(set(printed())), names)
        self.assertLessEqual(len(printed()), len(names) + 4)
        self.assert_nothing_new()

    def test_polling(self):
        self.check(self.run_line(*self.SETTLE, "--poll", "0.3", kills=2))


class Watch(WatchCase):
    def test_goes_on_from_its_state(self):
        names = ["a.png", "\u00fc %41 \n.png", os.fsdecode(b"\xff\xfe.png"), "deep/er/b.png"]
        os.makedirs(os.path.join(self.line, "deep", "er"))
        for i, name in enumerate(names[:2]):
            self.drop(name, i)
        self.start(quiet=False)
        self.assertTrue(wait_for(lambda: len(self.output()) == 2))
        self.drop(names[2], 2)
        self.drop(names[3], 3)
        self.assertTrue(wait_for(lambda: len(self.output()) == 4))
        encoded = sorted(["a.png", "%C3%BC %2541 %0A.png", "%FF%FE.png", "deep/er/b.png"])
        self.assertEqual(sorted(line["path"] for line in self.output()), encoded)
        self.stop(how=signal.SIGINT)
        self.assertRegex(self.errors(), r"2 pictures, 2 of them new\n4 images: \d normal, \d anomalous, 0 unreadable; ")
        state = os.path.join(self.line, ".snarm-watch")
        lines = sample.read(state).split(b"\n")
        self.assertEqual((lines[0], lines[-1], len(lines)), (b"snarm-watch 1", b"", 6))
        self.start()
        self.drop("new.png", 9)
        self.wait_paths("new.png")
        self.stop()
        # A line that was not written whole has not been: its part comes again, and no other.
        whole = sample.read(state)
        sample.write(state, whole[:-4])
        self.start()
        self.wait_paths("new.png")
        self.stop()
        self.assertEqual(sample.read(state), whole)

    def test_overwritten_is_new(self):
        for options in [], ["--poll", "0.2"]:
            with self.subTest(options):
                self.start("--settle", "0.5", *options)
                self.drop("a.png", 1)
                self.assertTrue(wait_for(lambda: len(self.output()) == 1))
                path = self.drop("a.png", 2)
                self.assertTrue(wait_for(lambda: len(self.output()) == 2))
                time.sleep(0.02)
                sample.write(path, part_bytes(self.folder, 3))
                self.wait_paths("a.png", "a.png", "a.png")
                self.assertEqual(len({line["mtime"] for line in self.output()}), 3)
                # The same, written again with its time, is not.
                status = os.stat(path)
                shutil.copy(path, self.path("same"))
                os.utime(self.path("same"), ns=(status.st_atime_ns, status.st_mtime_ns))
                os.rename(self.path("same"), path)
                time.sleep(1)
                self.assertEqual(len(self.output()), 3)
                self.stop()
                os.remove(path)
                os.remove(os.path.join(self.line, ".snarm-watch"))

    def test_partial_writes(self):
        """Errors come once, when a file has settled; what changes in time gets none."""
        data = [part_bytes(self.folder, i) for i in range(12)]
        self.start("--settle", "5")
        files = [open(os.path.join(self.line, f"{i:02}.png"), "wb") for i in range(12)]
        for part in range(10):
            for i, file in enumerate(files):
                if i < 10 or part < 5:  # two stop half-way
                    size = len(data[i])
                    file.write(data[i][size * part // 10 : size * (part + 1) // 10])
                    file.flush()
            time.sleep(0.3)
        for file in files:
            file.close()
        self.wait_paths(*(f"{i:02}.png" for i in range(12)))
        for line in self.output():
            self.assertEqual(line["error"] is None, line["path"] < "10.png", line)
        self.assertEqual(self.errors().count("\n"), 2)
        time.sleep(1)
        self.assertEqual(len(self.output()), 12)
        with open(os.path.join(self.line, "10.png"), "ab") as file:  # goes on after all
            file.write(data[10][os.path.getsize(file.name) :])
        self.assertTrue(wait_for(lambda: len(self.output()) == 13))
        self.assertEqual((self.output()[-1]["path"], self.output()[-1]["error"]), ("10.png", None))
        self.stop()

    def test_folders_links_and_renames(self):
        self.start()
        apart = self.path("apart")
        os.makedirs(os.path.join(apart, "in"))
        sample.write(os.path.join(apart, "in", "1.png"), part_bytes(self.folder, 1))
        os.rename(apart, os.path.join(self.line, "lot"))
        self.assertTrue(wait_for(lambda: self.paths() == ["lot/in/1.png"]), self.paths())
        os.rename(os.path.join(self.line, "lot"), os.path.join(self.line, "lot.part"))
        self.drop("lot.part/in/2.png", 2)  # below a name that is passed over
        time.sleep(0.3)
        os.rename(os.path.join(self.line, "lot.part"), os.path.join(self.line, "new lot"))
        self.assertTrue(wait_for(lambda: len(self.paths()) == 3), self.paths())
        self.drop("new lot/in/3.png", 3)
        self.assertTrue(wait_for(lambda: len(self.paths()) == 4), self.paths())
        os.symlink(sample.write(self.path("aim.png"), part_bytes(self.folder, 4)), os.path.join(self.line, "link.png"))
        os.symlink(self.line, os.path.join(self.line, "loop"))
        shutil.rmtree(os.path.join(self.line, "new lot"))
        os.makedirs(os.path.join(self.line, "new lot", "in"))
        self.drop("new lot/in/3.png", 5)
        self.wait_paths(
            "lot/in/1.png", "new lot/in/1.png", "new lot/in/2.png", "new lot/in/3.png", "link.png", "new lot/in/3.png"
        )
        self.stop()

    def test_lost_notices(self):
        with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
            limit = int(file.read())
        if limit > 100000:
            self.skipTest(f"{limit} notices are queued")
        gone = self.drop("gone.png", 1)
        watch = self.start()
        self.wait_paths("gone.png")
        watch.send_signal(signal.SIGSTOP)
        for i in range(limit + 10):  # two in turn, for equal ones are told once
            open(os.path.join(self.line, f"{i % 2}.txt"), "wb").close()
        os.remove(gone)
        os.mkdir(os.path.join(self.line, "sub"))
        self.drop("sub/unseen.png", 2)
        watch.send_signal(signal.SIGCONT)
        self.wait_paths("gone.png", "sub/unseen.png")
        self.drop("sub/later.png", 3)
        self.wait_paths("gone.png", "sub/unseen.png", "sub/later.png")
        self.stop()

    def test_one_watch_a_state(self):
        self.drop("a.png")
        self.start()
        self.wait_paths("a.png")
        self.start()
        self.assert_ends(3, ".snarm-watch", "in use by another watch")
        self.start("--log", self.log)  # a log is a state of its own
        self.wait_paths("a.png")
        self.start("--log", self.log)
        self.assert_ends(3, "log.jsonl", "in use by another watch")
        self.stop(0)
        self.assert_nothing_new()

    def test_states_from_outside(self):
        self.drop("a.png")
        state = self.path("state")
        good = b"snarm-watch 1\n12 1.000000001 b.png\n"
        for content, words in [
            (b"something else\n", ["line 1 "]),
            (b"something", ["line 1 "]),
            (good + b"12 1.000000001 %zz.png\n", ["line 3 "]),
            (good + b"12 1.000000001 /etc/a.png\n", ["line 3 "]),
            (good + b"12 1.000000001 \n", ["line 3 "]),
            (good + b"12 1.00000001 c.png\n", ["line 3 "]),
            (good + b"-1 1.000000001 c.png\n", ["line 3 "]),
            (good + b"99999999999999999999 1.000000001 c.png\n", ["line 3 "]),
            (good + b"1 99999999999999999999.000000001 c.png\n", ["line 3 "]),
            (good + b"12 1.000000001 c\0.png\n", ["line 3 "]),
            (good + b"\n" + good, ["line 3 "]),
            (good + b"1" * 300000, ["line 3 "]),
        ]:
            with self.subTest(content[:60]):
                sample.write(state, content)
                self.start("--state", state)
                self.assert_ends(3, "state", *words)
                self.assertEqual(sample.read(state), content)
        line = b'{"file":"x","path":"x.png","size":1,"mtime":"1.000000001"}\n'
        for content, words in [
            (b"notes of someone\n", ["line 1 "]),
            (b"notes of someone", ["line 1 "]),
            (line + b"[1]\n", ["line 2 "]),
            (line + line.replace(b"1,", b"-1,"), ["line 2 "]),
            (line + line.replace(b"x.png", b"%00.png"), ["line 2 "]),
            (line + b'{"file":"x"}\n', ["line 2 "]),
            (line + b"\0\0\0\n", ["line 2 "]),
        ]:
            with self.subTest(content[:60]):
                sample.write(self.log, content)
                self.start("--log", self.log)
                self.assert_ends(3, "log.jsonl", *words)
                self.assertEqual(sample.read(self.log), content)
        for beginning in b"", b"snarm-w", good, good + b"77 ", good + b"\0\0\0":
            with self.subTest(beginning):
                sample.write(state, beginning)
                self.start("--state", state)
                self.wait_paths("a.png")
                self.stop()
                self.assertRegex(sample.read(state), rb"^snarm-watch 1\n(12 1\.000000001 b.png\n)?\d+ \d+\.\d{9} a\.png\n$")
        for path in "/dev/null", self.folder, self.path("none", "state"):
            self.start("--state", path)
            self.assert_ends(3, path)

    def test_state_is_rewritten(self):
        state = os.path.join(self.line, ".snarm-watch")
        old = "".join(f"{i} {i}.000000000 old {i}.png\n" for i in range(3000))
        sample.write(state, ("snarm-watch 1\n" + old).encode())
        self.assert_nothing_new()
        self.assertEqual(sample.read(state).count(b"\n"), 3001)  # an empty folder may be a drive that is not there
        watch = len(self.watches)
        self.start()
        self.drop("a.png")
        self.wait_paths("a.png")
        self.assertRegex(sample.read(state), rb"^snarm-watch 1\n\d+ \d+\.\d{9} a\.png\n$")
        self.start()
        self.assert_ends(3, "in use by another watch")
        self.drop("b.png", 2)
        self.assertTrue(wait_for(lambda: sample.read(state).count(b"\n") == 3))
        self.stop(watch)
        self.assert_nothing_new()
        self.assertEqual(sample.all_files(self.line), [".snarm-watch", "a.png", "b.png"])

    def test_folder_that_vanishes(self):
        for options in [], ["--poll", "0.2"]:
            with self.subTest(options):
                self.start("--log", self.log, *options)
                self.drop("a.png")
                self.assertTrue(wait_for(lambda: len(self.output()) == 1))
                os.rename(self.line, self.path("elsewhere"))
                self.assert_ends(3, "line", "gone")
                self.start("--log", self.log, *options)
                self.assert_ends(3, "line", "No such file")
                os.rename(self.path("elsewhere"), self.line)
                os.remove(os.path.join(self.line, "a.png"))
                os.remove(self.log)
        sample.write(self.path("file"), b"")
        self.assert_fails(3, ["is no folder"], "inspect", "--model", Shared.model, "--watch", self.path("file"))

    def test_output_that_cannot_be_written(self):
        """The part is not noted: it comes again."""
        self.drop("a.png")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [SNARM, "inspect", "--model", Shared.model, "--quiet", "--watch", self.line, "--log", self.log],
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
            )
        self.assertEqual(done.returncode, 3)
        self.assert_one_line(done.stderr.decode())
        self.assertEqual(sample.read(self.log), b"")
        self.start("--log", self.log)
        self.wait_paths("a.png")
        self.drop("b.png", 2)
        os.rename(self.log, self.path("moved"))
        self.assert_ends(3, "log.jsonl", "moved")

    def test_heat_maps(self):
        maps = self.path("maps")
        self.start("--heatmaps", maps)
        os.mkdir(os.path.join(self.line, "sub"))
        self.drop("sub/a.png")
        self.drop("a.jpg")
        self.wait_paths("sub/a.png", "a.jpg")
        self.assertEqual(sample.all_files(maps), ["a.jpg.png", "sub/a.png"])
        self.assertEqual(sample.png_size(os.path.join(maps, "sub", "a.png")), (48, 32))
        shutil.rmtree(maps)
        sample.write(maps, b"no folder")  # costs the maps, not the lines
        self.drop("b.png", 2)
        self.assertTrue(wait_for(lambda: len(self.output()) == 3))
        self.assertIsNone(self.output()[-1]["error"])
        self.assert_one_line(self.errors())
        self.stop()
        self.start("--heatmaps", os.path.join(self.line, "maps"))
        self.assert_ends(2, "--heatmaps", "watched folder")

    def test_drift(self):
        """The model knows five scores: twenty that are all higher are unlikely enough, twenty on both sides are not."""
        self.start("--log", self.log, "--drift-window", "20")
        good = sorted(os.listdir(Shared.good))
        for i in range(20):
            shutil.copy(Shared.odd, os.path.join(self.line, f"{i:02}.png"))
        self.assertTrue(wait_for(lambda: len(self.output()) == 21), self.output())
        warning = self.output()[-1]
        self.assertEqual(list(warning), ["warning", "z", "limit", "window", "median", "fit_median", "time"])
        self.assertEqual((warning["warning"], warning["window"]), ("drift", 20))
        self.assertGreaterEqual(warning["z"], warning["limit"])
        self.assertGreater(warning["median"], warning["fit_median"])
        for i in range(10):  # what it learnt itself scores below all
            shutil.copy(os.path.join(Shared.good, good[i % 5]), os.path.join(self.line, f"good {i}.png"))
        self.assertTrue(wait_for(lambda: len(self.output()) == 32), self.output())
        time.sleep(0.3)
        warnings = [line for line in self.output() if "warning" in line]
        self.assertEqual([line["warning"] for line in warnings], ["drift", "drift over"])
        self.assertLess(abs(warnings[1]["z"]), warnings[1]["limit"] * 2 / 3)
        self.stop()
        self.assertEqual(self.logged(), self.output())
        self.assert_nothing_new("--log", self.log)  # warnings in a log are read over
        self.start("--log", self.path("other"), "--drift-window", "2", quiet=False)
        self.assertTrue(wait_for(lambda: len(self.output()) == 30), self.output())
        self.assertIn("drift cannot be seen: the model knows 5 scores", self.errors())
        self.stop()

    def test_drift_reference(self):
        """Against a file's scores: the same parts drift or do not, as the file has it."""
        good = sorted(os.listdir(Shared.good))
        odd, usual = self.path("odd.jsonl"), self.path("usual.jsonl")
        shutil.copytree(Shared.good, self.path("good"))
        for i in range(15):
            shutil.copy(Shared.odd, self.path(f"odd{i:02}.png"))
        lines = self.run_well("inspect", "--model", Shared.model, "--format", "json", *(self.path(f"odd{i:02}.png") for i in range(15)))
        sample.write(odd, lines.encode())
        lines = self.run_well("inspect", "--model", Shared.model, "--format", "json", *[self.path("good")] * 3)
        sample.write(usual, lines.encode() + b'{"warning":"drift","z":4}\n{"file":"x","score":null,"error":"broken"}\n')
        for i in range(15):
            shutil.copy(Shared.odd, os.path.join(self.line, f"{i:02}.png"))
        for reference, drifts in (odd, 0), (usual, 1):
            self.start("--log", self.path("log of " + os.path.basename(reference)), "--drift-window", "15", "--drift-reference", reference)
            self.assertTrue(wait_for(lambda: len(self.paths()) == 15 and len(self.output()) == 15 + drifts), self.output())
            time.sleep(0.3)
            self.assertEqual([line["warning"] for line in self.output()[15:]], ["drift"] * drifts)
            self.stop()
        for content, words in [
            (b"", ["no score"]),
            (b'{"warning":"drift"}\n', ["no score"]),
            (b'{"score":1,"error":null}\nscore\n', ["line 2"]),
            (b'{"score":1}\n', ["line 1"]),
            (b'{"score":1e60,"error":null}\n', ["line 1"]),
        ]:
            with self.subTest(content):
                sample.write(odd, content)
                self.start("--drift-reference", odd)
                self.assert_ends(3, "odd.jsonl", *words)
        self.start("--drift-reference", self.path("none"))
        self.assert_ends(3, "none")
        self.assert_fails(2, ["--drift-reference", "--drift-window"], "inspect", "--model", Shared.model, "--watch", self.line,
                          "--drift-reference", odd, "--drift-window", "0")
        self.assert_fails(2, ["--drift-", "--watch"], "inspect", "--model", Shared.model, "--drift-reference", odd, good[0])

    def test_wrong_options(self):
        base = ["inspect", "--model", Shared.model]
        watch = [*base, "--watch", self.line]
        self.assert_fails(2, ["--watch", "x.png"], *watch, "x.png")
        self.assert_fails(2, ["--fail-on-anomaly"], *watch, "--fail-on-anomaly")
        self.assert_fails(2, ["--format", "'csv'", "json"], *watch, "--format", "csv")
        self.assert_fails(2, ["--state", "--log"], *watch, "--log", self.log, "--state", "s")
        self.assert_fails(2, ["--drift-window", "'1'"], *watch, "--drift-window", "1")
        self.assert_fails(2, ["--poll", "'0'"], *watch, "--poll", "0")
        self.assert_fails(2, ["--poll", "--watch"], *base, "--poll", "1", Shared.odd)
        self.assert_fails(3, ["nowhere"], *base, "--watch", self.path("nowhere"))
        self.assertEqual(sample.all_files(self.folder), [])


if __name__ == "__main__":
    try:
        Shared.make()
        if Shared.fitted[0] != 0:
            sys.exit(f"the model could not be made: {Shared.fitted}")
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
    finally:
        shutil.rmtree(Shared.root)
