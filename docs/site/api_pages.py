"""Headers to pages: one for each, a list of them, and an index of all names."""
import html
import re
import textwrap

from headers import Block, HeaderError, comment_blocks
from highlight import highlight, link_words


def _text(text, link):
    """A sentence of a comment: names linked, `x` and the library's own field notation as they are."""
    return re.sub(r"\bdocs/([\w-]+)\.md\b", r'<a href="../\1.html">\g<0></a>', link_words(text, link))


def blocks_html(blocks, link):
    parts = []
    for block in blocks:
        if block.kind == "text":
            parts.append(f"<p>{_text(block.content, link)}</p>")
        elif block.kind == "code":
            is_c = ";" in block.content
            parts.append(f'<pre><code>{highlight(block.content, "c" if is_c else "", link)}</code></pre>')
        else:
            rows = "".join(f"<dt><code>{html.escape(name)}</code></dt><dd>{_text(text, link)}</dd>" for name, text in block.content)
            parts.append(f'<dl class="arguments">{rows}</dl>')
    return "\n".join(parts)


def signature(declaration):
    """A declaration as a reader would write it."""
    if declaration.kind == "handle":
        return f"typedef struct {declaration.name} {declaration.name};"
    if declaration.kind == "macro":
        return f"#define {declaration.name} {declaration.result}".rstrip()
    if declaration.kind == "constants":
        return "enum { " + ", ".join(f"{row.name} = {row.type}" for row in declaration.fields) + " };"
    if declaration.kind in ("struct", "enum"):
        return f"{declaration.kind} {declaration.name}"
    star = "" if declaration.result.endswith("*") else " "
    head = f"typedef {declaration.result}{star}(*{declaration.name})(" if declaration.kind == "callback" \
        else f"{declaration.result}{star}{declaration.name}("
    parts = [parameter[2] for parameter in declaration.parameters] or ["void"]
    line = head + ", ".join(parts) + ");"
    if len(line) <= 84:
        return line
    return head + "\n" + ",\n".join("    " + part for part in parts) + ");"


def _anchor(name):
    return f'<a class="anchor" href="#{name}" aria-label="link to {name}">#</a>'


def _table(declaration, link):
    """Fields of a structure, or values of an enumeration."""
    is_enum = declaration.kind == "enum"
    rows = []
    for row in declaration.fields:
        if row.kind == "note":
            rows.append(f'<tr class="note"><td colspan="{2 if is_enum else 3}">{_text(row.text, link)}</td></tr>')
            continue
        kept = f"<pre>{html.escape(textwrap.dedent(row.code))}</pre>" if row.code else ""
        name = html.escape(row.name)
        if is_enum:
            value = f" = {html.escape(row.type)}" if row.type else ""
            rows.append(f'<tr id="{name}"><td><code>{name}{value}</code></td><td>{_text(row.text, link)}{kept}</td></tr>')
            continue
        text = row.text if "<code>" in row.text else _text(row.text, link)
        anchors = "".join(f'<span id="{declaration.name}.{part}"></span>' for part in re.split(r", ", row.name))
        rows.append(f'<tr><td>{anchors}<code>{name}</code></td><td><code>{highlight(row.type, "c", link)}</code></td>'
                    f"<td>{text}{kept}</td></tr>")
    head = "<th>value</th><th>meaning</th>" if is_enum else "<th>field</th><th>type</th><th>meaning</th>"
    return f'<div class="scroll"><table class="fields"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _entry_html(entry, link):
    """Titles, code, comment, tables."""
    titles, shown = [], []
    for declaration in entry.declarations:
        name = declaration.name
        titles.append(f'<h2 id="{name}" class="symbol"><code>{name}</code>{_anchor(name)}</h2>')
        if declaration.kind not in ("struct", "enum"):
            shown.append(signature(declaration))
    parts = ["\n".join(titles)]
    if shown:
        parts.append(f'<pre class="signature"><code>{highlight(chr(10).join(shown), "c", link)}</code></pre>')
    parts.append(blocks_html(entry.comment, link))
    for declaration in entry.declarations:
        if declaration.kind in ("struct", "enum"):
            parts.append(_table(declaration, link))
    return f'<section class="entry">{"".join(parts)}</section>'


def title_of(header):
    """What a header is about: its first sentence without the library's name."""
    first = header.intro[0].content
    return re.sub(r"^libsnarm: ", "", first)


def summary_of(header):
    return re.split(r"\. |[.:]$", title_of(header), maxsplit=1)[0]


def header_page(header, link):
    """(body, table of contents) of a header's page."""
    intro = list(header.intro)
    intro[0] = type(intro[0])("text", title_of(header)[0].upper() + title_of(header)[1:])
    contents = [(d.name, d.name) for entry in header.entries for d in entry.declarations]
    include = highlight(f'#include <snarm/{header.name}>', "c")
    body = [f'<h1><code>snarm/{header.name}</code></h1>', blocks_html(intro, link), f"<pre><code>{include}</code></pre>"]
    if header.name == "snarm.h":
        names = re.findall(r'#include "snarm/(\w+\.h)"', header.text)
        body.append("<p>It includes:</p><ul>" + "".join(f'<li><a href="{n}.html"><code>snarm/{n}</code></a></li>' for n in names) + "</ul>")
    body += [_entry_html(entry, link) for entry in header.entries]
    return "\n".join(body), contents


def source_page(name, text, link):
    """A C++ header as the text that it is: comments at the beginning of a line as prose, code between them."""
    parts, contents = [f"<h1><code>snarm/{name}</code></h1>"], []

    def heading(anchor, shown):
        parts.append(f'<h2 id="{anchor}" class="symbol">{shown}{_anchor(anchor)}</h2>')
        contents.append((anchor, shown))

    for piece in re.split(r"(^/\*.*?\*/[ \t]*$)", text, flags=re.S | re.M):
        code = piece.strip("\n")
        section = re.match(r"^/\*\s*-{3,}\s*([\w ,]+?)[\s*-]*\*/$", code)
        if section:
            heading("section-" + section[1].replace(" ", "-"), section[1][0].upper() + section[1][1:])
        elif code.startswith("/*"):
            try:
                blocks = comment_blocks(code, name)
            except HeaderError:
                blocks = [Block("text", " ".join(re.sub(r"^\s*\*", "", code[2:-2], flags=re.M).split()))]
            parts.append(blocks_html(blocks, link))
        elif re.sub(r"^(#.*|namespace \w+ \{|\})$|\s", "", code, flags=re.M):  # guards and includes say nothing
            for match in re.finditer(r"^(?:class|struct|enum class) (\w+)[^;]*?\{", code, re.M):
                if (match[1], f"<code>{match[1]}</code>") not in contents:
                    heading(match[1], f"<code>{match[1]}</code>")
            parts.append(f'<pre><code>{highlight(code, "cpp", link)}</code></pre>')
    return "\n".join(parts), contents


def list_page(headers, others, symbols):
    """All headers, and what is in each."""
    parts = ["<h1>C interface</h1>",
             "<p>One page for each header in <code>include/snarm</code>, made from the header itself. Programs include "
             "<code>&lt;snarm/snarm.h&gt;</code>, which has them all. What all calls have in common is in "
             '<a href="../threads.html">threads</a>, <a href="../errors.html">errors and ownership</a>; every name is in the '
             '<a href="symbols.html">index</a>.</p>',
             '<div class="scroll"><table><thead><tr><th>header</th><th>what</th><th>names</th></tr></thead><tbody>']
    for header in headers:
        count = sum(1 for symbol in symbols.values() if symbol.header == header.name)
        parts.append(f'<tr><td><a href="{header.name}.html"><code>{header.name}</code></a></td>'
                     f"<td>{html.escape(summary_of(header))}</td><td>{count}</td></tr>")
    for name in others:
        parts.append(f'<tr><td><a href="{name}.html"><code>{name}</code></a></td><td>C++ on top of the C interface</td><td></td></tr>')
    parts.append("</tbody></table></div>")
    return "\n".join(parts), []


def symbols_page(symbols):
    """Every name, in alphabetical order, with a field to type in."""
    rows = []
    for name in sorted(symbols, key=lambda n: (n.lower(), n)):
        symbol = symbols[name]
        rows.append(f'<tr><td><a class="ref" href="{symbol.address("../")}"><code>{name}</code></a></td><td>{html.escape(symbol.kind)}</td>'
                    f'<td><a href="{symbol.header}.html">{symbol.header}</a></td></tr>')
    return (f"<h1>Index of names</h1><p>All {len(rows)} public names of the C interface.</p>"
            '<p class="filter" hidden><label>Show names with <input type="search" id="filter" autocomplete="off" '
            'spellcheck="false"></label> <span id="count" role="status"></span></p>'
            '<div class="scroll"><table id="symbols"><thead><tr><th>name</th><th>what</th><th>header</th></tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table></div>'), []
