"""What lower precision does to the metrics of a data set: models fitted in one precision, evaluated in one or another.

usage: precision.py SNARM DATASET BACKBONE [--pairs f32:f32,bf16:bf16,int8:int8,auto:auto,f32:auto] [--fit "OPTION VALUE ..."]
                    [--model FILE] [--markdown FILE]

DATASET is a category's folder with train/good and test. A pair is the precision of the fit and that of the evaluation; a model is
fitted once for each precision of the former. With --model that file is evaluated instead (a trained one, whose fit takes long),
and of the pairs the second halves count. The last columns are the differences from the first row, in points of 0.01.
"""
import argparse
import json
import os
import subprocess
import tempfile

METRICS = ["image_auroc", "pixel_auroc", "pixel_ap", "aupro"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("snarm")
parser.add_argument("dataset")
parser.add_argument("backbone")
parser.add_argument("--pairs", default="f32:f32,bf16:bf16,int8:int8,auto:auto,f32:auto")
parser.add_argument("--fit", default="--steps 0", help="options of snarm fit")
parser.add_argument("--model")
parser.add_argument("--markdown", help="append the table to this file")
arguments = parser.parse_args()


def run(*command):
    subprocess.run([arguments.snarm, *command, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def evaluate(model, precision, folder):
    result = os.path.join(folder, "result.json")
    run("eval", "--model", model, "--dataset", arguments.dataset, "--precision", precision, "--json", result)
    with open(result, encoding="utf-8") as file:
        return json.load(file)["mean"]


def main():
    rows = ["| fitted in | evaluated in | image AUROC | pixel AUROC | pixel AP | AUPRO | differences, points |", "|" + " --- |" * 7]
    print("\n".join(rows), flush=True)
    models, first = {}, None
    with tempfile.TemporaryDirectory() as folder:
        for pair in arguments.pairs.split(","):
            fitted, evaluated = pair.split(":")
            if arguments.model is None and fitted not in models:
                models[fitted] = os.path.join(folder, fitted + ".snarm")
                run("fit", "--images", os.path.join(arguments.dataset, "train", "good"), "--backbone", arguments.backbone,
                    "--precision", fitted, "--out", models[fitted], *arguments.fit.split())
            values = evaluate(arguments.model or models[fitted], evaluated, folder)
            first = first or values
            differences = " / ".join(f"{100 * (values[m] - first[m]):+.3f}" for m in METRICS)
            rows.append(f"| {'one model' if arguments.model else fitted} | {evaluated} | "
                        + " | ".join(f"{values[m]:.5f}" for m in METRICS) + f" | {differences} |")
            print(rows[-1], flush=True)
    if arguments.markdown:
        with open(arguments.markdown, "a", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")


main()
