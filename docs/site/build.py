"""Builds the manual: build.py ROOT OUT VERSION [DEPFILE]

ROOT is the project's folder, OUT the folder to write (replaced as a whole), DEPFILE lists for ninja what was read. Exit status 77 if
Python's markdown module (Debian: python3-markdown) is absent, 1 with one line for each thing that is wrong with the sources.
"""
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is written beside the sources

import api_pages  # noqa: E402
import headers  # noqa: E402
import layout  # noqa: E402
import pages  # noqa: E402
import symbols  # noqa: E402


def build(root, out, version):
    """Writes everything below out, an empty folder. Returns the files that were read."""
    found = headers.read_all(root)
    names = symbols.collect(found)
    folder = os.path.join(root, "include", "snarm")
    others = headers.other_headers(root)
    manual = pages.read_navigation(root)
    header_names = [header.name for header in found] + list(others)
    renderer = pages.Renderer(root, manual, header_names, names)

    sections = []
    for page in manual:
        if not sections or sections[-1][0] != page.section:
            sections.append((page.section, []))
        sections[-1][1].append((page.address, page.label))
    sections.append(("C interface", [("api/index.html", "Headers"), ("api/symbols.html", "Index of names")]
                     + [(f"api/{name}.html", f"<code>{name}</code>") for name in header_names]))

    def write(address, title, body, contents, script=""):
        path = os.path.join(out, address)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(layout.page_html(title, body, contents, sections, address, version, script))

    problems = []
    for page in manual:
        try:
            write(page.address, page.title, *renderer.page(page))
        except pages.PageError as error:
            problems.append(str(error))
    if problems:
        raise pages.PageError("\n".join(problems))

    def link(name):
        symbol = names.get(name)
        return symbol.address("../") if symbol else None

    for header in found:
        write(f"api/{header.name}.html", header.name, *api_pages.header_page(header, link))
    for name, path in others.items():
        write(f"api/{name}.html", name, *api_pages.source_page(name, pages.read_text(path), link))
    write("api/index.html", "C interface", *api_pages.list_page(found, others, names))
    write("api/symbols.html", "Index of names", *api_pages.symbols_page(names), script=layout.FILTER)

    site = os.path.join(root, "docs", "site")
    shutil.copyfile(os.path.join(site, "style.css"), os.path.join(out, "style.css"))
    for asset in renderer.assets:
        os.makedirs(os.path.dirname(os.path.join(out, asset)), exist_ok=True)
        shutil.copyfile(os.path.join(root, "docs", asset), os.path.join(out, asset))

    read = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".h")] + list(others.values())
    read += [os.path.join(site, name) for name in os.listdir(site) if name.endswith((".py", ".css", ".txt"))]
    read += [os.path.join(root, "docs", page.source) for page in manual]
    figures = os.path.join(root, "docs", "figures")
    # The folders too: a page more or less changes them.
    return read + [os.path.join(figures, name) for name in os.listdir(figures)] + [os.path.join(root, "docs"), folder, figures]


def main():
    if len(sys.argv) not in (4, 5):
        print(__doc__, file=sys.stderr)
        return 2
    root, out, version = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    try:
        import markdown  # noqa: F401
    except ImportError:
        print("Python's markdown module is absent (Debian: python3-markdown): the manual cannot be built", file=sys.stderr)
        return 77
    work = tempfile.mkdtemp(prefix=".docs-", dir=os.path.dirname(out))
    os.chmod(work, 0o755)
    try:
        read = build(root, work, version)
    except (headers.HeaderError, pages.PageError) as error:
        print(error, file=sys.stderr)
        shutil.rmtree(work)
        return 1
    if os.path.isdir(out):
        shutil.rmtree(out)
    os.rename(work, out)
    if len(sys.argv) == 5:
        escaped = [path.replace(" ", "\\ ") for path in sorted(read)]
        with open(sys.argv[4], "w", encoding="utf-8") as file:
            file.write(out.replace(" ", "\\ ") + ": " + " \\\n  ".join(escaped) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
