#!/bin/sh
# From a fresh checkout to a first anomaly map: installs what the build needs, builds, learns good parts,
# inspects others, measures how well that went, and writes heat maps.
#
#     sh examples/first_map.sh [--backbone FILE] [--no-install] [GOOD_FOLDER [PATH...]]
#
# Without folders, parts painted by examples/make_parts are used. With GOOD_FOLDER, its pictures are learnt and
# those of the other paths inspected (of GOOD_FOLDER itself if there are none). --backbone names a published
# network's weights (docs/backbones.md); without it the library's own network is used.
set -eu

usage() {
    sed -n 's/^# \{0,1\}//; 2,9p' "$0"
    exit "$1"
}

backbone=builtin
install=yes
while [ $# -gt 0 ]; do
    case $1 in
    --backbone)
        [ $# -ge 2 ] || usage 2 >&2
        backbone=$2
        shift
        ;;
    --backbone=*) backbone=${1#*=} ;;
    --no-install) install=no ;;
    --help | -h) usage 0 ;;
    --) shift && break ;;
    -*) usage 2 >&2 ;;
    *) break ;;
    esac
    shift
done

start=$(pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
absolute() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$start/$1" ;;
    esac
}

if [ "$backbone" != builtin ]; then
    backbone=$(absolute "$backbone")
    if [ ! -f "$backbone" ]; then
        echo "$backbone: no such file" >&2
        exit 3
    fi
fi

if [ "$install" = yes ]; then
    sh "$root/examples/install_packages.sh"
fi
build=$root/build
if [ ! -f "$build/build.ninja" ]; then
    echo "configuring $build"
    meson setup "$build" "$root" --buildtype=release >"$root/.first_map.log" 2>&1 || {
        cat "$root/.first_map.log" >&2
        rm -f "$root/.first_map.log"
        exit 1
    }
    rm -f "$root/.first_map.log"
fi
echo "building"
ninja -C "$build" --quiet examples/snarm/snarm examples/make_parts/make_parts
snarm=$build/examples/snarm/snarm

work=$build/first-map
mkdir -p "$work"
if [ $# -gt 0 ]; then
    good=$(absolute "$1")
    shift
    [ $# -gt 0 ] || set -- "$good"
    echo "learning the good parts in $good"
    "$snarm" fit --images "$good" --backbone "$backbone" --steps 0 --out "$work/parts.snarm"
    rm -rf "$work/heatmaps"
    echo "inspecting"
    cd "$start"
    "$snarm" inspect --model "$work/parts.snarm" --heatmaps "$work/heatmaps" -- "$@"
    echo
    echo "model      $work/parts.snarm"
    echo "heat maps  $work/heatmaps"
    exit 0
fi

"$build/examples/make_parts/make_parts" "$work/parts"
rm -rf "$work/heatmaps"
for product in washer fabric board; do
    parts=$work/parts/$product
    echo
    echo "$product: learning from $parts/train/good"
    "$snarm" fit --images "$parts/train/good" --backbone "$backbone" --steps 0 --out "$work/$product.snarm"
    "$snarm" inspect --model "$work/$product.snarm" --heatmaps "$work/heatmaps/$product" "$parts/test" \
        >"$work/$product.txt"
    # eval reads a folder of categories; the models are one a product.
    "$snarm" eval --model "$work/$product.snarm" --dataset "$work/parts" --category "$product" \
        --report "$work/$product.html" >"$work/$product.table.txt"
done

echo
sed -n '1p' "$work/washer.table.txt"
for product in washer fabric board; do
    sed -n '2p' "$work/$product.table.txt"
done
echo
echo "(AUROC 1: every defective part scores above every good one; px: of the map's pixels. alarms: good parts"
echo "called anomalous; found: defective ones. Both are counted at the threshold that fit chose.)"
echo
echo "parts      $work/parts"
echo "heat maps  $work/heatmaps"
echo "reports    $work/washer.html ...   (every picture, in a browser)"
echo "verdicts   $work/washer.txt ..."
echo "models     $work/washer.snarm ..."
