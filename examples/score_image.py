"""Scores one picture of a part, and draws where it is anomalous.

    python3 examples/score_image.py --model part.snarm picture.png --heatmap heat.png
    python3 examples/score_image.py --good parts/good --model part.snarm picture.png

With --good the model is first learnt from that folder of pictures of good parts, and written to --model; with --backbone on another
network than the built-in one. Needs the snarm package (docs/python.md). Exit code: 0 the part is normal, 1 it is anomalous, 2 the
command line is wrong, 3 a file is.
"""

import argparse
import sys

import snarm


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("picture", help="a PNG, JPEG or BMP file")
    parser.add_argument("--model", required=True, help="the .snarm file to use, or to write with --good")
    parser.add_argument("--good", metavar="FOLDER", help="learn from these pictures of good parts")
    parser.add_argument("--backbone", metavar="FILE", help="a network's weights, with --good; default the built-in network")
    parser.add_argument("--size", type=int, help="pixels of the network's input, with --good; default 392 (ViT), 224 (CNN)")
    parser.add_argument("--steps", type=int, default=0, help="training steps of a scorer, with --good; default 0: none")
    parser.add_argument("--heatmap", metavar="FILE", help="write the picture with its heat map as a PNG file")
    arguments = parser.parse_args()
    if arguments.backbone and not arguments.good:
        parser.error("--backbone is of no use without --good")
    return arguments


def show(stage, done, total):
    """A line that is written over, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{stage}: {100 * done // total}% ", end="" if done < total else "\n", file=sys.stderr, flush=True)


def learn(arguments):
    train = snarm.TrainOptions(steps=arguments.steps) if arguments.steps > 0 else None
    detector = snarm.Detector.fit(arguments.good, arguments.backbone, width=arguments.size, train=train, progress=show)
    detector.save(arguments.model)
    info = detector.info
    print(f"learnt from {info.image_count} pictures: {info.bank_count} patches, threshold {info.threshold:.4g}, in {arguments.model}")
    return detector


def main():
    arguments = parse()
    try:
        with learn(arguments) if arguments.good else snarm.Detector.load(arguments.model) as detector:
            picture = snarm.load_image(arguments.picture)
            result = detector.inspect(picture)
            if arguments.heatmap:
                snarm.save_png(arguments.heatmap, detector.heatmap(picture, result))
    except snarm.Error as error:
        print(f"score_image: {error}", file=sys.stderr)
        return 3
    height, width = picture.shape[:2]
    print(f"{arguments.picture} ({width} x {height}): {result.verdict}")
    print(f"score {result.score:.4g}, threshold {result.threshold:.4g}, normalized {result.normalized:.3f}")
    print(f"most anomalous near x {result.x:.0f}, y {result.y:.0f}; {result.ms:.1f} ms")
    return 1 if result.anomalous else 0


if __name__ == "__main__":
    sys.exit(main())
