"""check_code.py ROOT WORD... -- [WORD...]: compiles every block of code in README.md and docs/: the words before -- are the C compiler's
command, those behind it the C++ compiler's, if there is one.

A block of C is a whole file if it includes a header or says so (```c example=file); else it is put into a function whose arguments are what examples
take for granted (detector, image, camera_buffer, ...). ```c skip=REASON is not compiled; there may be few of these. Blocks of Python and
JSON must be such; those of C++ need one of the C++ headers. The examples in the headers' own comments are compiled too: there "..." stands for
what the program does, and "for each test image:" for a loop.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from documents import ROOT, Block, finish, read_all

SKIPS_ALLOWED = 3
C_FRAME = """#include <snarm/snarm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int example(snarm_detector *detector, snarm_image image, snarm_result result, const uint8_t *camera_buffer, float *map,
            const char *const *paths, size_t count);
int example(snarm_detector *detector, snarm_image image, snarm_result result, const uint8_t *camera_buffer, float *map,
            const char *const *paths, size_t count) {
    (void)detector, (void)image, (void)result, (void)camera_buffer, (void)map, (void)paths, (void)count;
    {
#line %d "%s"
%s
    }
    return 0;
}
"""
C_FILE_FRAME = '#include <snarm/snarm.h>\n#include <stdio.h>\n#include <stdlib.h>\n#line %d "%s"\n%s'
CPP_FRAME = """%s
int example(const snarm::detector &detector, snarm::span<const std::uint8_t> camera_buffer, const std::string &path,
            const std::vector<std::string> &paths) {
    (void)detector, (void)camera_buffer, (void)path, (void)paths;
    {
#line %d "%s"
%s
    }
    return 0;
}
"""
C_FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only"]
CPP_FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only"]


# What the examples of a header take for granted beyond that.
OF_HEADERS = {
    "metrics.h": "snarm_pixel_metrics_result result = {0}; const uint8_t *mask = NULL; int32_t width = 1, height = 1;",
    "pipeline.h": "snarm_status show(void *user, const snarm_pipeline_item *item);",
    "report.h": "snarm_report_sample sample = {0}; snarm_detector_info info = {0}; snarm_pixel_metrics *pixels = NULL;",
}


def compile_with(command, flags, suffix, source):
    """What the compiler says against the source; "" for nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=suffix, encoding="utf-8") as file:
        file.write(source)
        file.flush()
        includes = ["-I" + os.path.join(ROOT, "include"), "-I" + os.path.join(ROOT, "bindings", "cpp"),
                    "-I" + os.path.join(ROOT, "bindings", "cpp", "include")]
        run = subprocess.run(command + flags + includes + [file.name], capture_output=True, text=True)
    return "" if run.returncode == 0 else run.stderr.strip()


def check_c(command, block, name):
    # Without their includes, which examples leave out, fragments could not be told from what they need.
    if "example=file" in block.mark:
        frame = C_FILE_FRAME
    elif re.search(r"^\w[^\n;]*\)\s*\{", block.code, re.M) and "#include" in block.code:
        frame = '#line %d "%s"\n%s'
    else:
        frame = C_FRAME
    code = block.code if frame != C_FRAME else re.sub(r"^#include[^\n]*", "", block.code, flags=re.M)
    return compile_with(command, C_FLAGS, ".c", frame % (block.line + 1, name, code))


def header_examples():
    """(name, Block) of each example in a header's comments."""
    import headers

    for header in headers.read_all(ROOT):
        comments = [(1, header.intro)] + [(entry.line, entry.comment) for entry in header.entries]
        for line, blocks in comments:
            for part in blocks:
                if part.kind == "code" and ";" in part.content:
                    code = re.sub(r"for each [\w ]+:", "for (int each = 0; each < 2; each++)", part.content)
                    code = re.sub(r"(?<=\)) \.\.\.$", " return 1;", code, flags=re.M)
                    code = re.sub(r"^(\s*)\.\.\.$", r"\1;", code, flags=re.M)
                    yield f"include/snarm/{header.name}", Block(line, "c", "", OF_HEADERS.get(header.name, "") + "\n" + code)


def check_cpp(command, block, name):
    headers = glob.glob(os.path.join(ROOT, "include", "snarm", "*.hpp")) + \
        glob.glob(os.path.join(ROOT, "bindings", "cpp", "**", "*.hpp"), recursive=True)
    if not headers:
        return "there is no C++ header that it could use"
    include = f'#include "{headers[0]}"\n#include <iostream>\n#include <string>\n#include <vector>\n'
    whole = "#include" in block.code and re.search(r"^\w[^\n;]*\)\s*\{", block.code, re.M)
    if whole or "example=file" in block.mark:
        source = f'{"" if whole else include}#line {block.line + 1} "{name}"\n{block.code}'
    else:
        code = re.sub(r"^#include[^\n]*", "", block.code, flags=re.M)
        source = CPP_FRAME % (include, block.line + 1, name, code)
    return compile_with(command, CPP_FLAGS, ".cpp", source)


def check_python(block, name):
    try:
        compile("\n" * block.line + block.code, name, "exec")
    except SyntaxError as error:
        return f"{name}:{error.lineno}: {error.msg}"
    return ""


def check_json(block, name):
    try:
        json.loads(block.code)
    except ValueError as error:
        return f"{name}:{block.line}: {error}"
    return ""


def main():
    words = sys.argv[2:]
    split = words.index("--")
    c_command, cpp_command = words[:split], words[split + 1:]
    problems, counts, skipped = [], {}, []
    for document in read_all():
        for block in document.blocks:
            kind = {"h": "c", "c++": "cpp", "hpp": "cpp", "py": "python"}.get(block.language, block.language)
            if block.mark.startswith("skip="):
                skipped.append(f"{document.name}:{block.line}")
                continue
            if kind == "c":
                found = check_c(c_command, block, document.name)
            elif kind == "cpp" and cpp_command:
                found = check_cpp(cpp_command, block, document.name)
            elif kind == "python":
                found = check_python(block, document.name)
            elif kind == "json":
                found = check_json(block, document.name)
            else:
                continue
            counts[kind] = counts.get(kind, 0) + 1
            if found:
                problems.append(f"{document.name}:{block.line}: does not compile:\n{found}")
    for name, block in header_examples():
        counts["in headers"] = counts.get("in headers", 0) + 1
        found = check_c(c_command, block, name)
        if found:
            problems.append(f"{name}:{block.line}: the example does not compile:\n{found}")
    if len(skipped) > SKIPS_ALLOWED:
        problems.append(f"{len(skipped)} blocks are left out, more than {SKIPS_ALLOWED}: {', '.join(skipped)}")
    if not counts.get("c") or not counts.get("in headers"):
        problems.append("no block of C was found")
    finish(problems, "compiled: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) + f"; {len(skipped)} left out")


main()
