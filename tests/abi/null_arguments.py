"""null_arguments.py LIBRARY: every public function is called with nothing but NULL and 0. None may crash; those that return a status say
SNARM_ERROR_ARGUMENT, with a sentence, and those that return something else return NULL or 0 of a handle that is none."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import abi_headers  # noqa: E402  (found by the line above)

library = os.path.abspath(sys.argv[1])
# What has something to say without an argument.
ANSWERS = {"snarm_default_threads", "snarm_last_error", "snarm_status_name", "snarm_version"}
interface = abi_headers.read(os.path.join(ROOT, "include"))
lines = ["#include <snarm/snarm.h>", "#include <stdio.h>", "static int failures;",
         "static void check(const char *name, snarm_status status) {",
         "    if (status == SNARM_ERROR_ARGUMENT && snarm_last_error()[0] != '\\0')", "        return;",
         '    printf("%s: status %d: %s\\n", name, (int)status, snarm_last_error());', "    failures++;", "}",
         "static void check_nothing(const char *name, int something) {", "    if (!something)", "        return;",
         '    printf("%s: gives something for nothing\\n", name);', "    failures++;", "}", "int main(void) {"]
for name, (_, returned, parameters) in sorted(interface.functions.items()):
    arguments = ", ".join("(snarm_split)0" if kind == "snarm_split" else "(snarm_status)0" if kind == "snarm_status" else "0"
                          for kind in abi_headers.split(abi_headers.unnamed(parameters), ",") if kind != "void")
    call = f"{name}({arguments})"
    lines.append(f'    fputs("{name}\\n", stderr);')
    if name in ANSWERS:
        lines.append(f"    if ({call} == 0) check_nothing(\"{name}\", 1);")
    elif returned == "snarm_status":
        lines.append(f'    check("{name}", {call});')
    elif returned == "void":
        lines.append(f"    {call};")
    else:
        lines.append(f'    check_nothing("{name}", {call} != 0);')
lines += ["    return failures != 0;", "}", ""]
with tempfile.TemporaryDirectory() as folder:
    source, program = os.path.join(folder, "nothing.c"), os.path.join(folder, "nothing")
    with open(source, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    subprocess.run(abi_headers.compiler() + ["-std=c11", "-Wall", "-Wextra", "-I", os.path.join(ROOT, "include"), "-o", program, source, library,
                                             "-Wl,-rpath," + os.path.dirname(library)], check=True)
    result = subprocess.run([program], capture_output=True, text=True)
called = result.stderr.split()
print(f"{len(called)} of {len(interface.functions)} functions called")
print(result.stdout, end="")
if result.returncode not in (0, 1) or len(called) != len(interface.functions):
    print(f"{called[-1] if called else 'the program'}: ended the process with {result.returncode}")
sys.exit(1 if result.returncode != 0 or len(called) != len(interface.functions) else 0)
