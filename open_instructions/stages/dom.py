"""Enough of HTML to read what a browser serialised: a tree of elements and text, code and formulas already taken out.

Pages were captured as outerHTML, so nesting is sound and attributes are quoted; what is lost or crossed is mended
the way browsers do: a closing tag closes all that is open inside it, one that fits nothing is passed over.
Page chrome is left out by element (button, svg, script, style), never by its words.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from html import unescape
from typing import Final

_TAG: Final = re.compile(
    r"<(?:(/?)([a-zA-Z][a-zA-Z0-9-]*)([^<>\"']*(?:\"[^\"]*\"[^<>\"']*|'[^']*'[^<>\"']*)*)>|!--.*?(?:-->|\Z)|[!?][^<>]*>)", re.S
)
_MARKUP: Final = re.compile(  # _TAG without groups, and before it what highlight.js writes, which is most of what stands in code
    r"<(?:/span>|span class=\"[^\"]*\">|/?[a-zA-Z][^<>\"']*(?:\"[^\"]*\"[^<>\"']*|'[^']*'[^<>\"']*)*>|!--.*?(?:-->|\Z)|[!?][^<>]*>)", re.S
)
_ATTRIBUTE: Final = re.compile(r"(?<![\w:-])([a-zA-Z][\w:-]*+)\s*+=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LABEL: Final = re.compile(r"[A-Za-z][\w+#.-]{0,24}")
_LANGUAGE: Final = re.compile(r"\b(?:language|lang)-([\w+#.-]+)")
_PAGER: Final = re.compile(r"\s*\d+ / \d+\s*")
_DEPTH: Final = 100  # deeper elements are read as siblings: their text is kept, and nobody recurses without end
_FORMULA: Final = 50_000  # characters in which a formula's TeX comes; without it, unclosed formulas would cost their square
_NEXT_LINE: Final = re.compile(r"<br\b[^>]*>|</div>(?=<div\b)")

MATH: Final = "#math"
MATH_BLOCK: Final = "#math-block"
"""Formulas that were taken out; no page has elements of this name."""
VOID: Final = frozenset("br hr img input wbr area base col embed link meta param source track".split())  # noqa: SIM905
CHROME: Final = frozenset(("button", "svg", "script", "style", "template", "noscript"))
_TAKEN_WHOLE: Final = CHROME | {"pre", "span"}
BLOCKS: Final = frozenset(
    [
        "p",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "pre",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "hr",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "nav",
        "aside",
        "figure",
        "figcaption",
        "details",
        "summary",
        "dl",
        "dt",
        "dd",
        "center",
        "form",
        "fieldset",
        "body",
        "html",
        "#math-block",
    ]
)
# what an opening tag closes without being told, and where the search for it ends
_CLOSES: Final = {
    "li": (("li",), ("ul", "ol")), "td": (("td", "th"), ("tr", "table")), "th": (("td", "th"), ("tr", "table")),
    "tr": (("tr",), ("table",)), "dt": (("dt", "dd"), ("dl",)), "dd": (("dt", "dd"), ("dl",)),
}  # fmt: skip


class _Tag:
    """What is known of a tag by its name."""

    __slots__ = ("block", "closes", "closing", "empty", "name", "until", "whole")

    def __init__(self, name: str, closing: bool) -> None:
        self.name, self.closing = name, closing
        self.whole, self.block, self.empty = name in _TAKEN_WHOLE, name in BLOCKS, name in VOID
        self.closes, self.until = _CLOSES.get(name, ((), ()))


_INLINE = ("a", "b", "code", "del", "em", "i", "math", "s", "strong", "sub", "sup")
_TAGS: Final = {  # as they stand between < and > where they have no attributes
    "/" * closing + name: _Tag(name, closing)
    for name in {*BLOCKS, *VOID, *_TAKEN_WHOLE, *_INLINE} - {MATH_BLOCK}
    for closing in (False, True)
}
_LONGEST: Final = max(map(len, _TAGS))


class Element:
    """One element. `text` holds what was taken out whole: the code of a `pre`, the TeX of a `math`; `block` says that it
    is a block or holds one, `holds` that one of its children is such."""

    __slots__ = ("attributes", "block", "children", "holds", "tag", "text")

    def __init__(self, tag: str, attributes: str = "", text: str = "", block: bool = False) -> None:
        self.tag, self.attributes, self.text, self.block, self.holds = tag, attributes, text, block, False
        self.children: list[Element | str] = []

    def get(self, name: str) -> str:
        """An attribute's value, "" where it is absent."""
        if not self.attributes:
            return ""
        for match in _ATTRIBUTE.finditer(self.attributes):
            if match[1].lower() == name:
                return unescape(match[2] or match[3] or match[4] or "")
        return ""


def parse(html: str) -> Element:
    """The tree of a fragment, under a root element without a tag."""
    html = html.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")  # as HTML reads them
    root = top = Element("", block=True)
    stack = [root]
    pos = 0
    start = html.find("<")
    while start >= 0:
        end = html.find(">", start, start + _LONGEST + 2) + 1
        tag = _TAGS.get(html[start + 1 : end - 1]) if end else None
        attributes = ""
        if tag is None:
            match = _TAG.match(html, start)
            if match is None:  # a sign that stands for itself
                start = html.find("<", start + 1)
                continue
            end = match.end()
            if match[2] is not None:
                name, attributes = match[2].lower(), match[3]
                tag = _TAGS.get(match[1] + name) or _Tag(name, match[1] == "/")
        if start > pos:
            top.children.append(_unescaped(html[pos:start]))
        pos = end
        if tag is None:  # a comment
            pass
        elif tag.closing:
            if top.tag == tag.name:
                stack.pop()
            else:
                for depth in range(len(stack) - 1, 0, -1):
                    if stack[depth].tag == tag.name:
                        del stack[depth:]
                        break
            top = stack[-1]
        elif tag.whole and (taken := _taken_whole(html, tag.name, attributes, end, stack)) >= 0:
            top, pos = stack[-1], taken
        else:
            if tag.block:
                if top.tag == "p":
                    stack.pop()
                if tag.closes:
                    _close(stack, tag.closes, tag.until)
                top = stack[-1]
                if not top.holds:
                    _holds_block(stack)
            element = Element(tag.name, attributes, "", tag.block)
            top.children.append(element)
            if not tag.empty and len(stack) < _DEPTH:
                stack.append(element)
                top = element
        start = html.find("<", pos)
    if pos < len(html):
        top.children.append(_unescaped(html[pos:]))
    return root


def _unescaped(text: str) -> str:
    """`html.unescape`, faster where a text has no entities but those that a browser writes."""
    if "&" not in text:
        return text
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&nbsp;", "\xa0")
    return plain.replace("&amp;", "&") if plain.count("&") == plain.count("&amp;") else unescape(text)


def _taken_whole(html: str, tag: str, attributes: str, pos: int, stack: list[Element]) -> int:
    """Read an element in one go: chrome, code, a formula. Where it ends; -1 if it is to be read like any other."""
    if tag == "span" and "katex" not in attributes:
        return -1
    if tag in CHROME:
        return _end_of(html, tag, pos)[1]
    if tag == "pre":
        inner, end = _end_of(html, tag, pos)
        if stack[-1].tag == "p":
            stack.pop()
        _holds_block(stack)
        stack[-1].children.append(_code_block(html[pos:inner]))
        return end
    start = html.find("<annotation", pos, pos + _FORMULA)
    start = html.find(">", start, start + _FORMULA) + 1 if start >= 0 else 0
    stop = html.find("</annotation>", start, start + _FORMULA) if start else -1
    if stop < 0:
        return -1
    inner, end = _end_of(html, tag, pos)
    if inner < stop:  # the annotation is another formula's
        return -1
    formula = Element(MATH, text=unescape(html[start:stop]).strip())
    if "katex-display" in attributes:
        formula.tag, formula.block = MATH_BLOCK, True
        _holds_block(stack)
    stack[-1].children.append(formula)
    return stop if inner == end else end  # where the closing tag is lost, what follows the TeX is text


def _holds_block(stack: list[Element]) -> None:
    for element in reversed(stack):
        element.holds = True
        if element.block:
            return
        element.block = True


def _close(stack: list[Element], tags: tuple[str, ...], limits: tuple[str, ...]) -> None:
    for depth in range(len(stack) - 1, 0, -1):
        if stack[depth].tag in tags:
            del stack[depth:]
            return
        if stack[depth].tag in limits:
            return


@cache
def _tags_named(tag: str) -> re.Pattern[str]:
    return re.compile(rf"<(/?){tag}\b[^>]*>", re.I)


def _end_of(html: str, tag: str, pos: int) -> tuple[int, int]:
    """Where the element whose opening tag ends at `pos` has its closing tag: its start and its end; the text's end if lost."""
    depth = 1
    for match in _tags_named(tag).finditer(html, pos):
        depth += -1 if match[1] else 1
        if not depth:
            return match.start(), match.end()
    return len(html), len(html)


def _text(html: str) -> str:
    return _unescaped(_MARKUP.sub("", html) if "<" in html else html)


def _code_block(inner: str) -> Element:
    """A `pre`: its code to the byte, and in `attributes` the language. The header's label is one; the class is a guess."""
    start = inner.find("<code")
    if start < 0:
        inner = inner.removeprefix("\n")  # a line break right behind the tag is none of the text
    opening = inner.find(">", start) + 1 if start >= 0 else 0
    end = inner.rfind("</code>") if start >= 0 else len(inner)
    if end < opening:
        end = len(inner)
    head = inner[: max(start, 0)]
    if "<div" not in inner and (_text(head).strip() or _text(inner[end:]).strip()):
        start = opening = 0  # text beside the code and no page chrome: all of it was shown
        head, end = "", len(inner)
    body = inner[opening:end]
    if "<br" in body or "</div>" in body:
        body = _NEXT_LINE.sub("\n", body)
    label = ""
    if "<" in head:
        label = _label(head) if len(head) < 1000 else _read_label(head)
    # a header without a label: the fence named no language, and the class is what highlight.js guessed
    guess = None if "<div" in head else _LANGUAGE.search(inner, max(start, 0), opening)
    return Element("pre", label or (guess[1] if guess else ""), _text(body), block=True)


def _read_label(head: str) -> str:
    said = " ".join(_without_chrome(head).split())
    return said.lower() if _LABEL.fullmatch(said) else ""


_label = lru_cache(maxsize=256)(_read_label)  # headers are long, and differ by their label alone


def _without_chrome(html: str) -> str:
    for tag in ("button", "svg"):
        while True:
            match = re.search(rf"<{tag}\b[^>]*>", html)
            if match is None:
                break
            html = html[: match.start()] + html[_end_of(html, tag, match.end())[1] :]
    return _text(html)


def answer(root: Element) -> Element:
    """The tree without the pager that stood beside the answer's own element (class `markdown`)."""
    if len(root.children) > 1 and any(isinstance(c, Element) and _is_answer(c) for c in root.children):
        for child in root.children:
            if isinstance(child, Element) and not _is_answer(child) and _PAGER.fullmatch(content(child)):
                child.children.clear()
        root.children = [c for c in root.children if isinstance(c, Element) or not _PAGER.fullmatch(c)]
    return root


def _is_answer(element: Element) -> bool:
    return "markdown" in element.attributes and "markdown" in element.get("class").split()


def content(element: Element) -> str:
    """All text below an element."""
    if len(element.children) == 1 and isinstance(only := element.children[0], str):
        return element.text + only
    return element.text + "".join(c if isinstance(c, str) else content(c) for c in element.children)
