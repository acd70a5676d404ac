"""The frame of every page: navigation, the page itself, what is on it."""
import html

TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="{root}style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header class="top">
<a class="brand" href="{root}index.html">{mark}<span>libsnarm</span></a><span class="version">{version}</span>
<a class="quick" href="{root}api/index.html">C interface</a><a class="quick" href="{root}api/symbols.html">Names</a>
<label class="menu-label" for="menu">Contents</label>
</header>
<input type="checkbox" id="menu" aria-label="show the contents">
<div class="frame">
<nav class="pages" aria-label="pages">
{navigation}
</nav>
<main id="main">
{body}
{turn}
</main>
<aside aria-label="on this page">
{contents}
</aside>
</div>
{script}</body>
</html>
"""

# Four squares of a patch grid, one of them anomalous.
MARK = ('<svg class="mark" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true"><rect x="1" y="1" width="6" height="6" rx="1.2"/>'
        '<rect x="9" y="1" width="6" height="6" rx="1.2"/><rect x="1" y="9" width="6" height="6" rx="1.2"/>'
        '<rect class="hot" x="9" y="9" width="6" height="6" rx="1.2"/></svg>')

FILTER = """<script>
"use strict";
const field = document.getElementById("filter"), rows = [...document.querySelectorAll("#symbols tbody tr")];
field.closest(".filter").hidden = false;
field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
    }
    document.getElementById("count").textContent = wanted ? shown + " of " + rows.length : "";
});
</script>
"""


def navigation(sections, current, root):
    """sections: [(name, [(address, label)])]."""
    parts = []
    for name, links in sections:
        parts.append(f"<h2>{html.escape(name)}</h2>\n<ul>")
        for address, label in links:
            here = ' aria-current="page"' if address == current else ""
            parts.append(f'<li><a href="{root}{address}"{here}>{label}</a></li>')
        parts.append("</ul>")
    return "\n".join(parts)


def contents_html(contents):
    if len(contents) < 2:
        return ""
    # Names break behind an underscore, where a line is too short for them.
    links = "".join(f'<li><a href="#{anchor}">{label.replace("_", "_<wbr>")}</a></li>' for anchor, label in contents)
    return f"<h2>On this page</h2>\n<ul>{links}</ul>"


def turn_html(before, after, root):
    """Links to the pages before and after."""
    parts = []
    if before:
        parts.append(f'<a rel="prev" href="{root}{before[0]}"><small>Before</small>{before[1]}</a>')
    if after:
        parts.append(f'<a rel="next" href="{root}{after[0]}"><small>Next</small>{after[1]}</a>')
    return f'<nav class="turn" aria-label="before and next">{"".join(parts)}</nav>' if parts else ""


def page_html(title, body, contents, sections, address, version, script=""):
    root = "../" * address.count("/")
    order = [link for _, links in sections for link in links]
    at = next((i for i, link in enumerate(order) if link[0] == address), None)
    before = order[at - 1] if at else None
    after = order[at + 1] if at is not None and at + 1 < len(order) else None
    shown = "libsnarm" if title == "libsnarm" else f"{title} - libsnarm"
    return TEMPLATE.format(title=html.escape(shown), root=root, version=html.escape(version), navigation=navigation(sections, address, root),
                           body=body, contents=contents_html(contents), turn=turn_html(before, after, root), mark=MARK, script=script)
