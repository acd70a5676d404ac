"""Reads the public C headers: structures with their fields, functions with their arguments, enumerations, callback types.

Not a C parser: it knows the few forms the headers have, and refuses any other, so that nothing is passed over.
"""

import os
import re
import subprocess

QUALIFIERS = re.compile(r"\b(const|struct|enum)\b")


class Headers:
    """structures: {name: {field: C type}}; functions: {name: (C type, [C types])}; callbacks: the same of function pointer types,
    under their name or structure.field; enums: {name: {constant: value}}, constants without a type under ""."""

    def __init__(self, folder):
        self.folder = folder
        self.names = sorted(name for name in os.listdir(folder) if name.endswith(".h"))
        self.structures, self.functions, self.callbacks, self.enums, self.defines = {}, {}, {}, {"": {}}, {}
        for name in self.names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                self._read(file.read(), name)

    def _read(self, text, header):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        self.defines.update(re.findall(r"^#define (SNARM_VERSION_\w+) (\d+)$", text, re.M))
        self.defines.update(re.findall(r'^#define (SNARM_\w+) "(.*)"$', text, re.M))
        text = re.sub(r"^#.*(?:\\\n.*)*$", "", text, flags=re.M).replace('extern "C" {', "")
        text = re.sub(r"static inline [^{;]*\{.*?\n\}", "", text, flags=re.S)
        while True:
            text = text.strip()
            if not text or text == "}":
                return
            for take in (self._enum, self._structure, self._opaque, self._callback, self._function):
                length = take(text)
                if length:
                    text = text[length:]
                    break
            else:
                raise ValueError(f"{header}: a declaration of a form that is not known: {text[:120]!r}")

    def _enum(self, text):
        match = re.match(r"(?:typedef )?enum (\w+ )?\{(.*?)\}\s*(\w*);", text, re.S)
        if not match:
            return 0
        values, value = self.enums.setdefault(match[3], {}), -1
        for item in filter(None, (item.strip() for item in match[2].split(","))):
            name, _, given = (part.strip() for part in item.partition("="))
            value = int(given) if given else value + 1
            values[name] = value
        return match.end()

    def _structure(self, text):
        match = re.match(r"typedef struct (\w+) \{(.*?)\}\s*\1;", text, re.S)
        if not match:
            return 0
        fields = self.structures[match[1]] = {}
        for item in filter(None, (" ".join(item.split()) for item in match[2].split(";"))):
            pointer = re.fullmatch(r"(.+?)\(\*(\w+)\)\((.*)\)", item)
            if pointer:
                self.callbacks[f"{match[1]}.{pointer[2]}"] = (plain(pointer[1]), arguments(pointer[3]))
                fields[pointer[2]] = "callback"
                continue
            kind, names = re.fullmatch(r"((?:const )?\w+)\b(.*)", item).groups()
            for name in names.split(","):
                stars, name, size = re.fullmatch(r"\s*((?:\*|const|\s)*)(\w+)(\[\w+\])?\s*", name).groups()
                fields[name] = plain(kind + stars) + (size or "")
        return match.end()

    def _opaque(self, text):
        match = re.match(r"typedef struct (\w+) \1;", text)
        return match.end() if match else 0

    def _callback(self, text):
        match = re.match(r"typedef ([\w ]+?)\s*\(\*(\w+)\)\(([^;]*)\);", text, re.S)
        if not match:
            return 0
        self.callbacks[match[2]] = (plain(match[1]), arguments(match[3]))
        return match.end()

    def _function(self, text):
        match = re.match(r"SNARM_API ([\w\s*]+?)(snarm_\w+)\(([^;]*)\);", text, re.S)
        if not match:
            return 0
        self.functions[match[2]] = (plain(match[1]), arguments(match[3]))
        return match.end()

    def measure(self, compiler, work):
        """{structure: (size, {field: (offset, size)})} as a compiler lays them out."""
        lines = []
        for name, fields in self.structures.items():
            lines.append(f'printf("{name} %zu 0\\n", sizeof({name}));')
            lines += [f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));' for field in fields]
        source, program = os.path.join(work, "layout.c"), os.path.join(work, "layout")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#include <snarm/snarm.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
        subprocess.run([*compiler, "-std=c11", "-I", os.path.dirname(self.folder), source, "-o", program], check=True)
        sizes = {}
        for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
            name, first, second = line.split()
            structure, _, field = name.partition(".")
            if field:
                sizes[structure][1][field] = (int(first), int(second))
            else:
                sizes[structure] = (int(first), {})
        return sizes


def plain(kind):
    """A C type without const and with single spaces: "float *"."""
    return " ".join(QUALIFIERS.sub(" ", kind).replace("*", " * ").split()).replace("* *", "**")


def arguments(text):
    """The types of a list of arguments."""
    text = " ".join(text.split())
    if text == "void":
        return []
    kinds = []
    for item in re.split(r",\s*", text):
        match = re.fullmatch(r"(.*?[\s*])\w+(\[\d*\])?", item)
        kinds.append(plain(match[1] + (" *" if match[2] else "")))
    return kinds
