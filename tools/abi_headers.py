"""Reads the public headers: what they declare, and how a compiler lays it out. Used by abi.py.

The headers keep to a few forms, and only these are understood: functions marked SNARM_API, structures, enumerations and callbacks by typedef,
anonymous enumerations for constants, inline functions. Anything else is an error, so that nothing is overlooked.
"""
import os
import re
import subprocess
import tempfile


class AbiError(Exception):
    """A sentence for the one who runs the tool."""


class Interface:
    """functions and callbacks: {name: (header, returned type, parameters)}; structs: {name: (header, [(field, type)])};
    enums: {name: (header, [constant])}, constants: {name: header}, handles: {name: header}; inlines: {name: header}."""

    def __init__(self):
        self.functions, self.callbacks, self.structs, self.enums = {}, {}, {}, {}
        self.constants, self.handles, self.inlines = {}, {}, {}

    def is_sized(self, struct):
        """Whether programs say which size they know, so that it may grow."""
        return self.structs[struct][1][0] == ("struct_size", "size_t")


def tidy(text):
    """One spelling of a type or declaration: single spaces, '*' beside the name."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s*\*\s*", " *", text)
    return text.replace("* *", "**").replace("( *", "(*").replace("* const", "*const ").replace("  ", " ").strip()


def unnamed(parameters):
    """A parameter list without the parameters' names, which may change."""
    kept = []
    for parameter in split(parameters, ","):
        array = re.search(r"\[\w*\]$", parameter)
        parameter = tidy(re.sub(r"\[\w*\]$", "", parameter))
        words = re.findall(r"\w+", parameter)
        if len([w for w in words if w not in ("const", "struct", "enum", "unsigned")]) > 1:
            parameter = re.sub(r"\w+$", "", parameter).strip()
        kept.append(parameter + (" " + array.group() if array else ""))
    return ", ".join(kept)


def split(text, separator):
    """Splits at separators that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "({[") - (c in ")}]")
        if c == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if text[start:].strip():
        parts.append(text[start:])
    return [part.strip() for part in parts]


def without_inlines(text, found):
    """Takes inline functions out, whose bodies are compiled into programs; notes their names."""
    while (match := re.search(r"static inline [^;{]*?\b(snarm_\w+)\([^;{]*\)\s*\{", text)) is not None:
        depth, end = 1, match.end()
        while depth > 0:
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
        found.append(match.group(1))
        text = text[:match.start()] + text[end:]
    return text


def fields(body, where):
    """[(name, type)] of a structure's body; an array's type ends with its length."""
    found = []
    for declaration in split(body, ";"):
        callback = re.fullmatch(r"(.*?)\(\s*\*\s*(\w+)\s*\)\s*\((.*)\)", tidy(declaration))
        if callback:
            found.append((callback.group(2), f"{tidy(callback.group(1))} (*)({unnamed(callback.group(3))})"))
            continue
        first, *others = split(tidy(declaration), ",")
        match = re.fullmatch(r"(.*?)(\w+)\s*(\[\w+\])?", first)
        if match is None or not match.group(1).strip():
            raise AbiError(f"{where}: the field '{declaration}' is not understood")
        base = match.group(1).strip()
        found.append((match.group(2), tidy(base) + (" " + match.group(3) if match.group(3) else "")))
        for other in others:
            more = re.fullmatch(r"(\w+)\s*(\[\w+\])?", other)
            if more is None or "*" in base:
                raise AbiError(f"{where}: the fields '{declaration}' are not understood; give each a line of its own")
            found.append((more.group(1), tidy(base) + (" " + more.group(2) if more.group(2) else "")))
    return found


def read_declaration(text, header, interface):
    """Puts one declaration at file level into the interface."""
    text = tidy(text)
    if match := re.fullmatch(r"SNARM_API (.*?)\b(snarm_\w+)\((.*)\)", text):
        interface.functions[match.group(2)] = (header, tidy(match.group(1)), match.group(3))
    elif match := re.fullmatch(r"typedef (.*?)\(\*(snarm_\w+)\)\s*\((.*)\)", text):
        interface.callbacks[match.group(2)] = (header, tidy(match.group(1)), match.group(3))
    elif match := re.fullmatch(r"typedef struct (snarm_\w+) \{(.*)\} ?(snarm_\w+)", text):
        if match.group(1) != match.group(3):
            raise AbiError(f"{header}: struct {match.group(1)} is typedef'd as {match.group(3)}")
        interface.structs[match.group(1)] = (header, fields(match.group(2), f"{header}: {match.group(1)}"))
    elif match := re.fullmatch(r"typedef struct (snarm_\w+) (snarm_\w+)", text):
        interface.handles[match.group(1)] = header
    elif match := re.fullmatch(r"(?:typedef )?enum (?:(snarm_\w+) )?\{(.*)\}(?: (snarm_\w+))?", text):
        names = [re.match(r"\w+", item).group() for item in split(match.group(2), ",")]
        if match.group(1):
            interface.enums[match.group(1)] = (header, names)
        else:
            interface.constants.update({name: header for name in names})
    else:
        raise AbiError(f"{header}: '{text[:100]}' is not understood")


def read(include):
    """The interface of the headers in a folder."""
    interface = Interface()
    folder = os.path.join(include, "snarm")
    for header in sorted(os.listdir(folder)):
        if not header.endswith(".h"):
            continue
        with open(os.path.join(folder, header), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
        text = re.sub(r"\\\n", " ", re.sub(r"//[^\n]*", " ", text))
        text = re.sub(r"#ifdef __cplusplus\s+(extern \"C\" \{|\})\s+#endif", "", text)
        text = re.sub(r"^\s*#[^\n]*$", "", text, flags=re.M)
        inlines = []
        text = without_inlines(text, inlines)
        interface.inlines.update({name: header for name in inlines})
        for declaration in split(text, ";"):
            read_declaration(declaration, header, interface)
    return interface


def compiler():
    return os.environ.get("CC", "cc").split()


def measure(include, interface):
    """What a compiler says: ({struct: (size, {field: (offset, size)})}, {constant: value})."""
    lines = ["#include <snarm/snarm.h>", "#include <stdio.h>", "int main(void) {"]
    for name, (_, members) in sorted(interface.structs.items()):
        lines.append(f'    printf("struct {name} - %zu 0\\n", sizeof({name}));')
        lines += [f'    printf("field {name} {field} %zu %zu\\n", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));'
                  for field, _ in members]
    for constant in sorted(list(interface.constants) + [c for _, names in interface.enums.values() for c in names]):
        lines.append(f'    printf("value {constant} - %lld 0\\n", (long long){constant});')
    lines += ["    return 0;", "}", ""]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        built = subprocess.run(compiler() + ["-std=c11", "-I", include, "-o", program, source], capture_output=True, text=True)
        if built.returncode != 0:
            raise AbiError(f"the headers do not compile:\n{built.stderr.strip()}")
        output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    sizes, values = {}, {}
    for line in output.splitlines():
        kind, name, field, first, second = line.split()
        if kind == "struct":
            sizes[name] = (int(first), {})
        elif kind == "field":
            sizes[name][1][field] = (int(first), int(second))
        else:
            values[name] = int(first)
    return sizes, values


def stub_library(include, interface, version_script, folder):
    """Compiles, with debug information, a library of nothing but the interface: each function there, its body empty. It has the
    same symbols and types as the real one, and none of the types behind the handles."""
    lines = ["#include <snarm/snarm.h>"]
    for name, (_, returned, parameters) in sorted(interface.functions.items()):
        body = "" if returned == "void" else " return 0; "
        lines.append(f"{returned} {name}({parameters}) {{{body}}}")
    source, library = "interface.c", os.path.join(folder, "libsnarm.so.0")
    with open(os.path.join(folder, source), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    built = subprocess.run(compiler() + ["-std=c11", "-g", "-shared", "-fPIC", "-fvisibility=hidden", "-I", os.path.abspath(include),
                                         "-Wl,-soname,libsnarm.so.0", "-Wl,--version-script=" + os.path.abspath(version_script),
                                         "-o", library, source], cwd=folder, capture_output=True, text=True)
    if built.returncode != 0:
        raise AbiError(f"the interface does not compile:\n{built.stderr.strip()}")
    return library
