"""Accuracy, time and memory of untrained detectors on a data set in MVTec's layout, as a table.

usage: accuracy.py SNARM DATASET BACKBONE [--sizes 224,256,384] [--crops 256:224] [--banks 6000,20000]
                   [--fit "OPTION VALUE ..."] [--markdown FILE]

Fits one model for each size (or RESIZE:SIZE crop) and bank size on the category's good training pictures, evaluates
it, and prints a row. Nothing else should run meanwhile: times are wall times of whole commands.
"""
import argparse
import os
import tempfile

from fit_and_eval import append, evaluate, fit, good_pictures

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

inputs = [(None, size) for size in arguments.sizes.split(",") if size]
inputs += [tuple(crop.split(":")) for crop in arguments.crops.split(",") if crop]
header = ("| input | bank | image AUROC | pixel AUROC | pixel AP | AUPRO | false alarms | found | fit s | fit MiB "
          "| s an image | eval MiB | model MB |")
rows = [header, "|" + " --- |" * (header.count("|") - 1)]
print("\n".join(rows), flush=True)
with tempfile.TemporaryDirectory() as folder:
    for resize, size in inputs:
        for bank in arguments.banks.split(","):
            model = os.path.join(folder, "m.snarm")
            options = ["--size", size, "--bank-size", bank, "--steps", "0", "--quiet"] + (["--resize", resize] if resize else [])
            fitted = fit(arguments.snarm, good_pictures(arguments.dataset), arguments.backbone, model, *options, *arguments.fit.split())
            numbers, values, evaluated = evaluate(arguments.snarm, model, arguments.dataset)
            row = "| {} | {} | {:.4f} | {:.4f} | {:.4f} | {:.4f} | {:.3f} | {:.3f} | {:.1f} | {:.0f} | {:.4f} | {:.0f} | {:.1f} |".format(
                f"{resize} cropped to {size}" if resize else size, bank, values["image_auroc"], values["pixel_auroc"],
                values["pixel_ap"], values["aupro"], values["false_alarm_rate"], values["detection_rate"],
                fitted["seconds"], fitted["mib"], numbers["seconds_per_image"], evaluated["mib"],
                os.path.getsize(model) / 1e6)
            rows.append(row)
            print(row, flush=True)
append(arguments.markdown, rows)
