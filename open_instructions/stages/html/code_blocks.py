"""A `pre` element: its code to the byte, and its language as the page names it.

ChatGPT's page has a header with the language above the code. Stack Overflow's bodies name it in the
class of the `pre` or in a comment: `<!-- language: lang-js -->` for the block directly after it,
`<!-- language-all: lang-py -->` for all that follow, `<!-- begin snippet: js … -->` for those up
to `<!-- end snippet -->`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from .tags import closings, tags_named, without_tags

_LABEL: Final = re.compile(r"[A-Za-z][\w+#.-]{0,24}")
_NAME: Final = re.compile(r"[\w+#.-]{1,25}")
_CLASS: Final = re.compile(r"[\s\"'=](?:language|lang)-([\w+#.-]+)", re.I)
_SNIPPET_CLASS: Final = re.compile(r"[\s\"'=]snippet-code-([\w+#.-]+)", re.I)
_COMMENT: Final = re.compile(
    r"<!--\s*+(language|language-all|begin snippet)\s*+:\s*+(?:lang-|language-)?"
    r"([\w+#.]++(?:-[\w+#.]++)*)"
    r"|<!--\s*+(end snippet)\b",
    re.I,
)
_NO_LANGUAGE: Final = frozenset(("none", "default", "or-tag-here"))
"""What Stack Overflow's editor writes when nobody named a language."""
_NEXT_LINE: Final = re.compile(rf"{tags_named('br').pattern}|</div>(?=<div\b)", re.I)


class Comments:
    """The languages that comments have named so far."""

    __slots__ = ("_all", "_end", "_html", "_next", "_snippet")

    def __init__(self, html: str) -> None:
        self._html = html
        self._next: str | None = None
        self._end = 0
        self._all = self._snippet = ""

    def read(self, start: int, end: int) -> None:
        """Note the language that the comment at this place names, if any."""
        if self._next is not None and self._html[self._end : start].strip():
            self._next = None  # something came between it and the code
        self._end = end
        match = _COMMENT.match(self._html, start, end)
        if match is None:
            return
        if match[3]:
            self._snippet = ""
            return
        kind, name = match[1].lower(), _known(match[2])
        if kind == "language":
            self._next = name
        elif kind == "language-all":
            self._all = name
        else:
            self._snippet = name

    def language(self, start: int) -> str:
        """The language of the `pre` that begins at `start`."""
        named, self._next = self._next, None
        if named is not None and not self._html[self._end : start].strip():
            return named
        return self._all or self._snippet


def code_block(inner: str, attributes: str, comment_language: str) -> tuple[str, str]:
    """The language and the code of a `pre`. `comment_language` is the language that comments name.

    If there is a header, only its label counts: a class there is a guess by highlight.js.
    """
    start = inner.find("<code")
    if start < 0:
        inner = inner.removeprefix("\n")  # a line break directly after the tag is not text
    opening = inner.find(">", start) + 1 if start >= 0 else 0
    end = inner.rfind("</code>") if start >= 0 else len(inner)
    if end < opening:
        end = len(inner)
    head = inner[: max(start, 0)]
    tag = inner[max(start, 0) : opening]
    if "<div" not in inner and (without_tags(head).strip() or without_tags(inner[end:]).strip()):
        head, tag = "", ""  # text beside the code, and no page chrome: all of it was visible
        opening, end = 0, len(inner)
    body = inner[opening:end]
    if "<br" in body or "<BR" in body or "</div>" in body:
        body = _NEXT_LINE.sub("\n", body)
    if "<div" in head:
        label = _label(head) if len(head) < 1000 else _read_label(head)
        return label, without_tags(body)
    label = _read_label(head) if "<" in head else ""
    return label or _named(tag, attributes, comment_language), without_tags(body)


def _named(tag: str, attributes: str, comment_language: str) -> str:
    """The language in the tags' classes, else the one in comments."""
    for pattern in (_CLASS, _SNIPPET_CLASS):
        for text in (tag, attributes):
            match = pattern.search(text) if "-" in text else None
            if match is not None:
                return _known(match[1])
    return comment_language


def _known(name: str) -> str:
    name = name.lower()
    if name in _NO_LANGUAGE or not _NAME.fullmatch(name):
        return ""
    return name


def _read_label(head: str) -> str:
    label = " ".join(_without_chrome(head).split())
    if _LABEL.fullmatch(label):
        return label.lower()
    return ""


# headers are long, and differ only in their labels
_label = lru_cache(maxsize=256)(_read_label)


def _without_chrome(html: str) -> str:
    for name in ("button", "svg"):
        if "<" + name not in html:
            continue
        ends = closings(html, name, 0)
        parts: list[str] = []
        pos = 0
        for match in tags_named(name).finditer(html):
            if match.start() >= pos and not match[1]:
                parts.append(html[pos : match.start()])
                pos = ends[match.end()][1] if match.end() in ends else len(html)
        html = "".join([*parts, html[pos:]])
    return without_tags(html)
