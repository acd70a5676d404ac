"""What the programs here share that fit and evaluate models with the snarm command: its time, its memory, and what eval writes."""
import json
import os
import shlex
import subprocess
import sys

METRICS = ["image_auroc", "pixel_auroc", "pixel_ap", "aupro"]

# The children's peak memory is only known as the largest of all: each command runs under a child of its own.
RUN = """
import json, resource, subprocess, sys, time
start = time.time()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(json.dumps({"code": done.returncode, "seconds": time.time() - start, "output": done.stdout,
                  "mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))
"""


def run(*command):
    """{"output", "seconds", "mib"} of a command; one that fails ends the program, after its own sentence on stderr."""
    done = subprocess.run([sys.executable, "-c", RUN, *command], stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    if result["code"] != 0:
        sys.exit(f"failed with {result['code']}: {shlex.join(command)}")
    return result


def good_pictures(dataset):
    """Of a category's folder."""
    return os.path.join(dataset, "train", "good")


def fit(snarm, pictures, backbone, model, *options):
    """What run gives of the fit; its summary is the output."""
    return run(snarm, "fit", "--images", pictures, "--backbone", backbone, "--out", model, *options)


def evaluate(snarm, model, dataset, *options):
    """(what eval writes as JSON, the values of the one category, what run gives)"""
    done = run(snarm, "eval", "--model", model, "--dataset", dataset, "--quiet", "--json", "-", *options)
    report = json.loads(done["output"])
    if len(report["categories"]) != 1:
        sys.exit(f"{dataset}: {len(report['categories'])} categories, expected the folder of one")
    (values,) = report["categories"].values()
    return report, values, done


def differences(values, reference, digits):
    """Of the metrics, in points of 0.01; a metric that one of both lacks: -."""
    return " / ".join("-" if values[m] is None or reference[m] is None else f"{100 * (values[m] - reference[m]):+.{digits}f}" for m in METRICS)


def append(path, rows):
    """Adds a table to a file; without a path does nothing."""
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")
