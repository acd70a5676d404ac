"""test_generator.py ROOT: what docs/site refuses, and what it makes of headers and pages."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.abspath(sys.argv.pop(1))
sys.path.insert(0, os.path.join(ROOT, "docs", "site"))

import api_pages  # noqa: E402
import headers  # noqa: E402
import highlight  # noqa: E402
import pages  # noqa: E402
import symbols  # noqa: E402

GOOD = """/* libsnarm: things.
 *
 *     snarm_thing *thing;
 */
#ifndef SNARM_THING_H
#define SNARM_THING_H

/* A thing. */
typedef struct snarm_thing snarm_thing;

/* Options. */
typedef struct snarm_thing_options {
    size_t struct_size;
    int32_t width, height; /* pixels; default 3,
                              1..9 */
    /* Gives one. */
    int (*load)(void *user, size_t index);
    void *user;
} snarm_thing_options;

/* Makes one.
 *   out      the handle
 *   options  NULL for
 *            defaults
 * SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_thing_create(snarm_thing **out, const snarm_thing_options *options);
SNARM_API void snarm_thing_destroy(snarm_thing *thing);

#endif
"""


def read(text):
    return headers.Reader("thing.h", text).read()


class Headers(unittest.TestCase):
    def test_good(self):
        header = read(GOOD)
        self.assertEqual([d.name for e in header.entries for d in e.declarations],
                         ["snarm_thing", "snarm_thing_options", "snarm_thing_create", "snarm_thing_destroy"])
        fields = header.entries[1].declarations[0].fields
        self.assertEqual([(f.name, f.type) for f in fields], [("struct_size", "size_t"), ("width, height", "int32_t"),
                                                              ("load", "int (*)(void *user, size_t index)"), ("user", "void *")])
        self.assertEqual([f.text for f in fields[1:3]], ["pixels; default 3, 1..9", "Gives one."])
        comment = header.entries[2].comment
        self.assertEqual([b.kind for b in comment], ["text", "list", "text"])
        self.assertEqual(comment[1].content, [("out", "the handle"), ("options", "NULL for defaults")])
        page, contents = api_pages.header_page(header, lambda name: f"x.html#{name}" if name == "snarm_thing" else None)
        self.assertEqual(len(contents), 4)
        for wanted in ('id="snarm_thing_create"', 'href="x.html#snarm_thing"', "<dt><code>options</code></dt><dd>NULL for defaults</dd>"):
            self.assertIn(wanted, page)
        self.assertEqual(set(symbols.collect([header])), {d.name for e in header.entries for d in e.declarations})

    def refused(self, old, new, words):
        self.assertEqual(GOOD.count(old), 1, old)
        with self.assertRaises(headers.HeaderError) as caught:
            read(GOOD.replace(old, new))
        self.assertIn(words, str(caught.exception))
        self.assertRegex(str(caught.exception), r"include/snarm/thing\.h:\d+: ")

    def test_refused(self):
        self.refused("/* A thing. */\n", "", "snarm_thing has no comment above it")
        self.refused("SNARM_API void snarm_thing_destroy", "\nSNARM_API void snarm_thing_destroy", "snarm_thing_destroy has no comment")
        self.refused(" /* pixels; default 3,\n                              1..9 */", "", "snarm_thing_options.width, height has no comment")
        self.refused("    /* Gives one. */\n", "", "snarm_thing_options.load has no comment")
        self.refused(" *   out      the handle", " *   ouch     the handle", "describes 'ouch', which snarm_thing_create")
        self.refused(" *   out      the handle\n *   options  NULL for\n *            defaults\n",
                     " * As ever. out      the handle options  NULL for defaults\n", "a list runs on in a paragraph")
        self.refused("snarm_status snarm_thing_create(", "snarm_status (snarm_thing_create)(", "not understood")
        self.refused("/* libsnarm: things.\n *\n *     snarm_thing *thing;\n */\n", "", "has no comment")


class Code(unittest.TestCase):
    def test_highlight(self):
        shown = highlight.highlight('int f = g("<a>", 1); /* snarm_x */', "c", lambda name: "p.html" if name == "g" else None)
        self.assertEqual(shown, '<span class="k">int</span> f = <a href="p.html">g</a>(<span class="s">"&lt;a&gt;"</span>, '
                                '<span class="n">1</span>); <span class="c">/* snarm_x */</span>')
        self.assertEqual(highlight.highlight("a < b", ""), "a &lt; b")


try:
    import markdown
except ImportError:
    markdown = None


class Pages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.makedirs(os.path.join(self.root, "docs", "site"))
        self.write("docs/site/navigation.txt", "# remark\nStart\n    a.md  First\n    b.md\n")
        self.write("docs/a.md", "# A\n\n[b](b.md#the-end)\n")
        self.write("docs/b.md", "# B & more\n\n## The end\n\n`snarm_thing`, `other`\n")

    def write(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as file:
            file.write(text)

    def render(self, source):
        manual = pages.read_navigation(self.root)
        known = {"snarm_thing": symbols.Symbol("snarm_thing", "handle", "thing.h")}
        return pages.Renderer(self.root, manual, ["thing.h"], known).page(next(p for p in manual if p.source == source))[0]

    def test_navigation(self):
        self.assertEqual([(p.address, p.section, p.label) for p in pages.read_navigation(self.root)],
                         [("a.html", "Start", "First"), ("b.html", "Start", "B & more")])

    def navigation_refused(self, words):
        with self.assertRaises(pages.PageError) as caught:
            pages.read_navigation(self.root)
        self.assertIn(words, str(caught.exception))

    def test_navigation_refused(self):
        self.write("docs/c.md", "# C\n")
        self.navigation_refused("docs/c.md: is not in docs/site/navigation.txt")
        os.remove(os.path.join(self.root, "docs", "c.md"))
        os.remove(os.path.join(self.root, "docs", "b.md"))
        self.navigation_refused("b.md: there is no docs/b.md")
        self.write("docs/b.md", "no heading\n")
        self.navigation_refused("docs/b.md: no heading")

    @unittest.skipUnless(markdown, "Python's markdown module is absent")
    def test_links(self):
        self.assertIn('href="b.html#the-end"', self.render("a.md"))
        self.assertIn('href="api/thing.h.html#snarm_thing"', self.render("b.md"))
        self.write("docs/a.md", "# A\n\n[h](../include/snarm/thing.h)\n")
        self.assertIn('href="api/thing.h.html"', self.render("a.md"))

    @unittest.skipUnless(markdown, "Python's markdown module is absent")
    def test_refused(self):
        for text, words in (("[x](x.md)", "link to x.md"), ("[x](../LICENSE)", "link to ../LICENSE"),
                            ("![](x.png)", "has no text"), ("![a picture](x.png)", "does not exist")):
            self.write("docs/a.md", f"# A\n\n{text}\n")
            with self.subTest(text), self.assertRaises(pages.PageError) as caught:
                self.render("a.md")
            self.assertIn(words, str(caught.exception))

    @unittest.skipUnless(markdown, "Python's markdown module is absent")
    def test_code_keeps_its_letters(self):
        self.write("docs/a.md", "# A\n\n```c skip=shown\nif (a < b && c > 0) \"x\";\n```\n\n    snarm fit --out <x>\n")
        body = self.render("a.md")
        self.assertNotIn("skip=", body)
        self.assertIn("a &lt; b &amp;&amp; c &gt; ", body)
        self.assertIn("&lt;x&gt;", body)


unittest.main()
