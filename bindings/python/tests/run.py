"""What meson runs: the tests of the Python package, on the package and the library of this checkout.

Ends with 77, which meson counts as skipped, where numpy or pytest are absent from the Python that meson found. A library that is
built with sanitizers needs its run-time libraries to be loaded first.
"""

import importlib.util
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
missing = [name for name in ("numpy", "pytest") if importlib.util.find_spec(name) is None]
if sys.version_info < (3, 10):
    print(f"skipped: Python is {sys.version.split()[0]}, the package needs 3.10 or later")
    sys.exit(77)
if missing:
    print(f"skipped: {sys.executable} has no {' and no '.join(missing)} (Debian: python3-numpy python3-pytest)")
    sys.exit(77)

sanitizers = [name for name in os.environ.get("SNARM_SANITIZE", "").split(",") if name not in ("", "none")]
if sanitizers:
    libraries = {"address": "libasan.so", "undefined": "libubsan.so"}
    if os.environ.get("SNARM_COMPILER") != "gcc" or not set(sanitizers) <= set(libraries):
        print(f"skipped: Python can load a library with sanitizers {', '.join(sanitizers)} only if it is gcc's address or undefined")
        sys.exit(77)
    preload = []
    for name in [libraries[sanitizer] for sanitizer in sanitizers] + ["libstdc++.so"]:
        command = [*shlex.split(os.environ.get("CC", "cc")), f"-print-file-name={name}"]
        preload.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    os.environ["LD_PRELOAD"] = " ".join(preload)
    # The interpreter itself leaves memory behind at its end.
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
    os.environ["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.path.dirname(HERE), os.environ.get("PYTHONPATH")]))
# Tests run beside each other: threads that wait actively would slow all of them.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE, *sys.argv[1:]])
