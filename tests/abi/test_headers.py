"""Every public header compiles alone and twice, as C11 and as C++17, without a warning, with every compiler that is there."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDE = os.path.join(ROOT, "include")
HEADERS = sorted(name for name in os.listdir(os.path.join(INCLUDE, "snarm")) if name.endswith(".h"))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
C = ["gcc", "clang"]
CXX = ["g++", "clang++"]


def compilers(names):
    return [name for name in names if shutil.which(name)]


def compile_text(compiler, language, text):
    """The compiler's complaint about a source text, or ''."""
    kind, extra = (["-x", "c", "-std=c11", "-Wstrict-prototypes"], []) if language == "c" else (["-x", "c++", "-std=c++17"], ["-Wold-style-cast"])
    command = [compiler, *kind, *WARNINGS, *extra, "-I", INCLUDE, "-fsyntax-only", "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    return result.stderr if result.returncode != 0 or result.stderr else ""


class Headers(unittest.TestCase):
    def each(self, make):
        self.assertTrue(HEADERS)
        for language, names in (("c", C), ("c++", CXX)):
            for compiler in compilers(names):
                for header in HEADERS:
                    with self.subTest(compiler=compiler, header=header):
                        self.assertEqual(compile_text(compiler, language, make(header)), "")

    def test_alone(self):
        self.each(lambda header: f"#include <snarm/{header}>\n")

    def test_twice(self):
        self.each(lambda header: f"#include <snarm/{header}>\n#include <snarm/{header}>\n")

    def test_all_are_in_the_whole_one_and_installed(self):
        with open(os.path.join(INCLUDE, "snarm", "snarm.h"), encoding="utf-8") as file:
            whole = file.read()
        with open(os.path.join(INCLUDE, "snarm", "meson.build"), encoding="utf-8") as file:
            installed = file.read()
        for header in HEADERS:
            self.assertIn(f"'{header}'", installed)
            if header != "snarm.h":
                self.assertIn(f'#include "snarm/{header}"', whole)

    def test_complaints_are_seen(self):
        for language, names in (("c", C), ("c++", CXX)):
            for compiler in compilers(names):
                self.assertIn("nothing", compile_text(compiler, language, "#include <snarm/status.h>\nint nothing(int unused) { return 0; }\n"))

    def test_options_are_initialised_without_the_library(self):
        text = ("#include <snarm/snarm.h>\nint main(void) { snarm_fit_options o; o.tile_overlap = 1; snarm_fit_options_init(&o); "
                "return o.struct_size == sizeof o && o.tile_overlap == 0 ? 0 : 1; }\n")
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            for compiler in compilers(C + CXX):
                kind = "c" if compiler in C else "c++"
                subprocess.run([compiler, "-x", kind, "-I", INCLUDE, "-o", program, "-"], input=text, text=True, check=True)
                self.assertEqual(subprocess.run([program]).returncode, 0)


if __name__ == "__main__":
    absent = [name for name in C + CXX if not shutil.which(name)]
    if absent:
        print("not there, so not tried: " + ", ".join(absent))
    if not compilers(C) and not compilers(CXX):
        sys.exit(77)
    unittest.main()
