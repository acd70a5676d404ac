#!/bin/sh
# Installs what the build and the tests need, builds with warnings as errors in build-test/, runs every test.
#
#     sh tests/run.sh [--no-install]
#
# The last line is "N passed, N failed, N skipped"; the exit code is not 0 if one failed or nothing ran.
set -eu

install=yes
for argument in "$@"; do
    case $argument in
    --no-install) install=no ;;
    *)
        echo "usage: sh tests/run.sh [--no-install]" >&2
        exit 2
        ;;
    esac
done

cd "$(dirname "$0")/.."
if [ "$install" = yes ]; then
    # With what only tests need: they are skipped where it is absent. abigail-tools compares the interface with the last release's,
    # which takes debug information; the manual's pages are built and checked with python3-markdown.
    sh examples/install_packages.sh abigail-tools cmake g++ python3-markdown python3-numpy python3-pytest
fi
if [ ! -f build-test/build.ninja ]; then
    meson setup build-test --buildtype=release -Ddebug=true -Dwerror=true
fi
ninja -C build-test

rm -f build-test/meson-logs/testlog.json
result=0
meson test -C build-test --no-rebuild --print-errorlogs || result=$?

python3 - build-test/meson-logs/testlog.json <<'END' || result=1
"""Counts the results of meson's log: one JSON object a line."""
import json
import sys

counts = {"passed": 0, "failed": 0, "skipped": 0}
kinds = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}
try:
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            if line.strip():
                counts[kinds.get(json.loads(line)["result"], "failed")] += 1
except OSError as error:
    print(f"no test log: {error}", file=sys.stderr)
print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
sys.exit(1 if counts["failed"] > 0 or counts["passed"] == 0 else 0)
END
exit "$result"
