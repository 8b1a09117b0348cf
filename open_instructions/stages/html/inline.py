"""Inline Markdown: marks, and text that is escaped only where it would be read as markup.

A `<br>` is the character BREAK here: how it is written depends on where the line goes.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Final

from .dom import BREAK, MATH, MATH_BLOCK, Element, begins_with, content

_SPACES: Final = re.compile(r"[ \t\f]+")
_BREAKS: Final = re.compile(r" ?\n[ \n]*")
_SPECIAL: Final = re.compile(r"[\\`*_\]&~<\n\t\f]")
_ESCAPES: Final = (
    re.compile(  # each alternative begins with its character, so the text between is skipped fast
        r"""\\(?=[!-/:-@\[-`{-~\n]|\Z)            # a backslash before punctuation
      | `
      | \*(?!\ )(?=.) | \*(?<!\ \*)(?<!^\*)   # a star that could open or close
      | _(?<![^\W_]_) | _(?![^\W_])            # an underscore at the edge of a word
      | \](?=\()                              # what looks like a link
      | &(?=\#?\w++;)                         # an entity
      | ~(?=~)
      | <(?=[a-zA-Z][a-zA-Z0-9+.-]{1,31}:|[^\s<>@]++@)  # an autolink
    """,
        re.X | re.S,
    )
)
_TICKS: Final = re.compile("`++")
_MARK: Final = re.compile(r"`++|\\.|[\[\]]", re.S)
_CONTROL: Final = re.compile(r"[\s<>\x00-\x1f\x7f]")
_ENTITY: Final = re.compile(r"&(?=#?\w++;)")
_WRAPS: Final = {
    "strong": "**",
    "b": "**",
    "em": "*",
    "i": "*",
    "del": "~~",
    "s": "~~",
    "strike": "~~",
}


def inline(children: list[Element | str]) -> str:
    """Markdown for inline elements and text."""
    parts: list[str] = []
    for at, child in enumerate(children):
        if isinstance(child, str):
            parts.append(_escaped(child) if "  " in child or _SPECIAL.search(child) else child)
        elif child.tag in _WRAPS:
            before = parts[-1] if parts else ""
            after = children[at + 1] if at + 1 < len(children) else ""
            parts.append(_wrapped(child, before, after))
        else:
            text = _element(child)
            before = parts[-1][-1:] if parts and text else ""
            if before == "!" and text[0] == "[":
                parts[-1] = parts[-1][:-1] + "\\!"  # or it would be read as an image
            elif before == "`" and text[0] == "`":
                code = escape(content(child), quote=False)
                text = f"<code>{code}</code>"  # or the two would be read as one span
            parts.append(text)
    return "".join(parts)


def _escaped(text: str) -> str:
    if "  " in text or "\t" in text or "\f" in text:
        text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = _BREAKS.sub("\n", text)
    return _ESCAPES.sub(lambda m: "\\" + m[0], text)


def _wrapped(element: Element, before: str, after: Element | str) -> str:
    """Bold, italic or struck text: with Markdown's marks where CommonMark reads them as such, else
    with HTML's tags."""
    mark = _WRAPS[element.tag]
    [only, *others] = element.children or [""]
    if mark == "**" and not others and not isinstance(only, str) and _WRAPS.get(only.tag) == "*":
        lead_inside, italic, trail_inside = _edges(inline(only.children))
        # three stars would be read as bold in italics
        inner = f"{lead_inside}_{italic}_{trail_inside}" if italic else lead_inside + trail_inside
    else:
        inner = inline(element.children if mark == "*" else _without(element.children, mark))
    lead, text, trail = _edges(inner)
    if not text:
        return lead + trail
    if isinstance(only, str) and text[0] in "*~":
        text = "\\" + text
    if (
        isinstance(element.children[-1], str)
        and text[-1] in "*~"
        and not text.endswith("\\" + text[-1])
    ):
        text = f"{text[:-1]}\\{text[-1]}"
    left = lead or before[-1:]
    code_follows = not isinstance(after, str) and after.tag == "code"
    right = trail or ("`" if code_follows else begins_with(after))
    if (
        (_punctuation(text[0]) and left and not left.isspace() and not _punctuation(left))
        or (_punctuation(text[-1]) and right and not right.isspace() and not _punctuation(right))
        or left == mark[0]
        or right == mark[0]
        or (mark == "~~" and "~" in (text[0], text[-1]))
        or (mark == "*" and _has_mark(element.children, mark))
    ):
        tag = {"**": "strong", "*": "em", "~~": "del"}[mark]
        return f"{lead}<{tag}>{text}</{tag}>{trail}"
    return f"{lead}{mark}{text}{mark}{trail}"


def _edges(text: str) -> tuple[str, str, str]:
    """Leading white space, text, trailing white space. A backslash at the end of the text is
    doubled, so that it does not escape a mark after it."""
    start = text.lstrip()
    inner = start.rstrip()
    lead, trail = text[: len(text) - len(start)], start[len(inner) :]
    slashes = len(inner) - len(inner.rstrip("\\"))
    return lead, inner + "\\" * (slashes % 2), trail


def _punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _without(children: list[Element | str], mark: str) -> list[Element | str]:
    """Bold in bold is bold: elements with the same mark are replaced by their children."""
    if not any(not isinstance(c, str) and c.children for c in children):
        return children
    found: list[Element | str] = []
    for child in children:
        if not isinstance(child, str) and _WRAPS.get(child.tag) == mark:
            found += _without(child.children, mark)
        else:
            found.append(child)
    return found


def _has_mark(children: list[Element | str], mark: str) -> bool:
    return any(
        not isinstance(c, str) and (_WRAPS.get(c.tag) == mark or _has_mark(c.children, mark))
        for c in children
    )


def _element(element: Element) -> str:
    tag = element.tag
    if tag == "code":
        return _code(element)
    if tag == "a":
        return _link(element)
    if tag == "br":
        return BREAK
    if tag == "img":
        text = _bracketed(inline([element.get("alt")]))
        return f"![{text}]({_target(element.get('src'), element.get('title'))})"
    if tag in (MATH, MATH_BLOCK):
        return f"${element.text}$"
    if tag == "pre":  # for example in a heading, which cannot contain a block
        return " ".join(ticked(line) for line in element.text.split("\n") if line.strip())
    if tag in ("sup", "sub"):  # Markdown has no mark for them, but x2 is not x<sup>2</sup>
        text = inline(element.children)
        if text:
            return f"<{tag}>{text}</{tag}>"
        return ""
    if tag == "input" and element.get("type") == "checkbox":
        if re.search(r"\bchecked\b", element.attributes):
            return "[x] "
        return "[ ] "
    return inline(element.children)


def _code(element: Element) -> str:
    text = content(element).replace("\n", " ")
    if text:
        return ticked(text)
    return ""


def ticked(text: str) -> str:
    ticks = "`"
    if "`" in text:
        runs = {len(run) for run in re.findall("`+", text)}
        ticks *= next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = ""
    if text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and text.strip()):
        pad = " "
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _link(element: Element) -> str:
    text, href = inline(element.children), element.get("href")
    if not href:
        return text
    if content(element) == href and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*", href):
        return f"<{href}>"
    lead, text, trail = _edges(text)
    return f"{lead}[{_bracketed(text)}]({_target(href, element.get('title'))}){trail}"


def _bracketed(text: str) -> str:
    """The text of a link, with its brackets escaped unless they match."""
    if "[" not in text and "]" not in text:
        return text
    places = _brackets(text)
    depth = 0
    for at in places:
        depth += 1 if text[at] == "[" else -1
        if depth < 0:
            break
    if depth == 0:
        return text
    starts = [0, *places]
    return "\\".join([text[a:b] for a, b in zip(starts, [*places, len(text)], strict=True)])


def _brackets(text: str) -> list[int]:
    """The places of brackets that are neither escaped nor in code."""
    found: list[int] = []
    pos = 0
    while (match := _MARK.search(text, pos)) is not None:
        pos = match.end()
        if match[0][0] == "`":  # it opens code: a backtick in text would be escaped
            ends = (m.end() for m in _TICKS.finditer(text, pos) if m[0] == match[0])
            pos = next(ends, len(text))
        elif match[0][0] != "\\":
            found.append(match.start())
    return found


def _target(url: str, title: str) -> str:
    if _CONTROL.search(url) or url.count("(") != url.count(")"):
        url = "<" + re.sub(r"[<>\n]", lambda m: f"%{ord(m[0]):02X}", url) + ">"
    url = _ENTITY.sub("&amp;", url)
    if not title:
        return url
    title = title.replace("\\", "\\\\").replace('"', '\\"')
    title = title.replace("\n", " ")  # a blank line would end it
    return f'{url} "{_ENTITY.sub("&amp;", title)}"'
