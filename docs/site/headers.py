"""Reads the public headers: comments and the declarations below them, strictly.

A header is a text: a first comment that introduces it, then entries. An entry is a comment and the declarations that follow it
without an empty line. Whatever does not fit (a declaration without a comment, a field without one, an argument described that no
function has) is a HeaderError with file and line, and an error of the build.
"""
import os
import re
from dataclasses import dataclass, field

# Fields that mean the same in every structure and need no comment of their own.
SELF_EXPLAINING = {"struct_size": "size of the structure as the caller knows it, bytes; the init function sets it, else <code>sizeof</code>",
                   "user": "handed to the callback", "progress_user": "handed to the callback"}


class HeaderError(Exception):
    """One or more sentences, one a line."""


@dataclass
class Block:
    """A part of a comment: kind "text" (a paragraph), "code" (lines as they are) or "list" (pairs of names and text)."""
    kind: str
    content: object


@dataclass
class Field:
    """A row of a table: kind "field", or "note" (a comment that stands before fields)."""
    kind: str
    name: str = ""
    type: str = ""
    text: str = ""
    code: str = ""  # lines that keep their layout


@dataclass
class Declaration:
    """kind: handle, struct, enum, constants, function, callback, macro."""
    kind: str
    name: str
    line: int
    result: str = ""
    parameters: list = field(default_factory=list)  # (type, name, text as written)
    fields: list = field(default_factory=list)
    names: list = field(default_factory=list)  # symbols that live on this declaration: enum values, macros


@dataclass
class Entry:
    line: int
    comment: list = field(default_factory=list)
    declarations: list = field(default_factory=list)


@dataclass
class Header:
    name: str
    intro: list
    entries: list
    text: str


def comment_blocks(comment, where):
    """The text of a /* */ comment as blocks. Indentation after the star tells: 1 a paragraph, 3 a list's line, 5 code."""
    lines = comment[2:-2].split("\n")
    lines = [lines[0]] + [re.sub(r"^\s*\*", "", line) for line in lines[1:]]
    blocks, open_block = [], None
    for line in lines:
        depth, text = len(line) - len(line.lstrip()), line.strip()
        if not text:
            if open_block is not None and open_block.kind == "code":
                open_block.content.append("")
            else:
                open_block = None
            continue
        kind = open_block.kind if open_block else ""
        if depth <= 1:
            if kind != "text":
                open_block = Block("text", [])
                blocks.append(open_block)
            open_block.content.append(text)
        elif kind == "list" and depth > 3:
            open_block.content[-1][1].append(text)
        elif depth == 3:
            parts = re.split(r"\s{2,}", text, maxsplit=1)
            if kind != "list":
                open_block = Block("list", [])
                blocks.append(open_block)
            if len(parts) != 2 and len(text.split(" ", 1)) == 2 and kind == "list":
                raise HeaderError(f"{where}: no two spaces between name and text: {text!r}")
            open_block.content.append([parts[0], [parts[1]] if len(parts) == 2 else []])
        else:
            if kind != "code":
                open_block = Block("code", [])
                blocks.append(open_block)
            open_block.content.append(line[5:].rstrip() if depth >= 5 else text)
    for block in blocks:
        if block.kind == "text":
            block.content = " ".join(block.content)
        elif block.kind == "list":
            block.content = [(name, " ".join(text)) for name, text in block.content]
        else:
            block.content = "\n".join(block.content).strip("\n")
    return blocks


def _field_text(comment, column):
    """A comment beside a field, as text and, where lines are indented below it, as code."""
    lines = comment[2:-2].split("\n")
    text, code = [lines[0].strip()], []
    for line in lines[1:]:
        depth = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if re.match(r"\s*\* ", line) and depth == column + 1:  # a comment of several lines before a field
            text.append(line.strip()[2:])
        elif depth > column + 4 or (code and depth > column + 3):
            code.append(line[column + 3:].rstrip())
        else:
            text.append(line.strip())
    return " ".join(part for part in text if part), "\n".join(code)


def _strip(code):
    return re.sub(r"/\*.*?\*/", " ", code, flags=re.S)


def _split(text, separator=","):
    """At separators outside brackets."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == separator and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in parts + [text[start:]]]


def _declarator(text):
    """(type, name) of one parameter or field."""
    pointer = re.match(r"^(.*?)\(\*(\w+)\)\s*(\(.*\))$", text, re.S)
    if pointer:
        return f"{pointer[1].strip()} (*){pointer[3]}", pointer[2]
    match = re.match(r"^(.*?[\s*])(\w+)((?:\[[^\]]*\])*)$", text, re.S)
    if not match:
        return text, ""
    return (match[1].strip() + match[3]), match[2]


class Reader:
    """One header's text, read from its beginning to its end."""

    def __init__(self, name, text):
        self.name, self.text, self.at, self.problems = name, text, 0, []

    def line(self, at=None):
        return self.text.count("\n", 0, self.at if at is None else at) + 1

    def where(self, at=None):
        return f"include/snarm/{self.name}:{self.line(at)}"

    def read(self):
        entries, entry, intro = [], None, None
        while True:
            space = re.compile(r"\s*").match(self.text, self.at)
            blank, self.at = space[0].count("\n") > 1, space.end()
            if self.at >= len(self.text):
                break
            if self.text.startswith("/*", self.at):
                start = self.at
                comment = self.comment()
                try:
                    blocks = comment_blocks(comment, self.where(start))
                except HeaderError as error:
                    self.problems.append(str(error))
                    blocks = []
                if intro is None:
                    intro = blocks
                else:
                    entry = Entry(self.line(start), blocks)
                    entries.append(entry)
                continue
            if self.text.startswith("#", self.at):
                define = self.preprocessor()
                if define is None:
                    continue
            else:
                define = self.declaration()
            if blank or entry is None:
                self.problems.append(f"include/snarm/{self.name}:{define.line}: {define.name} has no comment above it")
                entry = Entry(define.line)
                entries.append(entry)
            if define.name not in [known.name for known in entry.declarations]:  # one of #if and #else is enough
                entry.declarations.append(define)
        for found in entries:
            self.check(found)
        if not intro:
            self.problems.append(f"include/snarm/{self.name}:1: no comment introduces the header")
        if self.problems:
            raise HeaderError("\n".join(self.problems))
        return Header(self.name, intro, entries, self.text)

    def comment(self):
        end = self.text.index("*/", self.at) + 2
        comment, self.at = self.text[self.at:end], end
        return comment

    def preprocessor(self):
        """A #define of a value becomes a macro; guards, includes and what is for C++ compilers only are passed over."""
        line = re.compile(r"(?:[^\n]*\\\n)*[^\n]*").match(self.text, self.at)[0]
        start, self.at = self.at, self.at + len(line)
        if re.match(r"#\s*ifdef\s+__cplusplus", line):
            self.at = self.text.index("#endif", self.at) + len("#endif")
            return None
        define = re.match(r"#\s*define\s+(\w+)(?:\s+(.*))?$", line, re.S)
        if define is None or define[1].endswith("_H"):
            return None
        value = " ".join((define[2] or "").split())
        return Declaration("macro", define[1], self.line(start), result=value, names=[define[1]])

    def declaration(self):
        start, depth = self.at, 0
        while True:
            if self.text.startswith("/*", self.at):
                self.comment()
                continue
            letter = self.text[self.at]
            self.at += 1
            depth += (letter in "({[") - (letter in ")}]")
            if depth == 0 and letter == ";":
                break
            if depth == 0 and letter == "}" and self.text.startswith("static inline", start):
                break
        return self.parse(self.text[start:self.at], start)

    def parse(self, code, start):
        flat = " ".join(_strip(code).split())
        line = self.line(start)
        opaque = re.match(r"^typedef struct (\w+) (\w+);$", flat)
        if opaque:
            return Declaration("handle", opaque[2], line)
        body = re.match(r"^(?:typedef )?(struct|enum) ?(\w*) ?\{.*\} ?(\w*);$", flat)
        if body:
            name = body[3] or body[2]
            kind = body[1] if name else "constants"
            found = Declaration(kind, name, line)
            self.members(found, code, start)
            found.names = [row.name for row in found.fields if row.kind == "field"] if body[1] == "enum" else []
            if kind == "constants":
                found.name = found.names[0]
            return found
        callback = re.match(r"^typedef (.*?)\(\*(\w+)\)\((.*)\);$", flat)
        function = re.match(r"^(?:SNARM_API |static inline )(.*?)(\w+)\((.*?)\) ?(?:;|\{.*\})$", flat)
        match = callback or function
        if not match:
            raise HeaderError(f"{self.where(start)}: not understood: {flat[:80]}")
        parameters = [] if match[3].strip() == "void" else [_declarator(part) + (part,) for part in _split(match[3])]
        return Declaration("callback" if callback else "function", match[2], line, match[1].strip(), parameters)

    def members(self, found, code, start):
        """Fields of a structure or values of an enum, with the comments beside or before them."""
        is_enum = re.match(r"(typedef\s+)?enum", code) is not None
        at, end = code.index("{") + 1, code.rindex("}")
        before, rows = None, found.fields
        while True:
            space = re.compile(r"[\s,]*").match(code, at)
            at = space.end()
            if at >= end:
                break
            if code.startswith("/*", at):
                stop = code.index("*/", at) + 2
                line_start = code.rfind("\n", 0, at) + 1
                text, _ = _field_text(code[at:stop], at - line_start)
                before = Field("note", text=text)
                rows.append(before)
                at = stop
                continue
            match = re.compile(r"[^;]*?(?=;)" if not is_enum else r"[^,/}]*").match(code, at)
            written, at = match[0], match.end() + (0 if is_enum else 1)
            trailing = re.compile(r",?[ \t]*(/\*.*?\*/)", re.S).match(code, at)
            text, kept = "", ""
            if trailing:
                place = trailing.start(1)
                text, kept = _field_text(trailing[1], place - code.rfind("\n", 0, place) - 1)
                at = trailing.end()
            names = [" ".join(written.split())] if is_enum else self.split_fields(written)
            kinds, called = zip(*((name.partition("=")[2].strip(), name.split("=")[0].strip()) if is_enum else name for name in names))
            row = Field("field", ", ".join(called), ", ".join(dict.fromkeys(kinds)), text, kept)
            if not text and called[0] in SELF_EXPLAINING:
                row.text = SELF_EXPLAINING[called[0]]
            elif not text and rows and rows[-1] is before:  # what stands before it is its comment
                row.text = rows.pop().text
            elif not text and found.name:  # those of an enum without a name have the entry's comment
                self.problems.append(f"{self.where(start + at)}: {found.name}.{row.name} has no comment")
            rows.append(row)

    @staticmethod
    def split_fields(written):
        flat = " ".join(_strip(written).split())
        if "(*" in flat:
            return [_declarator(flat)]
        parts = _split(flat)
        first, name = _declarator(parts[0])
        base = re.sub(r"[\s*]*(\[.*)?$", "", first)
        found = [(first, name)]
        for part in parts[1:]:
            kind, other = _declarator(base + " " + part)
            found.append((kind, other))
        return found

    def check(self, entry):
        """Arguments that a comment describes must be some function's of the entry."""
        for block in entry.comment:
            run_on = block.kind == "text" and re.search(r"\S+ {3,}\S+", block.content)
            if run_on:
                self.problems.append(f"include/snarm/{self.name}:{entry.line}: a list runs on in a paragraph: {run_on[0]!r}")
        functions = [d for d in entry.declarations if d.kind in ("function", "callback")]
        known = {parameter[1] for function in functions for parameter in function.parameters}
        if not functions:
            return
        for block in entry.comment:
            if block.kind != "list":
                continue
            for names, text in block.content:
                for name in re.split(r",\s*", names):
                    if name not in known:
                        self.problems.append(f"include/snarm/{self.name}:{entry.line}: the comment describes {name!r}, which "
                                             f"{', '.join(f.name for f in functions)} does not take")
                if not text:
                    self.problems.append(f"include/snarm/{self.name}:{entry.line}: nothing is said of {names!r}")


def other_headers(root):
    """{name: path} of the C++ headers, which are shown as they are."""
    found = {}
    for folder in ("include/snarm", "bindings/cpp/snarm"):
        path = os.path.join(root, *folder.split("/"))
        if os.path.isdir(path):
            found.update((name, os.path.join(path, name)) for name in sorted(os.listdir(path)) if name.endswith(".hpp"))
    return found


def read_all(root):
    """Every C header of include/snarm, in the order in which snarm.h includes them."""
    folder = os.path.join(root, "include", "snarm")
    with open(os.path.join(folder, "snarm.h"), encoding="utf-8") as file:
        order = re.findall(r'#include "snarm/(\w+\.h)"', file.read())
    names = ["snarm.h"] + order + sorted(set(n for n in os.listdir(folder) if n.endswith(".h")) - set(order) - {"snarm.h"})
    found, problems = [], []
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            try:
                found.append(Reader(name, file.read()).read())
            except HeaderError as error:
                problems.append(str(error))
    if problems:
        raise HeaderError("\n".join(problems))
    return found
