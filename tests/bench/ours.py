"""Our side: the library and the programs of a build folder, what to ask them for in each precision, and files of random weights."""
import inspect
import json
import os
import subprocess
import sys

from measure import Absent

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALL_PRECISIONS = ("f32", "bf16", "int8")


class Context:
    """What every stage is given."""

    def __init__(self, arguments, work):
        self.build = os.path.abspath(arguments.build)
        self.shared, self.builtin = os.path.abspath(arguments.shared), os.path.abspath(arguments.builtin)
        self.threads, self.rounds, self.quick = arguments.threads, arguments.rounds, arguments.quick
        self.work = work
        self.snarm = open_library(self.build)
        self.precisions = self._precisions(arguments.precisions)
        self.left_out = []

    def _precisions(self, wanted):
        known = [p for p in ALL_PRECISIONS if p == "f32" or "precision" in inspect.signature(self.snarm.Backbone).parameters]
        if wanted is None:
            return known
        for name in wanted.split(","):
            if name not in known:
                sys.exit(f"peers.py: --precisions: {name!r}, expected some of {', '.join(known)}")
        return wanted.split(",")

    def each(self, maker, *arguments, **choices):
        """(precision, handle) of each precision that was asked for, that the maker can be asked for, and that the handle then uses. maker: a
        class of the package, or a method that makes one of its objects. Without a choice of precisions it is f32."""
        offered = "precision" in inspect.signature(maker).parameters
        for precision in self.precisions:
            if precision != "f32" and not offered:
                continue
            try:
                handle = maker(*arguments, **choices, **({"precision": precision} if offered else {}))
            except self.snarm.UnsupportedError as problem:
                self.left_out.append(f"libsnarm {precision}: {problem}.")
                continue
            if getattr(getattr(handle, "info", None), "precision", precision) != precision:
                continue  # a network asked for int8, or one whose processor lacks the instructions, is run in another
            yield precision, handle

    def program(self, *parts):
        path = os.path.join(self.build, *parts)
        if not os.path.exists(path):
            raise Absent(f"{path} is absent: build it with `ninja -C {os.path.relpath(self.build)}`.")
        return path

    @property
    def command(self):
        return self.program("examples", "snarm", "snarm")

    def weights(self, kind):
        """A file of random weights: vit, resnet18, wide_resnet, scorer."""
        kind = "small_" + kind if self.quick and kind in ("vit", "wide_resnet") else kind
        path = os.path.join(self.work, kind + ".safetensors")
        if not os.path.exists(path):
            made = subprocess.run([self.program("tests", "random_weights"), kind, path], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            if made.returncode != 0 or not os.path.exists(path):
                raise RuntimeError(f"random_weights {kind}: {made.stdout.strip()}")
        return path

    def shared_file(self, *parts):
        """A file or folder of the shared data, which are not in the repository."""
        path = os.path.join(self.shared, *parts)
        if not os.path.exists(path):
            raise Absent(f"{os.path.join(*parts)} is absent: give the folder that holds it with --shared.")
        return path

    def builtin_network(self):
        """The weights file of the network that the library brings."""
        if not os.path.exists(self.builtin):
            path = self.builtin.removeprefix(ROOT + os.sep)
            raise Absent(f"{path} is absent: give the weights file with --builtin.")
        return self.builtin

    def pictures(self):
        return self.shared_file("data", "mtd", "magnetic_tile", "train", "good")

    def some_pictures(self, count):
        """(height, width, 3) uint8 each: real ones where there are such, else painted here."""
        import numpy as np

        try:
            folder = self.pictures()
            loaded = [self.snarm.load_image(os.path.join(folder, name)) for name in sorted(os.listdir(folder))[:count]]
            return [picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2) for picture in loaded]
        except Absent:
            generator = np.random.default_rng(0)
            coarse = generator.integers(0, 256, (count, 20, 16, 3), np.uint8)
            fine = generator.integers(0, 32, (count, 320, 256, 3), np.uint8)
            return list((coarse.repeat(16, 1).repeat(16, 2) // 8 * 7 + fine).astype(np.uint8))

    def planes(self, info, count=1):
        """Preprocessed pictures for a backbone (count, 3, height, width)."""
        import numpy as np

        return np.stack([self.snarm.preprocess(picture, info.preprocess) for picture in self.some_pictures(count)])

    def model(self, name, weights, pictures, **fit):
        """A detector's file, fitted once a run."""
        path = os.path.join(self.work, name + ".snarm")
        if not os.path.exists(path):
            self.snarm.Detector.fit(self.some_pictures(pictures), weights, threads=self.threads, **fit).save(path)
        return path

    def paper_model(self, scorer=True):
        """ViT-B/14 at 392, a bank of all patches of 42 pictures (100,842 x 512), k = 3, a scorer of the paper's sizes; random weights."""
        size, pictures, bank = (56, 6, 250) if self.quick else (392, 42, 42 * 49 * 49)
        more = {"scorer_path": self.weights("scorer")} if scorer else {}
        return self.model("paper" if scorer else "paper_untrained", self.weights("vit"), pictures, width=size, height=size, bank_size=bank,
                          neighbours=3, **more)

    def ceiling(self):
        """What the machine can do: {"gflops": {precision: GFLOP/s}, "read_gbs": GB/s}, measured now."""
        side, mebibytes = ("256", "16") if self.quick else ("2048", "512")
        run = subprocess.run([self.program("tests", "bench", "ceiling"), str(self.threads), side, mebibytes], check=True,
                             stdout=subprocess.PIPE, text=True)
        return json.loads(run.stdout)


def open_library(build):
    """The Python package with this build's library."""
    library = os.path.join(build, "lib", "libsnarm.so")
    if not os.path.exists(library):
        sys.exit(f"peers.py: {library} is absent: build the library first, or give another folder with --build")
    os.environ["SNARM_LIBRARY"] = library
    sys.path.insert(0, os.path.join(ROOT, "bindings", "python"))
    sys.path.insert(0, os.path.join(ROOT, "tests", "measure"))
    import snarm

    return snarm


def need(module, package=None):
    """The module, or Absent with the sentence that names what to install."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise Absent(f"{module} cannot be imported ({problem}): install it with `pip install {package or module}`.") from None
