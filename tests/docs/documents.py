"""README and docs/*.md as the checks see them: headings, links, blocks of code, code in running text."""
import os
import re
import sys
from dataclasses import dataclass, field

ROOT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
sys.path.insert(0, os.path.join(ROOT, "docs", "site"))
SKIPPED = 77
sys.dont_write_bytecode = True


@dataclass
class Block:
    line: int
    language: str  # "" for an indented block, or one that does not say
    mark: str      # what stands behind the language: "example=file", "skip=REASON"
    code: str


@dataclass
class Document:
    name: str  # "docs/index.md"
    anchors: list = field(default_factory=list)
    links: list = field(default_factory=list)   # (line, target)
    blocks: list = field(default_factory=list)
    inline: list = field(default_factory=list)  # (line, code)


def parse(name, text):
    from pages import slug

    found, seen = Document(name), {}
    lines, at = text.split("\n"), 0
    while at < len(lines):
        line = lines[at]
        fence = re.match(r"^(\s*)```([\w+-]*)\s*(.*)$", line)
        if fence:
            end = next((i for i in range(at + 1, len(lines)) if lines[i].strip() == "```"), None)
            if end is None:
                raise SystemExit(f"{name}:{at + 1}: ``` is not closed")
            code = "\n".join(text[len(fence[1]):] for text in lines[at + 1:end])
            found.blocks.append(Block(at + 1, fence[2], fence[3].strip(), code + "\n"))
            at = end + 1
            continue
        if line.startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            found.blocks.append(Block(at + 1, "", "", "\n".join(text[4:] for text in lines[at:end]).rstrip() + "\n"))
            at = end
            continue
        heading = re.match(r"^#{1,6} (.+?)\s*$", line)
        if heading:
            anchor = slug(heading[1])
            number = seen.get(anchor, 0)
            seen[anchor] = number + 1
            found.anchors.append(anchor if number == 0 else f"{anchor}-{number}")
        plain = re.sub(r"`[^`]*`", "", line)
        for target in re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)", plain if "](" in plain else line):
            found.links.append((at + 1, target))
        for code in re.findall(r"`([^`]+)`", line):
            found.inline.append((at + 1, code))
        at += 1
    return found


def read_all():
    """README.md and every page of docs/."""
    names = ["README.md"] + [f"docs/{name}" for name in sorted(os.listdir(os.path.join(ROOT, "docs"))) if name.endswith(".md")]
    documents = []
    for name in names:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            documents.append(parse(name, file.read()))
    return documents


def finish(problems, counted):
    """Prints what is wrong, or how much was right, and ends."""
    for problem in problems:
        print(problem)
    print(counted + (f"; {len(problems)} wrong" if problems else ""))
    sys.exit(1 if problems else 0)
