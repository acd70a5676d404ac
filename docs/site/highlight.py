"""Code to HTML: a few classes for comments, strings, numbers and keywords, and links on names that have a page."""
import html
import re

_WORDS = {
    "c": "break case const continue default do double else enum extern float for goto if inline int long return short signed sizeof "
         "static struct switch typedef union unsigned void volatile while char size_t ptrdiff_t int8_t int16_t int32_t int64_t uint8_t "
         "uint16_t uint32_t uint64_t bool NULL true false",
    "python": "and as assert async await break class continue def del elif else except False finally for from global if import in is "
              "lambda None nonlocal not or pass raise return True try while with yield",
    "sh": "if then else elif fi for do done while case esac",
    "json": "true false null",
    "": "",
}
_WORDS["cpp"] = _WORDS["c"] + (" auto catch class constexpr delete explicit final friend mutable namespace new noexcept nullptr operator "
                               "override private protected public template this throw try typename using virtual")
_COMMENTS = {"c": r"/\*.*?\*/|//[^\n]*|^[ \t]*\#[^\n]*", "cpp": r"/\*.*?\*/|//[^\n]*|^[ \t]*\#[^\n]*", "python": r"\#[^\n]*",
             "sh": r"(?:(?<=\s)|^)\#[^\n]*", "json": r"(?!)", "ini": r"^\s*[\#;][^\n]*", "": r"(?!)"}
_NAMES = {"c++": "cpp", "bash": "sh", "shell": "sh", "console": "sh", "py": "python", "text": "", "h": "c", "hpp": "cpp", "meson": "python"}


def language_of(name):
    name = _NAMES.get(name, name)
    return name if name in _COMMENTS else ""


def highlight(code, language, link=lambda name: None):
    """link(name) gives the address of a name's page, or None."""
    language = language_of(language)
    words = set(_WORDS.get(language, "").split())
    strings = r'"(?:\\.|[^"\\\n])*"' + (r"|'(?:\\.|[^'\\\n])*'" if language in ("c", "cpp", "python", "sh") else "")
    token = re.compile(rf"(?P<comment>{_COMMENTS[language]})|(?P<string>{strings})|(?P<option>(?<=\s)--?[a-z][\w-]*)"
                       r"|(?P<number>\b\d[\w.]*)|(?P<word>[A-Za-z_]\w*)", re.S | re.M)
    parts, at = [], 0
    for match in token.finditer(code):
        parts.append(html.escape(code[at:match.start()], quote=False))
        at = match.end()
        kind, text = match.lastgroup, html.escape(match[0], quote=False)
        if kind == "word":
            target = link(match[0])
            if target:
                text = f'<a href="{html.escape(target)}">{text}</a>'
            elif match[0] in words:
                text = f'<span class="k">{text}</span>'
        elif not language or (kind == "option" and language != "sh"):
            pass
        elif kind == "comment" and match[0].lstrip().startswith("#") and language in ("c", "cpp"):
            text = f'<span class="k">{text}</span>'
        elif kind == "comment" and "snarm" in match[0] and not match[0].lstrip().startswith("#"):
            text = f'<span class="c">{link_words(match[0], link, code=True)}</span>'
        else:
            text = f'<span class="{ {"comment": "c", "string": "s", "option": "n", "number": "n"}[kind] }">{text}</span>'
        parts.append(text)
    parts.append(html.escape(code[at:], quote=False))
    return "".join(parts)


_NAME = re.compile(r"\b[A-Za-z][A-Za-z0-9]*(?:_\w+)+\b")


def link_words(text, link, code=False):
    """Escaped text with links on the names that have a page. Unless it is code itself, words with an underscore are shown as code."""
    parts, at = [], 0
    for match in _NAME.finditer(text):
        target = link(match[0])
        if not target and code:
            continue
        parts.append(html.escape(text[at:match.start()], quote=False))
        shown = match[0] if code else f"<code>{match[0]}</code>"
        parts.append(f'<a class="ref" href="{html.escape(target)}">{shown}</a>' if target else shown)
        at = match.end()
    parts.append(html.escape(text[at:], quote=False))
    return "".join(parts)
