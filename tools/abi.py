"""Keeps the interface's promise (docs/abi.md): headers, ledgers, version script and library say the same, and the last release's programs go on.

    python3 tools/abi.py update [--root DIR]
        writes what the headers declare into the ledgers lib/abi/symbols.txt and lib/abi/types.txt, as of the version in development (the one
        in meson.build, without a date in CHANGELOG.md). Refuses to change or take away what a released version brought. Where lib/abi
        holds the dump of that same version, and none other, it is renewed too.
    python3 tools/abi.py release [--root DIR]
        the same, and makes lib/abi/libsnarm-VERSION.abi, abidiff's dump of the interface, in the place of the last release's.
    python3 tools/abi.py check LIBRARY [--root DIR]
        headers, ledgers, version script and library agree; exit code 1 with a line for every place where they do not.
    python3 tools/abi.py compare LIBRARY [--root DIR]
        abidiff of the last release's dump and the library, which must have debug information (meson setup -Ddebug=true). Additions are
        allowed. Exit code 77 with a sentence if abidiff or debug information is missing, or on another machine than x86-64.
"""
import argparse
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import abi_headers
import abi_ledger
from abi_headers import AbiError

SKIP = 77
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DUMP = ["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed", "--no-parameter-names"]


def dumps(project):
    return sorted(glob.glob(os.path.join(project.folder, "libsnarm-*.abi")))


def dumped_version(path):
    return re.fullmatch(r"libsnarm-(.*)\.abi", os.path.basename(path)).group(1)


def write_dump(project, interface):
    """The dump is of a library made of the headers alone, so that what is behind the handles stays out of it, and it is the same on every
    machine; `compare` holds the real library to it."""
    if shutil.which("abidw") is None:
        raise AbiError("abidw is not there; install abigail-tools and run this again, or the dump is not that of the headers")
    with tempfile.TemporaryDirectory() as folder:
        library = abi_headers.stub_library(project.include, interface, project.script, folder)
        made = os.path.join(folder, "dump.abi")
        subprocess.run(DUMP + ["--out-file", made, library], check=True)
        with open(made, encoding="utf-8") as file:
            text = file.read()
    for old in dumps(project):
        os.remove(old)
    path = os.path.join(project.folder, f"libsnarm-{project.version}.abi")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"{os.path.relpath(path, project.root)}: written")


def update(project, release):
    interface = abi_headers.read(project.include)
    if project.version in project.released:
        raise AbiError(f"CHANGELOG.md gives {project.version} a date: it is released and its interface closed. Raise the version in "
                       "meson.build and in include/snarm/status.h, and begin a heading in CHANGELOG.md")
    if project.header_version() != project.version:
        raise AbiError(f"meson.build has version {project.version}, include/snarm/status.h {project.header_version()}")
    fixed = {name for name in interface.structs if not interface.is_sized(name)}
    ledgers = [abi_ledger.load(project, name) for name in ("symbols.txt", "types.txt")]
    written = []
    problems = abi_ledger.rules(interface)
    for ledger, now in zip(ledgers, abi_ledger.facts(project, interface)):
        kept = {key: entry for key, entry in ledger.items() if entry[0] in project.released}
        problems += abi_ledger.difference(kept, now, fixed, project.released) + abi_ledger.padding(kept, now)
        for key, text in now.items():
            if key[0] != "size" and key not in kept and not project.version.endswith(".0"):
                problems.append(f"{abi_ledger.called(key)}: is new, which takes a new minor version, but meson.build has {project.version}")
            if key[0] == "size":
                before = abi_ledger.newest_size(kept, key[1])
                if before is None or kept["size", key[1], before][1] != text:
                    kept["size", key[1], project.version] = (project.version, text)
            else:
                kept.setdefault(key, (project.version, text))
        written.append(kept)
    if problems:
        raise AbiError("\n".join(problems))
    for name, heading, before, entries in zip(("symbols.txt", "types.txt"), (abi_ledger.SYMBOLS, abi_ledger.TYPES), ledgers, written):
        abi_ledger.save(project, name, heading, entries)
        changed = [abi_ledger.called(key) for key in {**before, **entries} if before.get(key) != entries.get(key)]
        print(f"lib/abi/{name}: {len(entries)} entries, {len(changed)} of them new, changed or taken away")
        print("".join(f"    {line}\n" for line in sorted(changed)[:20]), end="")
    if release or [dumped_version(path) for path in dumps(project)] == [project.version]:
        write_dump(project, interface)


def exported(library):
    """{symbol: its version} of a shared library; the versions themselves are left out."""
    output = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library], capture_output=True, text=True)
    if output.returncode != 0:
        raise AbiError(output.stderr.strip())
    found = {}
    for line in output.stdout.splitlines():
        _, kind, name = line.split()
        if kind != "A":
            symbol, _, version = name.partition("@")
            found[symbol] = version.lstrip("@")
    return found


def check_symbols(project, ledger, library):
    """Ledger, version script and library: the same symbols, each in its version's node."""
    problems, scripted, before = [], {}, ""
    for name, symbols, predecessor in project.nodes():
        if predecessor != before:
            problems.append(f"lib/libsnarm.map: node {name} follows '{predecessor}', expected '{before}'")
        before = name
        for symbol in symbols:
            if symbol in scripted:
                problems.append(f"function {symbol}: twice in the version script, in {scripted[symbol]} and {name}")
            scripted[symbol] = name
    recorded = {key[1]: abi_ledger.node_of(version) for key, (version, _) in ledger.items()}
    for name, a, other, b in (("in the ledger", recorded, "in the version script", scripted),
                              ("in the version script", scripted, "exported by the library", exported(library))):
        problems += [f"function {symbol}: {name}, but not {other}" for symbol in sorted(a.keys() - b.keys())]
        problems += [f"function {symbol}: {other}, but not {name}" for symbol in sorted(b.keys() - a.keys())]
        problems += [f"function {symbol}: {a[symbol]} {name}, but {b[symbol]} {other}"
                     for symbol in sorted(a.keys() & b.keys()) if a[symbol] != b[symbol]]
    return problems


def check(project, library):
    interface = abi_headers.read(project.include)
    fixed = {name for name in interface.structs if not interface.is_sized(name)}
    symbols, types = (abi_ledger.load(project, name) for name in ("symbols.txt", "types.txt"))
    problems = abi_ledger.rules(interface)
    for ledger, now in zip((symbols, types), abi_ledger.facts(project, interface)):
        problems += abi_ledger.difference(ledger, now, fixed) + abi_ledger.padding(ledger, now)
    problems += check_symbols(project, symbols, library)
    if project.header_version() != project.version:
        problems.append(f"meson.build has version {project.version}, include/snarm/status.h {project.header_version()}")
    for name, ledger in (("symbols.txt", symbols), ("types.txt", types)):
        later = {version for version, _ in ledger.values() if abi_ledger.number(version) > abi_ledger.number(project.version)}
        problems += [f"lib/abi/{name}: an entry of {version}, but meson.build has {project.version}" for version in sorted(later)]
    for problem in problems:
        print(problem)
    print(f"{len(symbols)} functions, {len(types)} entries of types, {len(problems)} problems")
    if problems:
        print("If that is meant: python3 tools/abi.py update. docs/abi.md says what may change.")
    return 1 if problems or not symbols or not types else 0


def compare(project, library):
    if platform.machine() != "x86_64":
        print(f"the dump is of x86-64, this machine is {platform.machine()}")
        return SKIP
    if shutil.which("abidiff") is None:
        print("abidiff is not there: install abigail-tools to compare the library with the last release")
        return SKIP
    sections = subprocess.run(["readelf", "--section-headers", "--wide", library], check=True, capture_output=True, text=True).stdout
    if ".debug_info" not in sections:
        print(f"{library} has no debug information, which abidiff needs: configure with -Ddebug=true")
        return SKIP
    if len(dumps(project)) != 1:
        raise AbiError(f"lib/abi holds {len(dumps(project))} dumps libsnarm-VERSION.abi, expected that of the last release")
    dump = dumps(project)[0]
    interface = abi_headers.read(project.include)
    with tempfile.NamedTemporaryFile("w", suffix=".abignore", encoding="utf-8") as allowed:
        for name in interface.structs:
            if interface.is_sized(name):
                allowed.write(f"[suppress_type]\nname = {name}\ntype_kind = struct\nhas_data_member_inserted_at = end\n\n")
        allowed.flush()
        command = ["abidiff", "--no-added-syms", "--suppressions", allowed.name, dump, library]
        result = subprocess.run(command, capture_output=True, text=True)
    print(f"{os.path.basename(dump)} and {library}:")
    print(result.stdout + result.stderr, end="")
    if result.returncode & 3:
        raise AbiError(f"abidiff failed with exit code {result.returncode}")
    if result.returncode & 12:
        print(f"Programs made for {dumped_version(dump)} may not run with this library. docs/abi.md says what may change; "
              "python3 tools/abi.py update renews the dump while that version is not released.")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["update", "release", "check", "compare"])
    parser.add_argument("library", nargs="?", help="libsnarm.so of check and compare")
    parser.add_argument("--root", default=HERE, help="the sources; default: those that this file belongs to")
    arguments = parser.parse_args()
    if (arguments.library is None) == (arguments.command in ("check", "compare")):
        parser.error("check and compare take a LIBRARY, update and release none")
    try:
        project = abi_ledger.Project(arguments.root)
        if arguments.command in ("update", "release"):
            update(project, arguments.command == "release")
            return 0
        return (check if arguments.command == "check" else compare)(project, arguments.library)
    except AbiError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
