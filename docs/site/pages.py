"""The manual's pages: the list of them, and Markdown to HTML with links that lead somewhere."""
import html
import os
import re
from dataclasses import dataclass

from highlight import highlight, language_of


class PageError(Exception):
    """One or more sentences, one a line."""


@dataclass
class Page:
    source: str   # "index.md"
    section: str
    label: str    # in the navigation
    title: str    # its first heading

    @property
    def address(self):
        return self.source[:-3] + ".html"


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def title_of(text):
    match = re.search(r"^# (.+)$", text, re.M)
    return match[1].strip() if match else ""


def read_navigation(root):
    """The pages in order. Pages missing here or there are errors."""
    folder = os.path.join(root, "docs")
    pages, problems, section = [], [], ""
    for line in read_text(os.path.join(folder, "site", "navigation.txt")).split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            section = line.strip()
            continue
        source, _, label = line.strip().partition(" ")
        path = os.path.join(folder, source)
        if not os.path.isfile(path):
            problems.append(f"docs/site/navigation.txt: {source}: there is no docs/{source}")
            continue
        title = title_of(read_text(path))
        if not title:
            problems.append(f"docs/{source}: no heading '# ...'")
        if any(page.source == source for page in pages):
            problems.append(f"docs/site/navigation.txt: {source}: named twice")
        pages.append(Page(source, section, label.strip() or title, title))
    known = {page.source for page in pages}
    problems += [f"docs/{name}: is not in docs/site/navigation.txt" for name in sorted(os.listdir(folder))
                 if name.endswith(".md") and name not in known]
    if problems:
        raise PageError("\n".join(problems))
    return pages


def slug(text, separator="-"):
    """The anchor of a heading, as GitHub makes it, so that one link works in both places."""
    plain = re.sub(r"<[^>]+>|`", "", html.unescape(text)).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", separator)


class Renderer:
    """Markdown to HTML. symbols are the public names, link their addresses from the top folder."""

    def __init__(self, root, pages, header_names, symbols):
        import markdown  # the one thing that is not in Python's standard library

        self.root, self.pages, self.header_names, self.symbols = root, {p.source: p for p in pages}, set(header_names), symbols
        self.assets = set()
        self.markdown = markdown.Markdown(extensions=["tables", "fenced_code", "toc", "sane_lists", "md_in_html"],
                                          extension_configs={"toc": {"slugify": slug}}, output_format="html5")

    def link(self, name):
        symbol = self.symbols.get(name)
        return symbol.address("") if symbol else None

    def page(self, page):
        """(body, table of contents)."""
        self.markdown.reset()
        text = read_text(os.path.join(self.root, "docs", page.source))
        # The mark that tells the check how to compile a block is not for readers.
        text = re.sub(r"^(```\w+) [^\n`]+$", r"\1", text, flags=re.M)
        body = self.markdown.convert(text)
        body = re.sub(r"<pre><code(?: class=\"language-([\w+-]+)\")?>(.*?)</code></pre>", self._code, body, flags=re.S)
        body = re.sub(r"<a [^>]*>.*?</a>|(?<!<pre>)<code>([^<]+)</code>", self._name, body, flags=re.S)
        body = re.sub(r"<p>\s*<img ([^>]*)>\s*</p>", lambda m: self._figure(m[1], page), body)
        # Named by its file for those who read the source; here by what it is called.
        body = re.sub(r'<a href="([\w-]+\.md)">\1</a>',
                      lambda m: f'<a href="{m[1]}">{self.pages[m[1]].label if m[1] in self.pages else m[1]}</a>', body)
        body = re.sub(r'href="([^"]+)"', lambda m: f'href="{self._target(m[1], page)}"', body)
        body = re.sub(r"<table>(.*?)</table>", r'<div class="scroll"><table>\1</table></div>', body, flags=re.S)
        body = re.sub(r'<h([234]) id="([^"]+)">(.*?)</h\1>',
                      r'<h\1 id="\2">\3<a class="anchor" href="#\2" aria-label="link to this section">#</a></h\1>', body)
        contents = [(item["id"], item["name"]) for top in self.markdown.toc_tokens for item in top["children"]]
        return body, contents

    def _code(self, match):
        language, code = match[1] or "", html.unescape(match[2])
        if not language and re.match(r"\s*(snarm|meson|ninja|python3|sh) ", code):
            language = "sh"
        if language_of(language) == "" and language in ("", "text"):
            return f"<pre><code>{html.escape(code, quote=False)}</code></pre>"
        return f'<pre><code>{highlight(code, language, self.link)}</code></pre>'

    def _name(self, match):
        """A public name, a header or a command in running text becomes a link."""
        if match[1] is None:  # it is in a link already
            return match[0]
        # In a table GitHub wants a bar escaped, also in code. Short code is not broken at its hyphens.
        text = html.unescape(match[1]).replace("\\|", "|")
        shown = f'<code{" class=short" if len(text) <= 30 else ""}>{html.escape(text, quote=False)}</code>'
        name = re.match(r"^(?:include/)?snarm/(\w+\.h)$", text)
        if name and name[1] in self.header_names:
            return f'<a class="ref" href="../include/snarm/{name[1]}">{shown}</a>'
        name = re.match(r"^((?:snarm|SNARM)_\w+)(?:\.\w+|\(\))?$", text)
        if name and name[1] in self.symbols:
            return f'<a class="ref" href="{self.link(name[1])}">{shown}</a>'
        return shown

    def _target(self, target, page):
        """Where a link of the source leads in the built pages."""
        if re.match(r"(https?:|mailto:|#|api/)", target):
            return target
        path, _, anchor = target.partition("#")
        anchor = "#" + anchor if anchor else ""
        if path in self.pages:
            return path[:-3] + ".html" + anchor
        header = re.match(r"^\.\./(?:include|bindings/cpp)/snarm/(\w+\.h(?:pp)?)$", path)
        if header and header[1] in self.header_names:
            return f"api/{header[1]}.html{anchor}"
        if path == "../README.md":
            return "index.html"
        raise PageError(f"docs/{page.source}: link to {target}: neither a page nor a header")

    def _figure(self, attributes, page):
        values = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
        source, alt = values["src"], values.get("alt", "")
        if not alt:
            raise PageError(f"docs/{page.source}: picture {source} has no text for those who do not see it")
        path = os.path.join(self.root, "docs", source)
        if not os.path.isfile(path):
            raise PageError(f"docs/{page.source}: picture {source} does not exist")
        caption = f'<figcaption>{values["title"]}</figcaption>' if values.get("title") else ""
        if source.endswith(".svg"):  # within the page its text can be selected and follows the page's colours
            picture = re.sub(r"^<\?xml.*?\?>\s*|<!--.*?-->\s*", "", read_text(path), flags=re.S)
            return f'<figure class="drawing"><div class="scroll">{picture}</div>{caption}</figure>'
        self.assets.add(source)
        return f'<figure><img src="{source}" alt="{alt}">{caption}</figure>'
