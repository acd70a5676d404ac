#!/bin/sh
# Builds the wheel as pip does, installs it in a fresh virtual environment, and runs the tests on what is installed.
#
#     sh bindings/python/test_wheel.sh [--with PACKAGE]... [PYTHON]
#
# PYTHON: the interpreter, default python3. --with: further packages for tests that are left out without them
# (scikit-learn, matplotlib, torch, mypy, pillow, safetensors). Needs a network, for pip. The checkout's own package is not used.
set -eu

python=python3
more=""
while [ $# -gt 0 ]; do
    case $1 in
    --with)
        [ $# -ge 2 ] || { echo "--with: a package is missing" >&2; exit 2; }
        more="$more $2"
        shift
        ;;
    -*)
        sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
        exit 2
        ;;
    *) python=$1 ;;
    esac
    shift
done

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset SNARM_LIBRARY PYTHONPATH

step() {
    echo "== $*"
}

step "$("$python" --version), a fresh environment"
"$python" -m venv "$work/venv"
bin=$work/venv/bin
step "pip wheel ."
"$bin/python" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$work/dist" "$root"
wheel=$(ls "$work"/dist/snarm-*.whl)
echo "$(basename "$wheel"), $(du -k "$wheel" | cut -f1) KiB"
"$bin/python" - "$wheel" <<'END'
"""The wheel holds the library and oneDNN's, and names no folder of this machine."""
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = wheel.namelist()
    for name in ("snarm/libsnarm.so", "snarm/__init__.py", "snarm/py.typed"):
        assert name in names, f"{name} is missing: {names}"
    library = wheel.read("snarm/libsnarm.so")
    assert wheel.getinfo("snarm/libsnarm.so").external_attr >> 16 & 0o111, "libsnarm.so is not executable"
    if b"libdnnl.so" in library and "snarm/libdnnl.so.3" not in names:
        print("oneDNN is the system's")
    print("\n".join(f"{wheel.getinfo(name).file_size:>10} {name}" for name in names if ".so" in name))
    assert not [name for name in names if name.startswith("tests") or name.endswith((".a", ".h", ".c"))], names
END
step "pip install the wheel, pytest$more"
# shellcheck disable=SC2086
"$bin/python" -m pip --disable-pip-version-check install --quiet "$wheel" pytest $more
library=$("$bin/python" -c 'import snarm; print(snarm._library.lib._name)')
run_path=$(readelf -d "$library" | sed -n 's/.*Library r.*path: \[\(.*\)\]/\1/p')
echo "run path: $run_path"
case $run_path in
"" | '$ORIGIN') ;;
*)
    echo "the library names a folder of this machine" >&2
    exit 1
    ;;
esac
cd "$work"
"$bin/python" -c 'import snarm; print("snarm", snarm.__version__, "with libsnarm", snarm.library_version(), "from", snarm._library.lib._name)'
case $("$bin/python" -c 'import snarm; print(snarm.__file__)') in
"$work"/*) ;;
*)
    echo "another snarm was imported than the installed one" >&2
    exit 1
    ;;
esac
step "the tests"
OMP_WAIT_POLICY=passive "$bin/python" -m pytest -q -p no:cacheprovider -rs "$root/bindings/python/tests"
if "$bin/python" -c 'import mypy' 2>/dev/null; then
    step "mypy --strict on the installed package, as a program that uses it sees it"
    cat >"$work/typed.py" <<'END'
import numpy as np
import snarm

detector: snarm.Detector = snarm.Detector.load("a.snarm")
result: snarm.Result = detector.inspect(np.zeros((4, 4), np.uint8))
score: float = result.score
engine: snarm.ResidualEngine | None = detector.residual
training: snarm.TrainReport | None = detector.training
END
    "$bin/python" -m mypy --strict "$work/typed.py"
    "$bin/python" -m mypy --strict --ignore-missing-imports -p snarm
    echo 'import snarm; snarm.Detector.load(3)' >"$work/wrong.py"
    if "$bin/python" -m mypy --strict "$work/wrong.py"; then
        echo "mypy sees no types" >&2
        exit 1
    fi
fi
step "all went well"
