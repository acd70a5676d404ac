"""Installs as Debian's packages are made, under a folder of its own, and looks at what is there.

    debian_style.py            builds anew, with Debian's prefix, folders and compiler flags; minutes
    debian_style.py BUILD      installs what a build folder holds, with that folder's prefix; seconds

Checked: the files (those asked for, no others, nothing outside the folder), their modes, names and run paths, no path of this machine in
them; that the command and a program compiled with pkg-config's flags run from there, also after the whole was moved; and that nothing is
left when the listed files are removed.
"""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONSUMER = """
#include <snarm/snarm.h>
#include <stdio.h>
int main(void) {
    snarm_detector *detector;
    snarm_status status = snarm_detector_load(&detector, "absent.snarm", NULL);
    printf("%s: %s: %s\\n", snarm_version(), snarm_status_name(status), snarm_last_error());
    return status == SNARM_ERROR_IO ? 0 : 1;
}
"""
problems = []
CLEAN = {key: value for key, value in os.environ.items() if key not in ("DESTDIR", "LD_LIBRARY_PATH", "LD_PRELOAD")}


def expect(condition, sentence):
    if not condition:
        problems.append(sentence)


def run(*command, **more):
    result = subprocess.run(command, capture_output=True, text=True, env={**CLEAN, **more})
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


def build_debian(folder):
    """A build as debhelper makes it."""
    flags = {}
    if shutil.which("dpkg-buildflags"):
        flags = {name: run("dpkg-buildflags", "--get", name) for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS")}
        flags = {name: value.strip() for name, value in flags.items()}
    libdir = "lib/" + (run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip() if shutil.which("dpkg-architecture") else "x86_64-linux-gnu")
    run("meson", "setup", folder, ROOT, "--wrap-mode=nodownload", "--buildtype=plain", "--prefix=/usr", "--sysconfdir=/etc",
        "--localstatedir=/var", f"--libdir={libdir}", "-Dtests=false", **flags)
    run("ninja", "-C", folder)


def introspect(build, what):
    return json.loads(run("meson", "introspect", build, what))


def files_under(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names)


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def check_files(root, build, names, begun):
    """What there is, against what the build says it installs and what a user needs."""
    options = {option["name"]: option["value"] for option in introspect(build, "--buildoptions")}
    version = introspect(build, "--projectinfo")["version"]
    prefix = options["prefix"].lstrip("/")
    libdir, data = os.path.join(prefix, options["libdir"]), os.path.join(prefix, options["datadir"])
    asked = {path.lstrip("/") for path in introspect(build, "--installed").values()}
    asked |= {os.path.join(libdir, name) for name in ("libsnarm.so", "libsnarm.so.0")}
    onednn = {os.path.join(libdir, "snarm", "libdnnl.so.3"), os.path.join(data, "doc", "libsnarm", "onednn", "LICENSE"),
              os.path.join(data, "doc", "libsnarm", "onednn", "THIRD-PARTY-PROGRAMS")}
    if os.path.join(libdir, "snarm", "libdnnl.so.3") in names:
        asked |= onednn
    needed = {os.path.join(prefix, options["includedir"], "snarm", name) for name in os.listdir(os.path.join(ROOT, "include", "snarm"))
              if name.endswith(".h")}
    needed |= {os.path.join(libdir, name) for name in (f"libsnarm.so.{version}", "libsnarm.so.0", "libsnarm.so", "pkgconfig/snarm.pc")}
    needed |= {os.path.join(data, "doc", "libsnarm", name) for name in ("LICENSE", "README.md", "CHANGELOG.md")}
    needed |= {os.path.join(prefix, options["bindir"], "snarm"), os.path.join(data, "man", "man1", "snarm.1")}
    for name in sorted(needed - set(names)):
        problems.append(f"{name}: not installed")
    for name in names:
        if name not in asked and not any(name.startswith(folder + "/") for folder in asked):
            problems.append(f"{name}: installed, but nothing asks for it")
    for link, target in (("libsnarm.so", "libsnarm.so.0"), ("libsnarm.so.0", f"libsnarm.so.{version}")):
        path = os.path.join(root, libdir, link)
        expect(os.path.islink(path) and os.readlink(path) == target, f"{link}: expected to be a link to {target}")
    for name in names:
        path, outside = os.path.join(root, name), "/" + name
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        expect(os.path.islink(path) or mode in (0o644, 0o755), f"{name}: mode {mode:o}, expected 644 or 755")
        expect(not os.path.lexists(outside) or os.lstat(outside).st_mtime < begun, f"{outside}: written outside the folder")
    return prefix, libdir, version


def check_binaries(root, build, names, scratch):
    for name in names:
        path = os.path.join(root, name)
        if os.path.islink(path):
            continue
        if is_elf(path):
            for line in run("readelf", "--dynamic", "--wide", path).splitlines():
                if "(RUNPATH)" in line or "(RPATH)" in line:
                    for folder in line[line.index("[") + 1:line.index("]")].split(":"):
                        expect(folder.startswith("$ORIGIN"), f"{name}: run path {folder}, expected one relative to $ORIGIN")
                if "(SONAME)" in line and "libsnarm" in name:
                    expect("[libsnarm.so.0]" in line, f"{name}: {line.strip()}, expected libsnarm.so.0")
            stripped = os.path.join(scratch, "stripped")
            run("strip", "--strip-debug", "-o", stripped, path)
            path = stripped
        with open(path, "rb") as file:
            content = file.read()
        for folder in (ROOT, os.path.abspath(build), os.path.abspath(root)):
            expect(folder.encode() not in content, f"{name}: holds the path {folder} of this machine")


def check_use(root, prefix, libdir, version, scratch):
    """The command, and a program against the installed headers and library."""
    library, bin_folder = os.path.join(root, libdir), os.path.join(root, prefix, "bin")
    resolved = run("ldd", os.path.join(library, "libsnarm.so.0"))
    expect("not found" not in resolved, f"ldd: {resolved}")
    if os.path.exists(os.path.join(library, "snarm")):
        found = [line.split("=>")[1].split(" (")[0].strip() for line in resolved.splitlines() if "libdnnl" in line]
        expect([os.path.realpath(path) for path in found] == [os.path.realpath(os.path.join(library, "snarm", "libdnnl.so.3"))],
               f"oneDNN comes from {found}, expected from beside the library")
    said = run(os.path.join(bin_folder, "snarm"), "--version").strip()
    expect(said == f"snarm {version}", f"snarm --version says '{said}'")
    if shutil.which("man"):
        page = run("man", "--warnings", "--local-file", os.path.join(root, prefix, "share", "man", "man1", "snarm.1"), MANPAGER="cat")
        expect("SYNOPSIS" in page, "the manual page has no synopsis")
    if not shutil.which("pkg-config"):
        print("pkg-config is not there: no program was compiled")
        return
    settings = {"PKG_CONFIG_SYSROOT_DIR": root, "PKG_CONFIG_LIBDIR": os.path.join(library, "pkgconfig"), "PKG_CONFIG_PATH": ""}
    expect(run("pkg-config", "--modversion", "snarm", **settings).strip() == version, "pkg-config gives another version")
    source, program = os.path.join(scratch, "consumer.c"), os.path.join(scratch, "consumer")
    with open(source, "w", encoding="utf-8") as file:
        file.write(CONSUMER)
    flags = run("pkg-config", "--cflags", "--libs", "snarm", **settings, PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1",
                PKG_CONFIG_ALLOW_SYSTEM_LIBS="1").split()
    run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", program, source, *flags)
    said = run(program, LD_LIBRARY_PATH=library)
    expect(said.startswith(f"{version}: file cannot be read or written: ") and "absent.snarm" in said, f"the program says '{said}'")


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = os.path.realpath(scratch)
        build = sys.argv[1] if len(sys.argv) == 2 else os.path.join(scratch, "build")
        if len(sys.argv) == 1:
            build_debian(build)
        root, begun = os.path.join(scratch, "root"), time.time() - 1
        run("meson", "install", "-C", build, "--no-rebuild", "--destdir", root)
        names = files_under(root)
        prefix, libdir, version = check_files(root, build, names, begun)
        check_binaries(root, build, names, scratch)
        check_use(root, prefix, libdir, version, scratch)
        moved = os.path.join(scratch, "moved")
        os.rename(root, moved)
        check_use(moved, prefix, libdir, version, scratch)
        for name in names:
            os.remove(os.path.join(moved, name))
        for where, _, _ in os.walk(moved, topdown=False):
            if not os.listdir(where):
                os.rmdir(where)
        expect(not os.path.exists(moved), "something is left after the listed files were removed")
        print("\n".join(names))
        print(f"{len(names)} files, {len(problems)} problems")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems or not names else 0)


main()
