"""What lower precision does to the metrics of a data set: models fitted in one precision, evaluated in one or another.

usage: precision.py SNARM DATASET BACKBONE [--pairs f32:f32,bf16:bf16,int8:int8,auto:auto,f32:auto] [--fit "OPTION VALUE ..."]
                    [--model FILE] [--markdown FILE]

DATASET is a category's folder with train/good and test. A pair is the precision of the fit and that of the evaluation; a model is
fitted once for each precision of the former. With --model that file is evaluated instead (a trained one, whose fit takes long),
and of the pairs the second halves count. The last columns are the differences from the first row, in points of 0.01.
"""
import argparse
import os
import tempfile

from fit_and_eval import METRICS, append, differences, evaluate, fit, good_pictures

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
parser.add_argument("snarm")
parser.add_argument("dataset")
parser.add_argument("backbone")
parser.add_argument("--pairs", default="f32:f32,bf16:bf16,int8:int8,auto:auto,f32:auto")
parser.add_argument("--fit", default="--steps 0", help="options of snarm fit")
parser.add_argument("--model")
parser.add_argument("--markdown", help="append the table to this file")
arguments = parser.parse_args()


def main():
    rows = ["| fitted in | evaluated in | image AUROC | pixel AUROC | pixel AP | AUPRO | differences, points |", "|" + " --- |" * 7]
    print("\n".join(rows), flush=True)
    models, first = {}, None
    with tempfile.TemporaryDirectory() as folder:
        for pair in arguments.pairs.split(","):
            fitted, evaluated = pair.split(":")
            if arguments.model is None and fitted not in models:
                models[fitted] = os.path.join(folder, fitted + ".snarm")
                fit(arguments.snarm, good_pictures(arguments.dataset), arguments.backbone, models[fitted], "--precision", fitted, "--quiet",
                    *arguments.fit.split())
            _, values, _ = evaluate(arguments.snarm, arguments.model or models[fitted], arguments.dataset, "--precision", evaluated)
            first = first or values
            rows.append(f"| {'one model' if arguments.model else fitted} | {evaluated} | "
                        + " | ".join(f"{values[m]:.5f}" for m in METRICS) + f" | {differences(values, first, 3)} |")
            print(rows[-1], flush=True)
    append(arguments.markdown, rows)


main()
