"""What the programs here share that fit and evaluate models with the snarm command: its time, its memory, and what eval writes."""
import json
import os
import shlex
import subprocess
import sys
import time

METRICS = ["image_auroc", "pixel_auroc", "pixel_ap", "aupro"]


def run(*command):
    """{"output", "seconds", "mib"} of a command; one that fails ends the program, after its own sentence on stderr. A command whose caller is
    stopped is stopped too: a fit that is only interrupted would end its training early and write a model."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)  # the peak memory of this child alone
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        sys.exit(f"failed with {process.returncode}: {shlex.join(command)}")
    return {"output": output, "seconds": time.monotonic() - began, "mib": usage.ru_maxrss / 1024}


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
