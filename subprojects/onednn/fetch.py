"""Puts oneDNN's headers and library, taken from the pinned wheels, under DIR/onednn.

usage: fetch.py DIR CACHE

pip downloads the wheels into CACHE and checks their hashes; a wheel already there is checked and used, so that a
second build folder, or a machine without network whose CACHE was filled beforehand, downloads nothing. The environment variable
MESON_PACKAGE_CACHE_DIR, which Meson has for its own downloads, names another CACHE.
Nothing is installed: the two wheels are zip files and are unpacked.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "requirements.txt")


def pinned():
    """(distribution name as wheels spell it, sha256) of each pinned wheel."""
    with open(REQUIREMENTS, encoding="utf-8") as file:
        for name, digest in re.findall(r"^([\w-]+)==\S+ --hash=sha256:([0-9a-f]{64})$", file.read(), re.M):
            yield name.replace("-", "_"), digest


def cached(cache, name, digest):
    """The path of the wheel of that name in the cache if its hash is right."""
    if os.path.isdir(cache):
        for entry in os.listdir(cache):
            if entry.startswith(name + "-") and entry.endswith(".whl"):
                path = os.path.join(cache, entry)
                with open(path, "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() == digest:
                        return path
    return None


def main():
    target = os.path.join(sys.argv[1], "onednn")
    cache = os.environ.get("MESON_PACKAGE_CACHE_DIR") or sys.argv[2]
    wanted = list(pinned())
    if len(wanted) != 2:
        sys.exit(f"{REQUIREMENTS}: expected two pinned wheels with hashes, found {len(wanted)}")
    if os.path.exists(os.path.join(target, "complete")):
        return
    if not all(cached(cache, *wheel) for wheel in wanted):
        os.makedirs(cache, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--require-hashes", "--only-binary=:all:", "--dest", cache, "--requirement", REQUIREMENTS]
        if subprocess.run(command).returncode != 0:
            sys.exit("oneDNN: the pinned wheels could not be downloaded (python3-pip installed? network?); "
                     "install a system oneDNN 3 and configure with -Donednn=system, or put the two wheels into " + cache)
    shutil.rmtree(target, ignore_errors=True)
    for name, digest in wanted:
        wheel = cached(cache, name, digest)
        if wheel is None:
            sys.exit(f"oneDNN: no wheel of {name} with SHA-256 {digest} in {cache}")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                # NAME.data/data/{include,lib,share}/... ; the library appears under three names: keep the soname.
                parts = member.split("/")
                if len(parts) < 4 or parts[1] != "data" or parts[-1] in ("libdnnl.so", "libdnnl.so.3.2"):
                    continue
                path = os.path.join(target, *parts[2:])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(member) as source, open(path, "wb") as destination:
                    shutil.copyfileobj(source, destination)
    library = os.path.join(target, "lib", "libdnnl.so.3")
    os.chmod(library, 0o755)
    os.symlink("libdnnl.so.3", os.path.join(target, "lib", "libdnnl.so"))
    open(os.path.join(target, "complete"), "w").close()


main()
