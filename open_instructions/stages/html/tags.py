"""HTML's tags and entities. `dom` builds a tree from them.

Every pattern here is linear: repeats are possessive, and what they repeat cannot begin inside
itself.
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from typing import Final

# the attributes up to the tag's end: a quoted value can hold anything but its own quote
_REST: Final = r"[^<>\"']*+(?:\"[^\"]*+\"[^<>\"']*+|'[^']*+'[^<>\"']*+)*"
_NAME: Final = r"[a-zA-Z][a-zA-Z0-9-]*+"
# a comment ends at --> or --!>, or immediately (<!-->, <!--->), or with the page
_NO_TAG: Final = r"!--(?:-?>|.*?(?:--!?>|\Z))|[!?][^<>]*+>"

TAG: Final = re.compile(rf"<(?:(/?)({_NAME})({_REST})>|{_NO_TAG})", re.S)
_MARKUP: Final = re.compile(  # TAG without groups; what highlight.js writes comes first
    rf"<(?:/span>|span class=\"[^\"]*+\">|/?{_NAME}{_REST}>|{_NO_TAG})", re.S
)
_LONG_NUMBER: Final = re.compile(r"&#(?=[0-9]{8})0*+([0-9]*+)")


def unescaped(text: str) -> str:
    """The same as `html.unescape`, but faster if the only entities are those that browsers
    write."""
    if "&" not in text:
        return text
    plain = text.replace("&lt;", "<").replace("&gt;", ">")
    plain = plain.replace("&quot;", '"').replace("&nbsp;", "\xa0")
    if plain.count("&") == plain.count("&amp;"):
        return plain.replace("&amp;", "&")
    if "&#" in text:  # int() refuses 5,000 digits, and no character needs more than seven
        text = _LONG_NUMBER.sub(lambda m: f"&#{m[1][:8] or '0'}", text)
    text = unescape(text)
    if "\r" in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def without_tags(html: str) -> str:
    """The text of a piece of HTML."""
    return unescaped(_MARKUP.sub("", html) if "<" in html else html)


@cache
def tags_named(name: str) -> re.Pattern[str]:
    """Matches tags with this name; the group is "/" in closing tags."""
    return re.compile(rf"<(/?){name}(?![a-zA-Z0-9-]){_REST}>", re.I)


def closings(html: str, name: str, pos: int) -> dict[int, tuple[int, int]]:
    """The closed elements with this name, beginning with the one whose opening tag ends at `pos`.

    Maps the end of an opening tag to the start and end of its closing tag.
    """
    found: dict[int, tuple[int, int]] = {}
    opened: list[int] = [pos]
    for match in tags_named(name).finditer(html, pos):
        if not match[1]:
            opened.append(match.end())
        elif opened:
            found[opened.pop()] = (match.start(), match.end())
    return found


class Cursor:
    """Finds a text in a page from left to right: all calls together cost one pass."""

    __slots__ = ("_at", "_html", "_sought")

    def __init__(self, html: str, sought: str) -> None:
        self._html, self._sought, self._at = html, sought, -1

    def after(self, pos: int) -> int:
        """The first place at or after `pos`, the page's end if there is none. `pos` never
        decreases."""
        if self._at < pos:
            found = self._html.find(self._sought, pos)
            self._at = found if found >= 0 else len(self._html)
        return self._at
