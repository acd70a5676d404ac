"""What meson runs: the tests of the Python package, on the package and the library of this checkout.

Ends with 77, which meson counts as skipped, where numpy or pytest are absent from the Python that meson found.
"""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
missing = [name for name in ("numpy", "pytest") if importlib.util.find_spec(name) is None]
if sys.version_info < (3, 10):
    print(f"skipped: Python is {sys.version.split()[0]}, the package needs 3.10 or later")
    sys.exit(77)
if missing:
    print(f"skipped: {sys.executable} has no {' and no '.join(missing)} (Debian: python3-numpy python3-pytest)")
    sys.exit(77)

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.path.dirname(HERE), os.environ.get("PYTHONPATH")]))
# Tests run beside each other: threads that wait actively would slow all of them.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE, *sys.argv[1:]])
