"""A parser for HTML that a browser serialised: it gives a tree of elements and text, with code and
formulas already extracted.

Pages were captured as outerHTML, so nesting is sound and attributes are quoted. Missing or crossed
tags are repaired the way browsers do it: a closing tag closes everything open inside its element,
and is ignored if it matches nothing. Page chrome is left out by element (button, svg, script,
style), never by its words.
"""

from __future__ import annotations

import re
from typing import Final

from .code_blocks import Comments, code_block
from .tags import TAG, Cursor, closings, unescaped

_ATTRIBUTE: Final = re.compile(
    r"(?<![\w:-])([a-zA-Z][\w:-]*+)\s*+=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))"
)
_PAGER: Final = re.compile(r"\s*\d+ / \d+\s*")
_DEPTH: Final = (
    100  # deeper elements are read as siblings: their text is kept, and recursion stays bounded
)
_FORMULA: Final = 50_000  # characters within which a formula's TeX must come

BREAK: Final = "\x1f"
"""A `<br>` while text is assembled. Python counts it as white space, so it is never taken for
text."""
SAID_BREAK: Final = "\0"
"""Replaces BREAK's character where a page itself contains it. No page contains this one, see
`parse`."""
MATH: Final = "#math"
MATH_BLOCK: Final = "#math-block"
"""Formulas that were extracted. No page has elements with these names."""
VOID: Final = frozenset(
    [
        "br",
        "hr",
        "img",
        "input",
        "wbr",
        "area",
        "base",
        "col",
        "embed",
        "link",
        "meta",
        "param",
        "source",
        "track",
    ]
)
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
# the elements that an opening tag closes implicitly, and those where the search for them ends
_CLOSES: Final = {
    "a": (("a",), ("td", "th", "caption")),
    "li": (("li",), ("ul", "ol")),
    "td": (("td", "th"), ("tr", "table")),
    "th": (("td", "th"), ("tr", "table")),
    "tr": (("tr",), ("table",)),
    "thead": (("tr", "thead", "tbody", "tfoot"), ("table",)),
    "tbody": (("tr", "thead", "tbody", "tfoot"), ("table",)),
    "tfoot": (("tr", "thead", "tbody", "tfoot"), ("table",)),
    "dt": (("dt", "dd"), ("dl",)),
    "dd": (("dt", "dd"), ("dl",)),
}


class _Tag:
    """The properties of a tag that follow from its name."""

    __slots__ = ("block", "closes", "closing", "empty", "name", "until", "whole")

    def __init__(self, name: str, closing: bool) -> None:
        self.name, self.closing = name, closing
        self.whole, self.block, self.empty = name in _TAKEN_WHOLE, name in BLOCKS, name in VOID
        self.closes, self.until = _CLOSES.get(name, ((), ()))


_INLINE = ("a", "b", "code", "del", "em", "i", "math", "s", "strong", "sub", "sup")
_TAGS: Final = {  # by what is between < and > in a tag without attributes
    "/" * closing + name: _Tag(name, closing)
    for name in {*BLOCKS, *VOID, *_TAKEN_WHOLE, *_INLINE} - {MATH_BLOCK}
    for closing in (False, True)
}
_LONGEST: Final = max(map(len, _TAGS))


class Element:
    """One element.

    `text` holds what was extracted whole: the code of a `pre`, the TeX of a `math`. `block` is true
    if the element is a block or contains one, `holds` if this is true of one of its children.
    """

    __slots__ = ("attributes", "block", "children", "holds", "tag", "text")

    def __init__(self, tag: str, attributes: str = "", text: str = "", block: bool = False) -> None:
        self.tag, self.attributes, self.text, self.block, self.holds = (
            tag,
            attributes,
            text,
            block,
            False,
        )
        self.children: list[Element | str] = []

    def get(self, name: str) -> str:
        """An attribute's value, "" where it is absent."""
        if not self.attributes:
            return ""
        for match in _ATTRIBUTE.finditer(self.attributes):
            if match[1].lower() == name:
                return unescaped(match[2] or match[3] or match[4] or "")
        return ""


def parse(html: str) -> Element:
    """The tree of a fragment, below a root element without a tag."""
    html = _normalised(html)
    root = top = Element("", block=True)
    stack = [root]
    page = _Page(html, stack)
    pos = 0
    start = html.find("<")
    while start >= 0:
        end = html.find(">", start, start + _LONGEST + 2) + 1
        tag = _TAGS.get(html[start + 1 : end - 1]) if end else None
        attributes = ""
        if tag is None:
            match = TAG.match(html, start)
            if match is None:  # a literal <
                start = html.find("<", start + 1)
                continue
            end = match.end()
            if match[2] is not None:
                name, attributes = match[2].lower(), match[3]
                tag = _TAGS.get(match[1] + name) or _Tag(name, match[1] == "/")
        if start > pos:
            top.children.append(unescaped(html[pos:start]))
        pos = end
        if tag is None:
            page.comment(start, end)
        elif tag.closing:
            if top.tag == tag.name:
                stack.pop()
            else:
                _close_outer(stack, tag.name)
            top = stack[-1]
        elif tag.whole and (taken := page.take(tag.name, attributes, start, end)) >= 0:
            top, pos = stack[-1], taken
        else:
            if tag.block:
                top = _begin_block(stack, tag)
            elif tag.closes:
                _close(stack, tag.closes, tag.until)
                top = stack[-1]
            element = Element(tag.name, attributes, "", tag.block)
            top.children.append(element)
            if not tag.empty and len(stack) < _DEPTH:
                stack.append(element)
                top = element
        start = html.find("<", pos)
    if pos < len(html):
        top.children.append(unescaped(html[pos:]))
    return root


def _normalised(html: str) -> str:
    """A page with NUL characters and line breaks as HTML reads them, and without BREAK."""
    html = html.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
    return html.replace(BREAK, SAID_BREAK)


class _Page:
    """A page while it is read: its open elements, and the means to read some elements whole."""

    __slots__ = ("_closings", "_comments", "_cursors", "_html", "_stack")

    def __init__(self, html: str, stack: list[Element]) -> None:
        self._html, self._stack = html, stack
        self._comments: Comments | None = None
        self._closings: dict[str, dict[int, tuple[int, int]]] = {}
        self._cursors: list[Cursor] = []

    def comment(self, start: int, end: int) -> None:
        """Note what a comment says about code."""
        if self._comments is None:
            self._comments = Comments(self._html)
        self._comments.read(start, end)

    def take(self, name: str, attributes: str, start: int, pos: int) -> int:
        """Read chrome, code or a formula whole; its opening tag goes from `start` to `pos`.

        Returns where it ends, or -1 if it has to be read like any other element, such as chrome
        without a closing tag.
        """
        if name == "span" and "katex" not in attributes:
            return -1
        if name not in self._closings:
            self._closings[name] = closings(self._html, name, pos)
        inner, end = self._closings[name].get(pos, (-1, -1))
        if name in CHROME:
            return end
        if name == "pre":
            if end < 0:
                inner = end = len(self._html)
            self._take_code(self._html[pos:inner], attributes, start)
            return end
        return self._take_formula(attributes, pos, inner, end)

    def _take_code(self, inner: str, attributes: str, start: int) -> None:
        comment_language = self._comments.language(start) if self._comments else ""
        language, code = code_block(inner, attributes, comment_language)
        if self._stack[-1].tag == "p":
            self._stack.pop()
        _holds_block(self._stack)
        self._stack[-1].children.append(Element("pre", language, code, block=True))

    def _take_formula(self, attributes: str, pos: int, inner: int, end: int) -> int:
        if not self._cursors:
            sought = ("<annotation", ">", "</annotation>")
            self._cursors = [Cursor(self._html, text) for text in sought]
        opening, sign, closing = self._cursors
        annotation = opening.after(pos)
        start = sign.after(annotation) + 1
        stop = closing.after(start)
        longest = max(annotation - pos, start - annotation, stop - start)
        if stop == len(self._html) or longest > _FORMULA:
            return -1
        if 0 <= inner < stop:  # the annotation belongs to another formula
            return -1
        formula = Element(MATH, text=unescaped(self._html[start:stop]).strip())
        if "katex-display" in attributes:
            formula.tag, formula.block = MATH_BLOCK, True
            _holds_block(self._stack)
        self._stack[-1].children.append(formula)
        # if the closing tag is missing, what follows the TeX is text
        if end >= 0:
            return end
        return stop


def _begin_block(stack: list[Element], tag: _Tag) -> Element:
    """Close what a block ends. Returns the element that the block belongs to."""
    if stack[-1].tag == "p":
        stack.pop()
    if tag.closes:
        _close(stack, tag.closes, tag.until)
    parent = stack[-1]
    if not parent.holds:
        _holds_block(stack)
    return parent


def _holds_block(stack: list[Element]) -> None:
    for element in reversed(stack):
        element.holds = True
        if element.block:
            return
        element.block = True


def _close_outer(stack: list[Element], name: str) -> None:
    """Close the innermost open element with this name, and everything inside it."""
    for depth in range(len(stack) - 1, 0, -1):
        if stack[depth].tag == name:
            del stack[depth:]
            return


def _close(stack: list[Element], tags: tuple[str, ...], limits: tuple[str, ...]) -> None:
    for depth in range(len(stack) - 1, 0, -1):
        if stack[depth].tag in limits:
            return
        if stack[depth].tag in tags:
            del stack[depth:]


def answer(root: Element) -> Element:
    """The tree without the pager beside the answer's own element (class `markdown`)."""
    if len(root.children) > 1 and any(
        isinstance(c, Element) and _is_answer(c) for c in root.children
    ):
        for child in root.children:
            if (
                isinstance(child, Element)
                and not _is_answer(child)
                and _PAGER.fullmatch(content(child))
            ):
                child.children.clear()
        root.children = [
            c for c in root.children if isinstance(c, Element) or not _PAGER.fullmatch(c)
        ]
    return root


def _is_answer(element: Element) -> bool:
    return "markdown" in element.attributes and "markdown" in element.get("class").split()


def content(element: Element) -> str:
    """All text below an element; a `<br>` is a line break."""
    if len(element.children) == 1 and isinstance(only := element.children[0], str):
        return element.text + only
    if element.tag == "br":
        return "\n"
    parts = [c if isinstance(c, str) else content(c) for c in element.children]
    return element.text + "".join(parts)


def begins_with(node: Element | str) -> str:
    """The first character of the text in an element, "" if it has none."""
    if isinstance(node, str):
        return node[:1]
    if node.text or node.tag == "br":
        return node.text[:1] or "\n"
    for child in node.children:
        found = begins_with(child)
        if found:
            return found
    return ""
