"""check_links.py ROOT PYTHON: builds the manual and follows every link in it, and in the sources as GitHub shows them.

- README.md and docs/*.md: files and anchors exist;
- the built pages: so do theirs; no anchor is there twice; pictures have a text; every public name has its place;
- every page of docs/ is in the navigation (the build itself refuses one that is not).

Exit status 77 if Python's markdown module is absent, as then nothing can be built.
"""
import os
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser

from documents import ROOT, SKIPPED, finish, read_all

problems = []
counts = {"links": 0, "pages": 0, "names": 0}


def check_sources():
    documents = {document.name: document for document in read_all()}
    for document in documents.values():
        for line, target in document.links:
            counts["links"] += 1
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            if path.startswith("api/") and document.name.startswith("docs/"):
                continue  # a page that is built; checked there
            full = os.path.normpath(os.path.join(os.path.dirname(document.name), path)) if path else document.name
            if not os.path.exists(os.path.join(ROOT, full)):
                problems.append(f"{document.name}:{line}: link to {target}: there is no {full}")
            elif anchor and full in documents and anchor not in documents[full].anchors:
                problems.append(f"{document.name}:{line}: link to {target}: {full} has no heading '{anchor}'")


class PageReader(HTMLParser):
    VOID = {"meta", "link", "img", "input", "br", "hr", "rect", "path", "circle", "wbr"}

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.problems, self.open = [], [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.ids.append(values["id"])
        for name in ("href", "src"):
            if name in values:
                self.links.append(values[name])
        if tag == "img" and not values.get("alt"):
            self.problems.append(f"picture {values.get('src')} has no text")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if tag in ("p", "li", "td", "tr", "th", "dt", "dd") and tag not in self.open:
            return
        while self.open and self.open[-1] != tag:
            unclosed = self.open.pop()
            self.problems.append(f"<{unclosed}> is not closed before </{tag}>")
        if self.open:
            self.open.pop()


def check_site(site):
    pages = {}
    for folder, _, names in os.walk(site):
        for name in names:
            if name.endswith(".html"):
                path = os.path.join(folder, name)
                reader = PageReader()
                with open(path, encoding="utf-8") as file:
                    reader.feed(file.read())
                pages[os.path.relpath(path, site)] = reader
    counts["pages"] = len(pages)
    reached = {"index.html"}
    for name, page in pages.items():
        problems.extend(f"{name}: {problem}" for problem in page.problems)
        problems.extend(f"{name}: the anchor {anchor} is there twice" for anchor in set(page.ids) if page.ids.count(anchor) > 1)
        for target in page.links:
            counts["links"] += 1
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            full = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            reached.add(full)
            if not os.path.isfile(os.path.join(site, full)):
                problems.append(f"{name}: link to {target}: there is no such file")
            elif anchor and (full not in pages or anchor not in pages[full].ids):
                problems.append(f"{name}: link to {target}: {full} has no such anchor")
    problems.extend(f"{name}: no page leads here" for name in sorted(set(pages) - reached))
    check_names(pages)


def check_names(pages):
    """The names are found in the headers' text here, in another way than the generator does."""
    folder = os.path.join(ROOT, "include", "snarm")
    with open(os.path.join(ROOT, "lib", "libsnarm.map"), encoding="utf-8") as file:
        functions = set(re.findall(r"^\s+(snarm_\w+);", file.read(), re.M))
    for header in sorted(name for name in os.listdir(folder) if name.endswith(".h")):
        with open(os.path.join(folder, header), encoding="utf-8") as file:
            code = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        names = {name for name in functions if re.search(rf"\b{name}\(", code)}
        names |= set(re.findall(r"^\s*#\s*define (SNARM_\w+?)(?<!_H)\b", code, re.M))
        names |= set(re.findall(r"^\}\s*(snarm_\w+);", code, re.M)) | set(re.findall(r"^typedef struct \w+ (snarm_\w+);", code, re.M))
        names |= set(re.findall(r"^static inline [^(;{]*?\b(snarm_\w+)\(", code, re.M)) | set(re.findall(r"\b(SNARM_\w+)\s*=", code)) | set(re.findall(r"^typedef .*\(\*(snarm_\w+)\)", code, re.M))
        page = pages.get(f"api/{header}.html")
        for name in sorted(names):
            counts["names"] += 1
            if page is None or name not in page.ids:
                problems.append(f"api/{header}.html: {name} is declared in {header}, but not explained")
    if not counts["names"]:
        problems.append("no public name was found in the headers")


def main():
    check_sources()
    with tempfile.TemporaryDirectory() as work:
        site = os.path.join(work, "html")
        built = subprocess.run([sys.argv[2], os.path.join(ROOT, "docs", "site", "build.py"), ROOT, site, "0.0.0"],
                               capture_output=True, text=True)
        if built.returncode == SKIPPED and not problems:
            print(built.stderr.strip())
            sys.exit(SKIPPED)
        if built.returncode != 0:
            problems.append(built.stderr.strip())
        else:
            check_site(site)
    finish(problems, "{pages} pages, {links} links, {names} public names".format(**counts))


main()
