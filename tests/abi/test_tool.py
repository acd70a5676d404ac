"""tools/abi.py catches what would break programs, and lets pass what would not: each test changes a copy of the interface."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import abi_headers  # noqa: E402  (found by the line above)

HAVE_ABIGAIL = shutil.which("abidiff") is not None and shutil.which("abidw") is not None


class Copy(unittest.TestCase):
    """A copy of what the tool looks at, and a library made from its headers alone."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        shutil.copytree(os.path.join(ROOT, "include"), self.path("include"))
        shutil.copytree(os.path.join(ROOT, "lib", "abi"), self.path("lib", "abi"))
        for name in ("lib/libsnarm.map", "meson.build", "CHANGELOG.md"):
            shutil.copy(os.path.join(ROOT, name), self.path(name))
        if not HAVE_ABIGAIL:  # then nothing could renew it
            for dump in glob.glob(self.path("lib", "abi", "*.abi")):
                os.remove(dump)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def edit(self, name, old, new):
        with open(self.path(name), encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text.replace(old, new, 1))

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def library(self):
        return abi_headers.stub_library(self.path("include"), abi_headers.read(self.path("include")), self.path("lib", "libsnarm.map"), self.root)

    def tool(self, *arguments):
        result = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "abi.py"), *arguments, "--root", self.root],
                                capture_output=True, text=True)
        self.assertEqual(result.stderr, "")
        return result.returncode, result.stdout

    def caught(self, *sentences, library=None):
        code, output = self.tool("check", library or self.library())
        self.assertEqual(code, 1, output)
        for sentence in sentences:
            self.assertIn(sentence, output)

    def passes(self):
        code, output = self.tool("check", self.library())
        self.assertEqual(code, 0, output)

    def updated(self):
        code, output = self.tool("update")
        self.assertEqual(code, 0, output)

    def refused(self, *sentences):
        before = self.read("lib/abi/symbols.txt"), self.read("lib/abi/types.txt")
        code, output = self.tool("update")
        self.assertEqual(code, 1, output)
        for sentence in sentences:
            self.assertIn(sentence, output)
        self.assertEqual((self.read("lib/abi/symbols.txt"), self.read("lib/abi/types.txt")), before)

    def grow(self, header, struct, text):
        """Puts a field at a structure's end."""
        self.edit(header, f"\n}} {struct};", f"\n    {text}\n}} {struct};")

    def insert(self, header, struct, field, text):
        """Puts a field before another of a structure."""
        whole = self.read(header)
        start = whole.index(f"typedef struct {struct} {{")
        line = re.compile(rf"^    [\w ]+[ *]+{field}[;,]", re.M).search(whole, start).group()
        self.edit(header, whole[start:], whole[start:].replace(line, f"    {text}\n{line}", 1))

    def size(self, struct):
        return self.measured()[struct][0]

    def place(self, struct, field):
        return self.measured()[struct][1][field][0]

    def measured(self):
        return abi_headers.measure(self.path("include"), abi_headers.read(self.path("include")))[0]

    def add_function(self):
        self.edit("include/snarm/map.h", "#ifdef __cplusplus\n}", "SNARM_API snarm_status snarm_map_added(float *map);\n#ifdef __cplusplus\n}")

    def release(self):
        """The version in development becomes a release, and the next one begins."""
        version = re.search(r"version: '(\d+\.\d+\.\d+)'", self.read("meson.build")).group(1)
        if f"## {version}, not yet released" in self.read("CHANGELOG.md"):
            self.edit("CHANGELOG.md", f"## {version}, not yet released", f"## {version}, 2026-01-31")
        major, minor, _ = version.split(".")
        self.next = f"{major}.{int(minor) + 1}.0"
        self.edit("CHANGELOG.md", f"## {version}, ", f"## {self.next}, not yet released\n\n## {version}, ")
        self.edit("meson.build", f"version: '{version}'", f"version: '{self.next}'")
        self.edit("include/snarm/status.h", f"SNARM_VERSION_MINOR {minor}", f"SNARM_VERSION_MINOR {int(minor) + 1}")
        self.edit("include/snarm/status.h", f"SNARM_VERSION_PATCH {version.split('.')[2]}", "SNARM_VERSION_PATCH 0")

    def nodes(self):
        """Of the version script, the newest last: a version that brought no function has none."""
        return re.findall(r"^(SNARM_[\d.]+) \{", self.read("lib/libsnarm.map"), re.M)

    def export(self, symbol):
        """Puts a function into the node of the version in development, which it may open."""
        version = re.search(r"version: '(\d+\.\d+)\.\d+'", self.read("meson.build")).group(1)
        newest, node = self.nodes()[-1], "SNARM_" + version
        if newest == node:
            self.edit("lib/libsnarm.map", f"{node} {{\nglobal:\n", f"{node} {{\nglobal:\n    {symbol};\n")
        else:
            with open(self.path("lib", "libsnarm.map"), "a", encoding="utf-8") as file:
                file.write(f"{node} {{\nglobal:\n    {symbol};\n}} {newest};\n")


class Changes(Copy):
    """What `check` says of a change that the ledgers do not know."""

    def test_nothing(self):
        self.passes()

    def test_function_added_everywhere(self):
        self.add_function()
        self.edit("lib/libsnarm.map", "    snarm_map_from_logits;", "    snarm_map_added;\n    snarm_map_from_logits;")
        self.caught("function snarm_map_added: in the headers, but not in the ledger",
                    "function snarm_map_added: in the version script, but not in the ledger")

    def test_function_added_to_the_library_alone(self):
        with open(self.path("include", "snarm", "map.h"), encoding="utf-8") as file:
            header = file.read()
        self.add_function()
        self.edit("lib/libsnarm.map", "    snarm_map_from_logits;", "    snarm_map_added;\n    snarm_map_from_logits;")
        library = self.library()
        with open(self.path("include", "snarm", "map.h"), "w", encoding="utf-8") as file:
            file.write(header)
        self.edit("lib/libsnarm.map", "    snarm_map_added;\n", "")
        self.caught("function snarm_map_added: exported by the library, but not in the version script", library=library)

    def test_function_removed(self):
        text = self.read("include/snarm/map.h")
        declaration = re.search(r"SNARM_API snarm_status snarm_map_smooth\(.*?;\n", text, re.S).group()
        self.edit("include/snarm/map.h", declaration, "")
        self.edit("lib/libsnarm.map", "    snarm_map_smooth;\n", "")
        self.caught("function snarm_map_smooth: in the ledger since", "function snarm_map_smooth: in the ledger, but not in the version script")

    def test_function_forgotten_in_the_library(self):
        self.edit("lib/libsnarm.map", "    snarm_map_smooth;\n", "")
        library = self.library()
        self.edit("lib/libsnarm.map", "    snarm_map_from_logits;", "    snarm_map_smooth;\n    snarm_map_from_logits;")
        self.caught("function snarm_map_smooth: in the version script, but not exported by the library", library=library)

    def test_parameter_changed(self):
        self.edit("include/snarm/map.h", "double sigma", "float sigma")
        self.caught("function snarm_map_smooth: ", "double, int32_t)' in the ledger since", "float, int32_t)'")

    def test_parameter_renamed(self):
        self.edit("include/snarm/map.h", "double sigma", "double width_of_it")
        self.passes()

    def test_struct_grown_in_the_middle(self):
        size, place = self.size("snarm_result"), self.place("snarm_result", "threshold")
        self.insert("include/snarm/detector.h", "snarm_result", "threshold", "double more;")
        self.caught("field snarm_result.more: in the headers, but not in the ledger", f"field snarm_result.threshold: '{place} 4 threshold float'",
                    f"struct snarm_result: {size} bytes in the ledger")

    def test_struct_without_size_grown(self):
        size = self.size("snarm_image")
        self.grow("include/snarm/image.h", "snarm_image", "void *more;")
        self.caught(f"struct snarm_image: {size} bytes", "it has no struct_size and may not grow")

    def test_type_of_a_field(self):
        self.edit("include/snarm/detector.h", "    int32_t anomalous;", "    uint32_t anomalous;")
        self.caught("field snarm_result.anomalous: ", f"the headers say '{self.place('snarm_result', 'anomalous')} 4 anomalous uint32_t'")

    def test_enumeration_renumbered(self):
        self.edit("include/snarm/status.h", "SNARM_ERROR_IO = 3,", "SNARM_ERROR_NEW = 3, SNARM_ERROR_IO = 9,")
        self.caught("value snarm_status.SNARM_ERROR_IO: 'SNARM_ERROR_IO 3' in the ledger", "value snarm_status.SNARM_ERROR_NEW: in the headers")

    def test_constant_changed(self):
        self.edit("include/snarm/backbone.h", "SNARM_LAYERS_MAX = 64", "SNARM_LAYERS_MAX = 96")
        self.caught("constant SNARM_LAYERS_MAX", "field snarm_backbone_options.layers")

    def test_versions_part(self):
        self.edit("include/snarm/status.h", "#define SNARM_VERSION_PATCH ", "#define SNARM_VERSION_PATCH 7")
        self.caught("meson.build has version ", "include/snarm/status.h ")

    def test_options_must_be_initialised_inline(self):
        self.edit("include/snarm/detector.h", "static inline void snarm_fit_options_init(snarm_fit_options *options) {\n"
                  "    snarm_options_clear(options, sizeof *options);\n}", "SNARM_API void snarm_fit_options_init(snarm_fit_options *options);")
        self.caught("function snarm_fit_options_init: would write a structure of the library's size")

    def test_struct_that_may_grow_inside_another(self):
        self.edit("include/snarm/detector.h", "const snarm_backbone_info *backbone;", "snarm_backbone_info backbone;")
        self.caught("field snarm_detector_info.backbone: holds a snarm_backbone_info, which may grow")

    def test_what_is_not_understood(self):
        self.edit("include/snarm/map.h", "#ifdef __cplusplus\n}", "int snarm_unmarked(void);\n#ifdef __cplusplus\n}")
        code, output = self.tool("check", __file__)
        self.assertEqual((code, output), (1, "map.h: 'int snarm_unmarked(void)' is not understood\n"))


class Updates(Copy):
    """What `update` writes, and what it refuses, in development and after a release."""

    def test_development_may_change_anything(self):
        if "not yet released" not in self.read("CHANGELOG.md"):
            self.release()
        self.add_function()
        self.export("snarm_map_added")
        self.updated()
        self.edit("include/snarm/map.h", "snarm_map_added(float *map)", "snarm_map_added(double *map, int32_t count)")
        self.updated()
        self.passes()

    def test_padding_may_be_filled(self):
        self.release()
        size = self.size("snarm_pixel_metrics_options")
        self.grow("include/snarm/metrics.h", "snarm_pixel_metrics_options", "int32_t reserved;\n    int32_t more;")
        self.updated()
        self.passes()
        self.assertEqual(self.place("snarm_pixel_metrics_options", "more"), size)

    def test_additions_after_a_release(self):
        self.release()
        self.add_function()
        self.export("snarm_map_added")
        size = self.size("snarm_pixel_metrics_options")
        self.grow("include/snarm/metrics.h", "snarm_pixel_metrics_options", "int32_t more;")
        self.edit("include/snarm/status.h", "SNARM_ERROR_INTERNAL = 8", "SNARM_ERROR_INTERNAL = 8, SNARM_ERROR_MORE = 9")
        self.refused(f"field snarm_pixel_metrics_options.more: at byte {size - 4}, but the structure had {size} bytes")
        self.edit("include/snarm/metrics.h", "    int32_t more;\n", "    double more;\n")
        self.updated()
        self.passes()
        self.assertIn(f"{self.next} function map.h snarm_status snarm_map_added(float *)\n", self.read("lib/abi/symbols.txt"))
        types = self.read("lib/abi/types.txt")
        for line in (f"{self.next}   field {size} 8 more double\n", f"{self.next}   size {size + 8}\n", f"{self.next}   value SNARM_ERROR_MORE 9\n"):
            self.assertIn(line, types)
        self.assertIn(f"  size {size}\n", types[types.index("snarm_pixel_metrics_options sized"):])
        # The node of another version than the ledger's.
        self.edit("lib/libsnarm.map", "global:\n    snarm_map_added;", "global:\n    snarm_map_score;")
        self.edit("lib/libsnarm.map", "    snarm_map_score;", "    snarm_map_added;")
        self.caught("function snarm_map_added: SNARM_" + ".".join(self.next.split(".")[:2]) + " in the ledger")

    def test_what_released_programs_need_stays(self):
        self.release()
        size, place = self.size("snarm_result"), self.place("snarm_result", "threshold")
        self.insert("include/snarm/detector.h", "snarm_result", "threshold", "double more;")
        self.grow("include/snarm/image.h", "snarm_image", "void *more;")
        self.edit("include/snarm/status.h", "SNARM_ERROR_IO = 3", "SNARM_ERROR_IO = 30")
        self.edit("include/snarm/map.h", "double sigma", "float sigma")
        self.edit("include/snarm/map.h", "SNARM_API snarm_status snarm_map_score(", "SNARM_API snarm_status snarm_map_rating(")
        self.refused("field snarm_result.threshold: ", "field snarm_result.more: at byte ", f"'{place} 4 threshold float'",
                     f"but the structure had {size} bytes", "it has no struct_size and may not grow", 
                     "value snarm_status.SNARM_ERROR_IO: ", "function snarm_map_smooth: ",
                     "function snarm_map_score: in the ledger since")

    def test_nothing_comes_with_a_patch(self):
        self.release()
        for name in "meson.build", "CHANGELOG.md":
            self.edit(name, self.next, self.next[:-1] + "1")
        self.edit("include/snarm/status.h", "SNARM_VERSION_PATCH 0", "SNARM_VERSION_PATCH 1")
        self.add_function()
        self.refused("function snarm_map_added: is new, which takes a new minor version")

    def test_a_released_version_is_closed(self):
        self.release()
        self.edit("CHANGELOG.md", f"## {self.next}, not yet released", f"## {self.next}, 2026-02-28")
        self.refused(f"CHANGELOG.md gives {self.next} a date")

    @unittest.skipUnless(HAVE_ABIGAIL, "abigail-tools is not there")
    def test_release_renews_the_dump(self):
        self.release()
        self.updated()
        kept = [os.path.basename(path) for path in glob.glob(self.path("lib", "abi", "*.abi"))]
        self.assertEqual(len(kept), 1)
        self.assertNotIn(self.next, kept[0])  # the last release's stays while the next one is being made
        code, output = self.tool("release")
        self.assertEqual(code, 0, output)
        self.assertEqual(os.listdir(self.path("lib", "abi")).count(f"libsnarm-{self.next}.abi"), 1)
        self.assertEqual(len(glob.glob(self.path("lib", "abi", "*.abi"))), 1)


@unittest.skipUnless(HAVE_ABIGAIL, "abigail-tools is not there")
class Comparison(Copy):
    """What abidiff, as `compare` runs it, says of a library with another interface than the dump's."""

    def compared(self, expected, *words):
        code, output = self.tool("compare", self.library())
        self.assertEqual(code, expected, output)
        for word in words:
            self.assertIn(word, output)

    def setUp(self):
        super().setUp()
        code, output = self.tool("release") if "not yet released" in self.read("CHANGELOG.md") else (0, "")
        self.assertEqual(code, 0, output)

    def test_the_dump_is_the_headers(self):
        self.compared(0)

    def test_additions(self):
        self.add_function()
        self.edit("lib/libsnarm.map", "    snarm_map_from_logits;", "    snarm_map_added;\n    snarm_map_from_logits;")
        self.grow("include/snarm/metrics.h", "snarm_pixel_metrics_options", "double more;")
        self.edit("include/snarm/status.h", "SNARM_ERROR_INTERNAL = 8", "SNARM_ERROR_INTERNAL = 8, SNARM_ERROR_MORE = 9")
        self.compared(0)

    def test_removed(self):
        self.edit("include/snarm/map.h", "SNARM_API snarm_status snarm_map_score(", "SNARM_API snarm_status snarm_map_rating(")
        self.edit("lib/libsnarm.map", "    snarm_map_score;", "    snarm_map_rating;")
        self.compared(1, "snarm_map_score")

    def test_grown_in_the_middle(self):
        self.insert("include/snarm/detector.h", "snarm_result", "threshold", "double more;")
        self.compared(1, "snarm_result", "more")

    def test_renumbered(self):
        self.edit("include/snarm/status.h", "SNARM_ERROR_IO = 3", "SNARM_ERROR_IO = 30")
        self.compared(1, "SNARM_ERROR_IO")

    def test_another_type(self):
        self.edit("include/snarm/map.h", "double sigma", "float sigma")
        self.compared(1, "snarm_map_smooth")

    def test_without_debug_information(self):
        library = self.library()
        subprocess.run(["strip", "--strip-debug", library], check=True)
        code, output = self.tool("compare", library)
        self.assertEqual(code, 77)
        self.assertIn("configure with -Ddebug=true", output)


if __name__ == "__main__":
    unittest.main()
