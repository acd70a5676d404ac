"""Networks beside each other on a data set in MVTec's layout: accuracy without and with training, times, and sizes, as a table.

usage: networks.py SNARM DATASET NAME=FILE... [--sizes 256,384] [--crops 256:224] [--kinds untrained,trained] [--steps N] [--seed N]
                   [--bank-size 20000] [--fit "OPTION VALUE ..."] [--reference ResNet-18] [--runs 100] [--json networks.json]
                   [--markdown FILE]

DATASET is a category's folder with train/good and test. FILE is a weights file, or `builtin`: the network that the library brings. A network whose
file is absent is left out, with a sentence. A row is a model: fitted, evaluated, and timed with `snarm bench` on the first good test picture.
The last column is the row's differences from --reference's with the same input and kind, in points of 0.01; that network is measured first.

Every row is kept in the JSON file as soon as it is whole. The same command goes on where it was stopped, and other networks, sizes or seeds can be
added: a row that was measured with the same weights (by their SHA-256), data set and options is shown and not measured again. For another
build of the library give another file. Nothing else should run meanwhile: times are wall times.
"""
import argparse
import functools
import hashlib
import json
import os
import shlex
import signal
import sys
import tempfile

from fit_and_eval import METRICS, append, differences, evaluate, fit, good_pictures, run

BUILTIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "backbone", "builtin", "network.safetensors")
KINDS = ("untrained", "trained")
HEADER = ["network", "size", "trained", "image AUROC", "pixel AUROC", "pixel AP", "AUPRO", "false alarms", "found", "fit s", "s an image",
          "model MB"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    parser.add_argument("snarm")
    parser.add_argument("dataset")
    parser.add_argument("networks", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--sizes", default="256,384")
    parser.add_argument("--crops", default="")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--steps", type=int, help="training steps of the trained rows; default: the command's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bank-size", type=int, default=20000)
    parser.add_argument("--fit", default="", help="further options of snarm fit")
    parser.add_argument("--reference", default="ResNet-18")
    parser.add_argument("--runs", type=int, default=100, help="inspections that snarm bench measures")
    parser.add_argument("--json", default="networks.json")
    parser.add_argument("--markdown", help="append the table to this file")
    arguments = parser.parse_args()
    named = [text.partition("=") for text in arguments.networks]
    for text, (name, _, path) in zip(arguments.networks, named):
        if not name or not path:
            parser.error(f"{text!r}, expected NAME=FILE")
    arguments.networks = {name: path for name, _, path in named}
    if len(arguments.networks) < len(named):
        parser.error("NAME=FILE: the same name twice")
    arguments.kinds = arguments.kinds.split(",")
    for kind in arguments.kinds:
        if kind not in KINDS:
            parser.error(f"--kinds: {kind!r}, expected some of {', '.join(KINDS)}")
    if arguments.steps is not None and arguments.steps < 1:
        parser.error(f"--steps: {arguments.steps}, expected 1 or more; --kinds untrained is without training")
    try:
        arguments.inputs = [(None, int(size)) for size in arguments.sizes.split(",") if size]
        arguments.inputs += [tuple(map(int, crop.split(":", 1))) for crop in arguments.crops.split(",") if crop]
        if not arguments.inputs or any(len(pair) != 2 for pair in arguments.inputs):
            raise ValueError
    except ValueError:
        parser.error(f"--sizes {arguments.sizes!r} --crops {arguments.crops!r}, expected SIZE,SIZE... and RESIZE:SIZE,...")
    for folder in ("train", "test"):
        if not os.path.isdir(os.path.join(arguments.dataset, folder, "good")):
            parser.error(f"{arguments.dataset}: no folder {folder}/good")
    return arguments


@functools.cache
def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def present(networks, reference):
    """{name: (what --backbone is given, SHA-256)} of those that are there, the reference first; the others are named on stderr."""
    found = {}
    for name in sorted(networks, key=lambda name: name != reference):
        path = networks[name]
        file = os.path.normpath(BUILTIN) if path == "builtin" else path
        if os.path.isfile(file):
            found[name] = path, sha256(file)
        else:
            print(f"left out: {name}: {file} is absent.", file=sys.stderr)
    return found


class Rows:
    """The rows in the JSON file: [{"settings", "results"}]. Other settings, another row."""

    def __init__(self, path):
        self.path, self.rows = path, []
        if os.path.exists(path):
            try:
                with open(path, encoding="utf-8") as file:
                    self.rows = json.load(file)["rows"]
                    self.rows = [{"settings": row["settings"], "results": row["results"]} for row in self.rows]
            except (OSError, ValueError, KeyError, TypeError) as problem:
                sys.exit(f"networks.py: --json: {path}: no rows of this program ({problem!r}): give another file")

    def find(self, settings):
        return next((row["results"] for row in self.rows if row["settings"] == settings), None)

    def add(self, settings, results):
        """Whole or not at all, whenever the program is stopped."""
        self.rows.append({"settings": settings, "results": results})
        with open(self.path + ".part", "w", encoding="utf-8") as file:
            json.dump({"rows": self.rows}, file, indent=1)
        os.replace(self.path + ".part", self.path)


def settings_of(arguments, version, name, digest, resize, size, kind):
    return {"network": name, "sha256": digest, "resize": resize, "size": size,
            "steps": 0 if kind == "untrained" else "default" if arguments.steps is None else arguments.steps, "seed": arguments.seed,
            "bank_size": arguments.bank_size, "fit": arguments.fit, "runs": arguments.runs, "dataset": os.path.realpath(arguments.dataset),
            "snarm": version}


def measure(arguments, backbone, settings):
    """Fits, evaluates and times one model, which is then gone."""
    options = ["--size", str(settings["size"]), "--bank-size", str(settings["bank_size"]), "--seed", str(settings["seed"]), "--quiet"]
    options += ["--resize", str(settings["resize"])] if settings["resize"] else []
    options += ["--steps", str(settings["steps"])] if settings["steps"] != "default" else []
    tested = os.path.join(arguments.dataset, "test", "good")
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "m.snarm")
        fitted = fit(arguments.snarm, good_pictures(arguments.dataset), backbone, model, *options, *shlex.split(arguments.fit))
        _, values, evaluated = evaluate(arguments.snarm, model, arguments.dataset)
        picture = os.path.join(tested, min(os.listdir(tested)))
        timed = json.loads(run(arguments.snarm, "bench", "--model", model, "--image", picture, "--runs", str(settings["runs"]), "--quiet",
                               "--json", "-")["output"])
        return {"values": values, "fit_seconds": fitted["seconds"], "fit_mib": fitted["mib"], "eval_mib": evaluated["mib"],
                "stages_ms": timed["stages_ms"], "precision": timed["precision"], "machine": timed["machine"],
                "model_bytes": os.path.getsize(model)}


def line(settings, results, reference):
    """A row of the table. reference: the values to be compared with, or None."""
    values = results["values"]
    size = f"{settings['resize']} cropped to {settings['size']}" if settings["resize"] else settings["size"]
    trained = {0: "no", "default": "yes"}.get(settings["steps"], f"{settings['steps']} steps")
    cells = [settings["network"], size, trained, *("-" if values[m] is None else f"{values[m]:.4f}" for m in METRICS)]
    cells += [f"{values['false_alarm_rate']:.3f}", f"{values['detection_rate']:.3f}", f"{results['fit_seconds']:.1f}",
              f"{results['stages_ms']['total']['median'] / 1e3:.4f}", f"{results['model_bytes'] / 1e6:.1f}"]
    return "| " + " | ".join(map(str, cells)) + " | " + (differences(values, reference, 2) if reference else "") + " |"


def main():
    arguments = parse()
    networks = present(arguments.networks, arguments.reference)
    if not networks:
        sys.exit("networks.py: no network is left")
    version = run(arguments.snarm, "--version")["output"].strip()
    rows = Rows(arguments.json)
    head = HEADER + [f"points from {arguments.reference}"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    print("\n".join(lines), flush=True)
    for kind in (kind for kind in KINDS if kind in arguments.kinds):
        for resize, size in arguments.inputs:
            reference = None
            for name, (backbone, digest) in networks.items():
                settings = settings_of(arguments, version, name, digest, resize, size, kind)
                results = rows.find(settings)
                if results is None:
                    results = measure(arguments, backbone, settings)
                    rows.add(settings, results)
                lines.append(line(settings, results, reference))
                print(lines[-1], flush=True)
                if name == arguments.reference:
                    reference = results["values"]
    append(arguments.markdown, lines)


def stop(number, _):
    sys.exit(128 + number)


if __name__ == "__main__":
    # Stopped, it leaves neither a fit that goes on nor a model behind.
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, stop)
    main()
