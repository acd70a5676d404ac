"""check_commands.py ROOT SNARM: what README.md and docs/ say of commands is what there is.

- the options of every `snarm COMMAND ...`, in a block of code or in running text, are in `snarm COMMAND --help`;
- every option of every command is in docs/command-line.md, and every --option that is named there is some command's;
- -D options are meson's or in meson_options.txt; paths of the repository that are named exist.
"""
import glob
import os
import re
import subprocess
import sys

from documents import ROOT, finish, read_all

# Options of other programs that are named beside ours, and paths that an example makes up.
FOREIGN = {"--unbuffered", "--buildtype", "--no-install", "--cflags", "--libs", "--version", "--help"}
problems = []


def options_of(snarm, command=None):
    words = [snarm] + ([command] if command else []) + ["--help"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if command is None:
        return re.findall(r"^  (\w+) {2,}|^  (benchmark) ", text, re.M)
    return set(re.findall(r"^  (--[a-z][a-z-]*)", text, re.M))


def invocations(document, commands):
    """(line, command, options) of every snarm command that the document shows."""
    for block in document.blocks:
        if block.language not in ("", "sh", "console", "bash", "text"):
            continue
        code = re.sub(r"\\\n\s*", " ", block.code)
        for number, line in enumerate(code.split("\n")):
            match = re.match(r"^(?:\$ |ExecStart=)?(?:\S*/)?snarm ([a-z]\w*)\b([^|#]*(?:\|\w[^|#]*)*)", line.strip())
            if match:
                yield block.line + number, match[1], re.findall(r"(?<![\w-])--[a-z][a-z-]*", match[2])
    for line, code in document.inline:
        match = re.match(r"^snarm ([a-z]\w*)\b(.*)$", code)
        if match and (match[1] in commands or "--" in match[2]):  # else a text that only begins so, as `snarm bank 1`
            yield line, match[1], re.findall(r"(?<![\w-])--[a-z][a-z-]*", match[2])


# Of an installation, and of a program that has the library as a subproject.
ELSEWHERE = {"lib/x86_64-linux-gnu", "include/snarm/snarm.hpp", "subprojects/libsnarm", "subprojects/libsnarm.wrap"}


def check_paths(document):
    for line, code in document.inline + [(b.line, word) for b in document.blocks for word in b.code.split()]:
        match = re.match(r"^(?:\.\./)?((?:lib|tests|examples|docs|include|subprojects|bindings|tools)/[\w./*-]+?)[.,;:]?$", code)
        if match and match[1] not in ELSEWHERE and "packagecache" not in code and not glob.glob(os.path.join(ROOT, match[1])) and "NEW" not in code:
            problems.append(f"{document.name}:{line}: there is no {match[1]}")


def main():
    snarm = sys.argv[2]
    commands = {name for pair in options_of(snarm) for name in pair if name}
    options = {command: options_of(snarm, command) for command in commands}
    everything = set().union(*options.values())
    with open(os.path.join(ROOT, "meson_options.txt"), encoding="utf-8") as file:
        meson_options = set(re.findall(r"option\('(\w+)'", file.read()))
    shown = 0
    for document in read_all():
        for line, command, given in invocations(document, commands):
            shown += 1
            if command not in commands:
                problems.append(f"{document.name}:{line}: snarm {command}: there is no such command")
                continue
            problems.extend(f"{document.name}:{line}: snarm {command} has no {option}" for option in given
                            if option not in options[command])
        for line, code in document.inline + [(b.line, b.code) for b in document.blocks if b.language in ("", "sh")]:
            for name in re.findall(r"(?<![\w-])-D(\w+)=", code):
                if name not in meson_options and not name.startswith(("b_", "CMAKE_")):
                    problems.append(f"{document.name}:{line}: meson has no option {name}")
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code) if document.name == "docs/command-line.md" else ():
                if option not in everything | FOREIGN:
                    problems.append(f"{document.name}:{line}: no command has the option {option}")
        check_paths(document)
    with open(os.path.join(ROOT, "docs", "command-line.md"), encoding="utf-8") as file:
        manual = file.read()
    for command in sorted(commands):
        if not re.search(rf"^## {command}$", manual, re.M):
            problems.append(f"docs/command-line.md: no section '## {command}'")
        problems.extend(f"docs/command-line.md: {option} of snarm {command} is not there" for option in sorted(options[command])
                        if not re.search(rf"{option}(?![\w-])", manual))
    if len(commands) < 6 or not shown:
        problems.append(f"only {len(commands)} commands and {shown} uses of them were found")
    finish(problems, f"{len(commands)} commands with {len(everything)} options, shown {shown} times")


main()
