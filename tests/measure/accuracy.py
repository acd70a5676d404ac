"""Accuracy, time and memory of untrained detectors on a data set in MVTec's layout, as a table.

usage: accuracy.py SNARM DATASET BACKBONE [--sizes 224,256,384] [--crops 256:224] [--banks 6000,20000]
                   [--fit "OPTION VALUE ..."] [--markdown FILE]

Fits one model for each size (or RESIZE:SIZE crop) and bank size on the category's good training pictures, evaluates
it, and prints a row. Nothing else should run meanwhile: times are wall times of whole commands.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("snarm")
parser.add_argument("dataset", help="a category's folder, with train/good and test")
parser.add_argument("backbone")
parser.add_argument("--sizes", default="224,256,384")
parser.add_argument("--crops", default="")
parser.add_argument("--banks", default="6000,20000")
parser.add_argument("--fit", default="", help="further options of snarm fit")
parser.add_argument("--markdown", help="append the table to this file")
arguments = parser.parse_args()

# The children's peak memory is only known as the largest of all: each command runs under a child of its own.
RUN = """
import json, resource, subprocess, sys, time
start = time.time()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
print(json.dumps({"code": done.returncode, "seconds": time.time() - start,
                  "mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))
"""


def run(*command):
    done = subprocess.run([sys.executable, "-c", RUN, *command], stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    if result["code"] != 0:
        sys.exit(f"failed with {result['code']}: {' '.join(command)}")
    return result


inputs = [(None, size) for size in arguments.sizes.split(",") if size]
inputs += [tuple(crop.split(":")) for crop in arguments.crops.split(",") if crop]
header = ("| input | bank | image AUROC | pixel AUROC | pixel AP | AUPRO | false alarms | found | fit s | fit MiB "
          "| s an image | eval MiB | model MB |")
rows = [header, "|" + " --- |" * (header.count("|") - 1)]
print("\n".join(rows), flush=True)
with tempfile.TemporaryDirectory() as folder:
    for resize, size in inputs:
        for bank in arguments.banks.split(","):
            model, result = os.path.join(folder, "m.snarm"), os.path.join(folder, "r.json")
            fit = [arguments.snarm, "fit", "--images", os.path.join(arguments.dataset, "train", "good"), "--backbone",
                   arguments.backbone, "--size", size, "--bank-size", bank, "--steps", "0", "--quiet", "--out", model]
            fit += ["--resize", resize] if resize else []
            fitted = run(*fit, *arguments.fit.split())
            evaluated = run(arguments.snarm, "eval", "--model", model, "--dataset", arguments.dataset, "--quiet",
                            "--json", result)
            with open(result, encoding="utf-8") as file:
                numbers = json.load(file)
            (values,) = numbers["categories"].values()
            row = "| {} | {} | {:.4f} | {:.4f} | {:.4f} | {:.4f} | {:.3f} | {:.3f} | {:.1f} | {:.0f} | {:.4f} | {:.0f} | {:.1f} |".format(
                f"{resize} cropped to {size}" if resize else size, bank, values["image_auroc"], values["pixel_auroc"],
                values["pixel_ap"], values["aupro"], values["false_alarm_rate"], values["detection_rate"],
                fitted["seconds"], fitted["mib"], numbers["seconds_per_image"], evaluated["mib"],
                os.path.getsize(model) / 1e6)
            rows.append(row)
            print(row, flush=True)
if arguments.markdown:
    with open(arguments.markdown, "a", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
