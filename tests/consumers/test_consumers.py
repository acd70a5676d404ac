"""Projects of someone else's, outside the tree, that link the library: by pkg-config, by find_package, as a subproject.

usage: test_consumers.py HOW BUILD MESON SNARM MAKE_PARTS SANITIZE
    HOW       pkg-config, cmake or subproject
    BUILD     the build folder, which is installed into a scratch folder for the first two
    SNARM     the built command, which makes a model that the projects' programs load
    SANITIZE  meson's b_sanitize
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HOW, BUILD, MESON, SNARM, MAKE_PARTS, SANITIZE = sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
import sample_files as sample  # noqa: E402

# What meson gives a test to find the library in the build folder must not help a consumer.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
# Ninja is there, since the library was built with it; make, CMake's own choice, need not be.
ENVIRONMENT["CMAKE_GENERATOR"] = "Ninja"


class Failure(Exception):
    """With the command and what it printed."""


def call(*command, fails=False, **environment):
    """Runs a command that must succeed, or fail; what it printed."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=900,
        env={**ENVIRONMENT, **environment},
    )
    text = done.stdout.decode(errors="replace")
    if (done.returncode != 0) != fails:
        raise Failure(f"{shlex.join(command)}: ended with {done.returncode}\n{text}")
    return text


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


class Work:
    """A scratch folder: the model, the installed library, and copies of the projects."""

    def __init__(self, folder):
        self.folder = folder
        weights = sample.safetensors(self.path("weights.safetensors"), sample.random_resnet())
        call(MAKE_PARTS, self.path("parts"), "--count", "4", "--product", "washer")
        self.model = self.path("washer.snarm")
        good = self.path("parts", "washer", "train", "good")
        fit = ["fit", "--images", good, "--backbone", weights, "--steps", "0", "--size", "64", "--bank-size", "50"]
        # The command of the build folder has the run paths of the build folder.
        call(SNARM, *fit, "--out", self.model)
        with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
            self.version = re.search(r"project\('libsnarm'.*?version: '([\d.]+)'", file.read(), re.S).group(1)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def install(self):
        """Into a folder that the library was not configured for, as if it had been moved. Sets where things are."""
        root = self.path("root")
        call(MESON, "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
        found = {}
        for base, _, names in os.walk(root):
            for name in names:
                found[name] = base
        self.libdir, self.pkgconfig = found["libsnarm.so"], found["snarm.pc"]
        self.config = found["snarmConfig.cmake"]
        self.prefix = os.path.dirname(os.path.dirname(found["snarm.h"]))
        self.pc = {"PKG_CONFIG_PATH": self.pkgconfig, "PKG_CONFIG_SYSROOT_DIR": root}

    def project(self, kind, name):
        """A copy of a project, with the programs' sources, outside the tree."""
        folder = self.path(name)
        shutil.copytree(os.path.join(HERE, kind), folder)
        for source in "consumer.c", "consumer.cpp":
            shutil.copy(os.path.join(HERE, source), folder)
        return folder

    def run(self, folder, library_folder, **environment):
        """Runs the programs that were built in a folder, with the libsnarm that lies in another one."""
        built = [name for name in ("consumer_c", "consumer_cpp") if os.path.exists(os.path.join(folder, name))]
        if "consumer_c" not in built or (shutil.which("c++") and len(built) < 2):
            raise Failure(f"{folder}: only {built} were built")
        for name in built:
            program = os.path.join(folder, name)
            loaded = re.search(r"libsnarm\.so\.\d+ => (\S+)", call("ldd", program, **environment))
            if not loaded or os.path.realpath(os.path.dirname(loaded.group(1))) != os.path.realpath(library_folder):
                raise Failure(f"{program} loads {loaded and loaded.group(1)}, not that of {library_folder}")
            printed = call(program, self.model, **environment)
            if printed != f"snarm {self.version} resnet18 4 pictures\n":
                raise Failure(f"{program} printed: {printed}")
            failed = call(program, self.path("nothing.snarm"), fails=True, **environment)
            if "nothing.snarm" not in failed:
                raise Failure(f"{program} printed: {failed}")
        print(f"{os.path.relpath(folder, self.folder)}: {', '.join(built)}: ok", flush=True)


def by_pkg_config(work):
    work.install()
    if call("pkg-config", "--modversion", "snarm", **work.pc) != work.version + "\n":
        raise Failure("pkg-config --modversion snarm is not " + work.version)
    call("pkg-config", "--exists", "snarm >= 99", fails=True, **work.pc)

    # By hand, as the README says.
    plain = work.project("cmake", "by-hand")
    flags = shlex.split(call("pkg-config", "--cflags", "--libs", "snarm", **work.pc))
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    call("cc", "-std=c11", *strict, os.path.join(plain, "consumer.c"), "-o", os.path.join(plain, "consumer_c"), *flags)
    if shutil.which("c++"):
        source, program = os.path.join(plain, "consumer.cpp"), os.path.join(plain, "consumer_cpp")
        call("c++", "-std=c++17", *strict, source, "-o", program, *flags)
    work.run(plain, work.libdir, LD_LIBRARY_PATH=work.libdir)
    examples(work)

    project = work.project("meson", "meson-pkg-config")
    call(MESON, "setup", project + "/build", project, "-Dby=pkg-config", "--wrap-mode=nofallback", **work.pc)
    call(MESON, "compile", "-C", project + "/build")
    work.run(project + "/build", work.libdir, LD_LIBRARY_PATH=work.libdir)


def examples(work):
    """Compiles each example against the installed library with the command that stands in it."""
    folder = work.path("examples")
    os.mkdir(folder)
    compiled = []
    for name in sorted(os.listdir(os.path.join(ROOT, "examples"))):
        if not name.endswith((".c", ".cpp")) or (name.endswith(".cpp") and not shutil.which("c++")):
            continue
        shutil.copy(os.path.join(ROOT, "examples", name), folder)
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            (command,) = re.findall(r"^(?: \*|//) +(c(?:c|\+\+) .*)$", file.read(), re.M)
        call("sh", "-c", f"cd {folder} && {command}", **work.pc)
        program = re.search(r"-o (\w+)", command)[1]
        said = call(os.path.join(folder, program), fails=True, LD_LIBRARY_PATH=work.libdir)
        if not said.startswith(f"usage: {program} "):
            raise Failure(f"{name} without arguments printed: {said}")
        compiled.append(name)
    if len(compiled) < 6:
        raise Failure(f"only {compiled} were found")
    print(f"examples: {', '.join(compiled)}: ok")


def by_cmake(work):
    if not shutil.which("cmake"):
        skip("cmake is not there")
    work.install()
    at = {"CMAKE_PREFIX_PATH": work.prefix}
    if os.path.basename(work.libdir) == "lib64" and os.path.exists("/etc/debian_version"):
        # Meson's choice on a Debian without dpkg-dev, and none that CMake searches there (docs/linking.md).
        at = {"snarm_DIR": work.config}

    project = work.project("cmake", "cmake-find-package")
    found = call("cmake", "-S", project, "-B", project + "/build", **at)
    if f"found snarm {work.version}\n" not in found:
        raise Failure(found)
    call("cmake", "--build", project + "/build")
    work.run(project + "/build", work.libdir)

    project = work.project("cmake", "cmake-pkg-config")
    call("cmake", "-S", project, "-B", project + "/build", "-DBY=pkg-config", **work.pc)
    call("cmake", "--build", project + "/build")
    work.run(project + "/build", work.libdir)

    project = work.project("meson", "meson-cmake")
    call(MESON, "setup", project + "/build", project, "-Dby=cmake", "--wrap-mode=nofallback", **at)
    call(MESON, "compile", "-C", project + "/build")
    work.run(project + "/build", work.libdir, LD_LIBRARY_PATH=work.libdir)

    versions(work, at)


def versions(work, at):
    """Which versions may be asked for, and what is said of the others."""
    project = work.project("cmake", "cmake-versions")
    major, minor, patch = map(int, work.version.split("."))
    fits = ["", str(major), f"{major}.{minor}", f"{work.version};EXACT", f"{major}.{minor}...{major + 1}"]
    unfit = [f"{major}.{minor + 1}", f"{major}.{minor}.{patch + 1}", f"{major + 1}", f"{major + 1}...{major + 2}"]
    unfit += [f"{major}.{minor}.{patch + 1};EXACT", f"{major}...<{work.version}"]
    # From the first version of this soname on programs go on with the library; older ones do not.
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        oldest = re.search(r"oldest_compatible = '(\d+)\.(\d+)'", file.read())
    fits.append(f"{oldest[1]}.{oldest[2]}")
    if int(oldest[2]) > 0:
        unfit.append(f"{oldest[1]}.{int(oldest[2]) - 1}")
    for number, asked in enumerate(fits):
        call("cmake", "-S", project, "-B", f"{project}/fits-{number}", f"-DASK={asked}", **at)
    for number, asked in enumerate(unfit):
        said = call("cmake", "-S", project, "-B", f"{project}/unfit-{number}", f"-DASK={asked}", fails=True, **at)
        if "snarm" not in said or f"version: {work.version}" not in said or work.config not in said:
            raise Failure(f"version {asked} asked for: {said}")
    said = call("cmake", "-S", project, "-B", project + "/parts", "-DCOMPONENTS=gpu", fails=True, **at)
    if "snarm has no components, but was asked for: gpu" not in " ".join(said.split()):
        raise Failure(said)
    os.rename(os.path.join(work.libdir, "libsnarm.so." + work.version), work.path("taken-away"))
    said = call("cmake", "-S", project, "-B", project + "/broken", fails=True, **at)
    if "is missing" not in " ".join(said.split()):
        raise Failure(said)
    print(f"cmake-versions: {len(fits)} fit, {len(unfit)} do not: ok")


def as_subproject(work):
    project = work.project("meson", "meson-subproject")
    copy = os.path.join(project, "subprojects", "libsnarm")
    os.mkdir(copy)
    for name in sorted(os.listdir(ROOT)):
        here = os.path.join(ROOT, name)
        if name.startswith((".", "build")) or name in ("subprojects", "tests", "examples"):
            continue
        (shutil.copytree if os.path.isdir(here) else shutil.copy)(here, os.path.join(copy, name))
    shutil.copytree(
        os.path.join(ROOT, "subprojects"),
        os.path.join(copy, "subprojects"),
        ignore=shutil.ignore_patterns("packagecache"),
    )
    cache = os.path.join(ROOT, "subprojects", "packagecache")
    if os.path.isdir(cache):
        os.symlink(cache, os.path.join(project, "subprojects", "packagecache"))
    call(MESON, "setup", project + "/build", project, "-Dby=subproject", "--wrap-mode=forcefallback", "-Doptimization=0")
    call(MESON, "compile", "-C", project + "/build")
    work.run(project + "/build", os.path.join(project, "build", "subprojects", "libsnarm", "lib"))


def main():
    if SANITIZE != "none" and HOW != "subproject":
        skip("the library is built with sanitizers, consumers are not")
    with tempfile.TemporaryDirectory(prefix="snarm-consumers-") as folder:
        try:
            {"pkg-config": by_pkg_config, "cmake": by_cmake, "subproject": as_subproject}[HOW](Work(folder))
        except Failure as failure:
            print(failure)
            return 1
    return 0


sys.exit(main())
