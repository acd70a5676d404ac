"""The ledgers of the interface, lib/abi/symbols.txt and lib/abi/types.txt, and the rules they are held to. Used by abi.py.

An entry is a key (what it is, its name, its member), the version in which it came, and a text: a function's declaration, a field's place.
What a released version brought may not change; what the version in development brings is written anew by every update.
"""
import os
import re

import abi_headers
from abi_headers import AbiError

SYMBOLS = """# Every function that the library exports: the version in which it came, its header, its declaration.
# Written by `python3 tools/abi.py update`; docs/abi.md says what it promises.
"""
TYPES = """# Every public type on x86-64: the version in which it, its field, its size or its value came.
# struct: header, name, sized (may grow at its end) or fixed. size: bytes. field: offset, bytes, name, type. enum: header, name. value:
# name, number. constant: header, name, number. callback: header, declaration. handle: header, name.
# Written by `python3 tools/abi.py update`; docs/abi.md says what it promises.
"""


class Project:
    """What the files beside the headers say: versions, the version script, the paths."""

    def __init__(self, root):
        self.root = root
        self.include = os.path.join(root, "include")
        self.script = os.path.join(root, "lib", "libsnarm.map")
        self.folder = os.path.join(root, "lib", "abi")
        self.version = self._find("meson.build", r"^project\([^)]*?\bversion: '(\d+\.\d+\.\d+)'")
        # A heading without a date is of the version in development.
        self.released = re.findall(r"^## (\d+\.\d+\.\d+), \d{4}-\d\d-\d\d$", self.read("CHANGELOG.md"), re.M)

    def read(self, *path):
        with open(os.path.join(self.root, *path), encoding="utf-8") as file:
            return file.read()

    def _find(self, path, pattern):
        match = re.search(pattern, self.read(path), re.M | re.S)
        if match is None:
            raise AbiError(f"{path}: no version found")
        return match.group(1)

    def header_version(self):
        text = self.read("include", "snarm", "status.h")
        return ".".join(re.search(rf"#define SNARM_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH"))

    def nodes(self):
        """The version script's nodes in order: [(name, [symbol], the node before it or '')]."""
        found = re.findall(r"(\w+(?:\.\w+)*) \{\s*global:(.*?)(?:local:\s*\*;\s*)?\}\s*([\w.]*);", self.read("lib", "libsnarm.map"), re.S)
        return [(name, re.findall(r"(\w+);", body), before) for name, body, before in found]


def number(version):
    return tuple(int(part) for part in version.split("."))


def node_of(version):
    """Functions come with minor versions alone, so a node has no third number."""
    return "SNARM_" + ".".join(version.split(".")[:2])


def facts(project, interface):
    """What the headers say now: ({key: text} of symbols, the same of types)."""
    sizes, values = abi_headers.measure(project.include, interface)
    symbols = {("function", name, ""): f"{header} {abi_headers.tidy(f'{returned} {name}')}({abi_headers.unnamed(parameters)})"
               for name, (header, returned, parameters) in interface.functions.items()}
    types = {}
    for name, (header, members) in interface.structs.items():
        size, places = sizes[name]
        types["struct", name, ""] = f"{header} {name} {'sized' if interface.is_sized(name) else 'fixed'}"
        types["size", name, ""] = str(size)
        for field, kind in members:
            types["field", name, field] = f"{places[field][0]} {places[field][1]} {field} {kind}"
    for name, (header, constants) in interface.enums.items():
        types["enum", name, ""] = f"{header} {name}"
        types.update({("value", name, constant): f"{constant} {values[constant]}" for constant in constants})
    for name, header in interface.constants.items():
        types["constant", name, ""] = f"{header} {name} {values[name]}"
    for name, (header, returned, parameters) in interface.callbacks.items():
        types["callback", name, ""] = f"{header} {abi_headers.tidy(f'{returned} (*{name})')}({abi_headers.unnamed(parameters)})"
    for name, header in interface.handles.items():
        types["handle", name, ""] = f"{header} {name}"
    return symbols, types


def load(project, name):
    """A ledger's entries: {key: (version, text)}; sizes have the version in their key, as a structure may have had several."""
    entries, owner = {}, ""
    path = os.path.join(project.folder, name)
    if not os.path.exists(path):
        return entries
    for line_number, line in enumerate(project.read("lib", "abi", name).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(\d+\.\d+\.\d+) +(function|struct|size|field|enum|value|constant|callback|handle) (.*)", line)
        if match is None:
            raise AbiError(f"lib/abi/{name}:{line_number}: '{line}' is no entry")
        version, kind, text = match.groups()
        words = text.split()
        if kind in ("function", "callback"):
            key = (kind, re.search(r"(snarm_\w+)\)?\(", text).group(1), "")
        elif kind in ("struct", "enum"):
            owner = words[1]
            key = (kind, owner, "")
        elif kind in ("size", "field", "value"):
            key = (kind, owner, version if kind == "size" else words[2] if kind == "field" else words[0])
        else:
            key = (kind, words[1], "")
        if key in entries:
            raise AbiError(f"lib/abi/{name}:{line_number}: {key[1]} {key[2]} is there twice")
        entries[key] = (version, text)
    return entries


def save(project, name, heading, entries):
    """Writes a ledger: owners by name, their sizes by version, fields by offset, values by number."""
    kinds = ["function", "handle", "callback", "constant", "enum", "value", "struct", "size", "field"]

    def place(item):
        (kind, owner, member), (_, text) = item
        within = {"size": 1, "field": 2, "value": 1}.get(kind, 0)
        group = kinds.index({"size": "struct", "field": "struct", "value": "enum"}.get(kind, kind))
        order = number(member) if kind == "size" else (int(text.split()[0 if kind == "field" else 1]),) if within else ()
        return group, owner, within, order

    os.makedirs(project.folder, exist_ok=True)
    with open(os.path.join(project.folder, name), "w", encoding="utf-8") as file:
        file.write(heading)
        for (kind, _, member), (version, text) in sorted(entries.items(), key=place):
            file.write(f"{version} {'  ' if kind in ('size', 'field', 'value') else ''}{kind} {text}\n")


def newest_size(ledger, struct):
    versions = [key[2] for key in ledger if key[0] == "size" and key[1] == struct]
    return max(versions, key=number) if versions else None


def called(key):
    kind, owner, member = key
    return f"{kind} {owner}" + (f".{member}" if member and kind != "size" else "")


def difference(ledger, now, fixed, released=None):
    """Sentences on where a ledger and the headers part. With released: only what of these versions was changed, taken away, or added to
    against the rules; else everything."""
    problems = []
    for key, (version, text) in ledger.items():
        if key[0] == "size" or (released is not None and version not in released):
            continue
        if key not in now:
            problems.append(f"{called(key)}: in the ledger since {version}, but no longer in the headers")
        elif now[key] != text:
            problems.append(f"{called(key)}: '{text}' in the ledger since {version}, but the headers say '{now[key]}'")
    for key, text in now.items():
        if key[0] != "size":
            if released is None and key not in ledger:
                problems.append(f"{called(key)}: in the headers, but not in the ledger")
            continue
        version = newest_size(ledger, key[1])
        if version is None or (released is not None and version not in released):
            continue
        old = int(ledger["size", key[1], version][1])
        if int(text) < old:
            problems.append(f"struct {key[1]}: {old} bytes in {version}, but now {text}: a structure never shrinks")
        elif int(text) > old and key[1] in fixed:
            problems.append(f"struct {key[1]}: {old} bytes in {version}, but now {text}: it has no struct_size and may not grow")
        elif int(text) != old and released is None:
            problems.append(f"struct {key[1]}: {old} bytes in the ledger since {version}, but the headers say {text}")
    return problems


def padding(ledger, now):
    """Sentences on new fields that lie where an older version had padding, which programs may have left as it was. A field named
    reserved may lie there: it fills the padding, and nobody reads it."""
    problems = []
    for key, text in now.items():
        if key[0] != "field" or key[2] == "reserved":
            continue
        came = ledger[key][0] if key in ledger else None
        for (kind, owner, version), (_, size) in ledger.items():
            if kind == "size" and owner == key[1] and (came is None or number(version) < number(came)) and int(text.split()[0]) < int(size):
                problems.append(f"{called(key)}: at byte {text.split()[0]}, but the structure had {size} bytes in {version}: "
                                "new fields come after them")
    return problems


def rules(interface):
    """Sentences on declarations that could not be kept."""
    problems = []
    for name, (_, members) in interface.structs.items():
        for field, kind in members:
            inner = kind.split(" [")[0]
            if inner in interface.structs and interface.is_sized(inner):
                problems.append(f"field {name}.{field}: holds a {inner}, which may grow; hold a pointer to it")
        if name.endswith("_options"):
            if not interface.is_sized(name):
                problems.append(f"struct {name}: options begin with size_t struct_size")
            if name + "_init" not in interface.inlines:
                problems.append(f"struct {name}: has no inline {name}_init")
    problems += [f"function {name}: would write a structure of the library's size, not the program's; make it inline"
                 for name in interface.functions if name.endswith("_options_init")]
    return problems
