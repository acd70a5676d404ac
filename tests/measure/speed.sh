#!/bin/sh
# Time and memory of each stage at the paper's sizes: ViT-B/14 with registers and a scorer, both of random weights, 392 x 392,
# a bank of 100,000 x 512 from real pictures. Nothing else should run meanwhile.
#
#     sh tests/measure/speed.sh BUILD_FOLDER PICTURES_FOLDER [THREADS]
#
# PICTURES_FOLDER holds at least 42 pictures; the first 42 are learnt (100,842 patches).
set -eu
build=$(cd "$1" && pwd)
pictures=$(cd "$2" && pwd)
threads=${3:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/good"
find "$pictures" -maxdepth 1 -type f | sort | head -n 42 | while read -r picture; do ln -s "$picture" "$work/good/"; done
"$build/tests/random_weights" vit "$work/vit.safetensors" >"$work/log"
"$build/tests/random_weights" scorer "$work/scorer.safetensors" >"$work/log"
for scorer in "" "--scorer $work/scorer.safetensors"; do
    echo "== fit ${scorer:+with a scorer}"
    # shellcheck disable=SC2086  # two words or none
    "$build/examples/snarm/snarm" fit --images "$work/good" --backbone "$work/vit.safetensors" --size 392 --bank-size 100000 \
        --neighbours 3 --threads "$threads" $scorer --out "$work/model.snarm"
    echo "== bench"
    "$build/examples/snarm/snarm" bench --model "$work/model.snarm" --threads "$threads" --image "$(find "$work/good/" -name '*' -type l | sort | head -n 1)"
done
