"""The C++ interface: that it covers the C one, and that its tests compile without a warning and pass, with g++ and clang++
and in C++17 and C++20. Without a compiler the second part is skipped.

usage: test_cpp.py ROOT LIBRARY MAKE_PARTS SANITIZE C_COMPILER
    LIBRARY     the built libsnarm.so
    SANITIZE    meson's b_sanitize: what the library is built with; only the compiler of the same family can link it then
    C_COMPILER  meson's name of the compiler that built it: gcc or clang
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT, LIBRARY, MAKE_PARTS, SANITIZE, C_COMPILER = sys.argv[1:]
HERE = os.path.join(ROOT, "tests", "cpp")
sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
import sample_files as sample  # noqa: E402

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
SOURCES = sorted(name for name in os.listdir(HERE) if name.endswith(".cpp"))


def missing_functions():
    """C functions that the C++ header does not call. Its snarm::defaults does what all *_options_init do."""
    declared = set()
    folder = os.path.join(ROOT, "include", "snarm")
    for name in os.listdir(folder):
        if name.endswith(".h"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
            declared |= set(re.findall(r"SNARM_API\s[^;]*?\b(snarm_\w+)\(", text))
    with open(os.path.join(ROOT, "bindings", "cpp", "snarm", "snarm.hpp"), encoding="utf-8") as file:
        header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    assert len(declared) > 50, declared
    return sorted(
        name for name in declared if not name.endswith("_options_init") and not re.search(rf"\b{name}\b", header)
    )


def documented(work):
    """The code of docs/cpp.md as one file: a program stays one, a piece of code becomes the body of a function."""
    with open(os.path.join(ROOT, "docs", "cpp.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```cpp\n(.*?)^```", file.read(), re.S | re.M)
    assert len(blocks) > 4
    program = next(block for block in blocks if "int main" in block)
    arguments = (
        "const snarm::detector &detector, const std::string &path, const std::vector<std::string> &paths, "
        "const std::vector<std::uint8_t> &camera_buffer"
    )
    text = program
    for number, block in enumerate(blocks):
        if block is not program:
            text += f"void piece_{number}({arguments});\nvoid piece_{number}({arguments}) {{\n{block}}}\n"
    path = os.path.join(work, "documented.cpp")
    sample.write(path, text.encode())
    return path


def compilers():
    for program, family in ("g++", "gcc"), ("clang++", "clang"):
        if shutil.which(program) and (SANITIZE == "none" or family == C_COMPILER):
            yield program


def run_with(compiler, standard, work):
    """Compiles and runs the tests; what went wrong, or None."""
    folder = os.path.join(work, f"{compiler}-{standard}")
    os.mkdir(folder)
    program = os.path.join(folder, "main")
    library_folder = os.path.dirname(os.path.abspath(LIBRARY))
    command = [compiler, f"-std={standard}", *WARNINGS, "-g", "-o", program]
    command += ["-I" + os.path.join(ROOT, "include"), "-I" + os.path.join(ROOT, "bindings", "cpp")]
    command += [os.path.join(HERE, name) for name in SOURCES]
    command += ["-L" + library_folder, "-lsnarm", "-Wl,-rpath," + library_folder, "-pthread"]
    if SANITIZE != "none":
        command.append("-fsanitize=" + SANITIZE)
    # Waiting threads that spin would take the cores of the tests beside this one.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    pieces = [compiler, f"-std={standard}", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused", "-Wno-unused-parameter", "-Werror", documented(work)]
    pieces += [argument for argument in command if argument.startswith("-I")]
    steps = ("docs/cpp.md", pieces), ("compile", command), ("run", [program, folder, *files(work)])
    for name, arguments in steps:
        done = subprocess.run(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, env=environment
        )
        if done.returncode != 0:
            return f"{name} ended with {done.returncode}\n" + done.stdout.decode(errors="replace")
    return None


def files(work):
    return os.path.join(work, "weights.safetensors"), os.path.join(work, "parts", "washer")


def main():
    missing = missing_functions()
    if missing:
        print("not in snarm.hpp:", " ".join(missing))
        return 1
    found = list(compilers())
    if not found:
        print("no C++ compiler: neither g++ nor clang++ is there (or none that fits a sanitized library)")
        return 77
    failed = False
    with tempfile.TemporaryDirectory(prefix="snarm-cpp-") as work:
        weights, _ = files(work)
        sample.safetensors(weights, sample.random_resnet())
        parts = [MAKE_PARTS, os.path.join(work, "parts"), "--count", "6", "--product", "washer"]
        subprocess.run(parts, check=True, stdout=subprocess.DEVNULL)
        for compiler in found:
            for standard in "c++17", "c++20":
                problem = run_with(compiler, standard, work)
                print(f"{compiler} {standard}: {'ok' if problem is None else problem}", flush=True)
                failed = failed or problem is not None
    return 1 if failed else 0


sys.exit(main())
