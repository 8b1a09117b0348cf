"""Where HTML's tags begin and end, and what its entities stand for; `dom` makes a tree of them.

Every pattern here is linear: what repeats gives nothing back, and does not begin inside itself.
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from typing import Final

# the attributes up to the tag's end: a quoted value can hold anything but its own quote
_REST: Final = r"[^<>\"']*+(?:\"[^\"]*+\"[^<>\"']*+|'[^']*+'[^<>\"']*+)*"
_NAME: Final = r"[a-zA-Z][a-zA-Z0-9-]*+"
# a comment ends at --> or --!>, or at once (<!-->, <!--->), or with the page
_NO_TAG: Final = r"!--(?:-?>|.*?(?:--!?>|\Z))|[!?][^<>]*+>"

TAG: Final = re.compile(rf"<(?:(/?)({_NAME})({_REST})>|{_NO_TAG})", re.S)
_MARKUP: Final = re.compile(  # TAG without groups, and first what highlight.js writes
    rf"<(?:/span>|span class=\"[^\"]*+\">|/?{_NAME}{_REST}>|{_NO_TAG})", re.S
)
_LONG_NUMBER: Final = re.compile(r"&#(?=[0-9]{8})0*+([0-9]*+)")


def unescaped(text: str) -> str:
    """`html.unescape`, faster where a text has no entities but those that a browser writes."""
    if "&" not in text:
        return text
    plain = text.replace("&lt;", "<").replace("&gt;", ">")
    plain = plain.replace("&quot;", '"').replace("&nbsp;", "\xa0")
    if plain.count("&") == plain.count("&amp;"):
        return plain.replace("&amp;", "&")
    if "&#" in text:  # Python reads no 5,000 digits, and eight are more than any character has
        text = _LONG_NUMBER.sub(lambda m: f"&#{m[1][:8] or '0'}", text)
    text = unescape(text)
    if "\r" in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def without_tags(html: str) -> str:
    """All text of a piece of HTML."""
    return unescaped(_MARKUP.sub("", html) if "<" in html else html)


@cache
def tags_named(name: str) -> re.Pattern[str]:
    """The tags of this name; the group is "/" in closing ones."""
    return re.compile(rf"<(/?){name}(?![a-zA-Z0-9-]){_REST}>", re.I)


def closings(html: str, name: str, pos: int) -> dict[int, tuple[int, int]]:
    """The elements of this name from the one on whose opening tag ends at `pos`.

    Where an opening tag ends -> where its closing tag begins and ends, if it has one.
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
    """Where a text stands in a page, asked from left to right: all answers cost one search."""

    __slots__ = ("_at", "_html", "_sought")

    def __init__(self, html: str, sought: str) -> None:
        self._html, self._sought, self._at = html, sought, -1

    def after(self, pos: int) -> int:
        """The first place from `pos` on, the page's end if there is none. `pos` never decreases."""
        if self._at < pos:
            found = self._html.find(self._sought, pos)
            self._at = found if found >= 0 else len(self._html)
        return self._at
