"""The house's rules, checked on the sources: house.py ROOT LIBRARY

- a folder of lib/ includes only itself, the public headers and folders before it in lib/meson.build's list;
- only lib/kernel includes oneDNN's header, only the headers' own library and examples' public ones are used in examples;
- what the headers declare with SNARM_API, what the version script lists, and what the library exports are the same names.
"""
import os
import re
import subprocess
import sys

root, library = sys.argv[1:]
problems = []


def read(*parts):
    with open(os.path.join(root, *parts), encoding="utf-8") as file:
        return file.read()


def sources(folder):
    for where, _, names in os.walk(os.path.join(root, folder)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                path = os.path.relpath(os.path.join(where, name), root)
                yield path, re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', read(path), re.M)


order = re.findall(r"'(\w+)'", re.search(r"foreach folder : \[(.*?)\]", read("lib", "meson.build"), re.S).group(1))
files = 0
for path, includes in sources("lib"):
    files += 1
    folder = path.split(os.sep)[1]
    for include in includes:
        target = include.split("/")[0]
        if target in order and order.index(target) > order.index(folder):
            problems.append(f"{path}: includes {include}: {target}/ comes after {folder}/")
        if include.startswith("dnnl") and folder != "kernel":
            problems.append(f"{path}: includes {include}: only lib/kernel may")
for path, includes in sources("examples"):
    files += 1
    for include in includes:
        if include.split("/")[0] in order:
            problems.append(f"{path}: includes {include}: examples use the public headers alone")

declared = set()
for path, _ in sources("include"):
    files += 1
    declared |= set(re.findall(r"SNARM_API\s[^;]*?\b(snarm_\w+)\(", re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)))
scripted = set(re.findall(r"^\s+(snarm_\w+);", read("lib", "libsnarm.map"), re.M))
symbols = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
exported = {line.split()[2].split("@")[0] for line in symbols.splitlines() if line.split()[1] != "A"}
for name, a, other, b in (("declared", declared, "listed in the version script", scripted),
                          ("listed in the version script", scripted, "exported", exported),
                          ("exported", exported, "declared", declared)):
    problems += [f"{symbol}: {name} but not {other}" for symbol in sorted(a - b)]

print(f"{files} files, {len(declared)} functions declared, {len(exported)} exported")
for problem in problems:
    print(problem)
sys.exit(1 if problems or not declared or not files else 0)
