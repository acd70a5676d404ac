#!/bin/sh
# run.sh MAKE_MODELS STEADY_STATE: makes the models in a folder of its own and counts what inspecting with them takes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# 77 where calls cannot be counted: without making the models.
code=0
"$2" >/dev/null 2>&1 || code=$?
if [ "$code" = 77 ]; then
    "$2"
fi
"$1" "$folder"
set -- "$2" "$folder"/*.snarm
"$@"
