"""A tree of HTML -> the Markdown that it was rendered from (CommonMark with tables and strike-through).

Text is escaped only where it would otherwise be read as markup, so that parsing the result gives the same document.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Final

from .dom import MATH, MATH_BLOCK, Element, content

_SPACES: Final = re.compile(r"[ \t\f]+")
_BREAKS: Final = re.compile(r" ?\n[ \n]*")
_SPECIAL: Final = re.compile(r"[\\`*_\]&~<\n\t\f]")
_ESCAPES: Final = re.compile(  # each begins with its character, so that text between them is passed over at once
    r"""\\(?=[!-/:-@\[-`{-~\n]|\Z)            # a backslash before punctuation
      | `
      | \*(?!\ )(?=.) | \*(?<!\ \*)(?<!^\*)   # a star that could open or close
      | _(?<![^\W_]_) | _(?![^\W_])            # an underscore at the edge of a word
      | \](?=\()                              # what looks like a link
      | &(?=\#?\w+;)                          # an entity
      | ~(?=~)
      | <(?=[a-zA-Z][a-zA-Z0-9+.-]{1,31}:|[^\s<>@]+@)  # an autolink
    """,
    re.X | re.S,
)
_LINE_START: Final = re.compile(
    r"^(?=[#>+=|*\d_:-])(?:(#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|=+\s*$|([-_*])(?:[ \t]*\2){2,}[ \t]*$|-+\s*$|\|(?=[ :-]+\|)"
    r"|:?-+:?(?=[ \t]*\|[ \t|:-]*$))|(\d{1,9})([.)])(?=\s|$))",
    re.M,
)
_STARTS: Final = frozenset("#>+=|*_:-0123456789")
_START: Final = re.compile(r"\n[#>+=|*\d_:-]")
_DEFINITION: Final = re.compile(r"^\[(?=(?:[^\[\]\\]|\\.){1,999}\]:)", re.M)
_AFTER_BREAK: Final = re.compile(r" *  \n[ \n]*")
_BRACKET: Final = re.compile(r"(`+)[^`].*?(?<!`)\1(?!`)|\\.|([\[\]])|[^\\`\[\]]+", re.S)
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_WRAPS: Final = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
_HEADINGS: Final = {f"h{n}": n for n in range(1, 7)}


def render(root: Element) -> str:
    """Markdown for a tree from `dom.parse`."""
    return "\n\n".join(_blocks(root)).strip("\n")


def _blocks(parent: Element) -> list[str]:
    """Each block below an element, as its lines."""
    if not parent.holds:
        text = _paragraph(parent.children)
        return [text] if text else []
    found: list[str] = []
    run: list[Element | str] = []
    lists = {"ul": 0, "ol": 0}
    last = ""
    for child in parent.children:
        if isinstance(child, str) or not child.block:
            if run or child != "\n":
                run.append(child)
            continue
        if run:
            text = _paragraph(run)
            if text:
                found.append(text)
                last = ""
            run = []
        if child.tag in lists:
            # two lists side by side would be read as one: the second takes the other marker
            lists[child.tag] = 1 - lists[child.tag] if last == child.tag else 0
            blocks = [_list(child, alternate=bool(lists[child.tag]))]
        else:
            blocks = _block(child)
        blocks = [b for b in blocks if b]
        if blocks:
            found += blocks
            last = child.tag
    if run:
        text = _paragraph(run)
        if text:
            found.append(text)
    return found


def _block(element: Element) -> list[str]:
    tag = element.tag
    if tag == "p":
        return _blocks(element)
    if tag == "pre":
        return [_fence(element)]
    if tag in _HEADINGS:
        text = " ".join(_inline(element.children).split())
        closing = len(text) - len(text.rstrip("#"))  # a run at the end would be read as the heading's end
        text = f"{text[: len(text) - closing]}\\{'#' * closing}" if closing else text
        return [f"{'#' * _HEADINGS[tag]} {text}"] if text else []
    if tag == "blockquote":
        return ["\n".join(f"> {line}".rstrip() for line in "\n\n".join(_blocks(element)).split("\n"))]
    if tag == "table":
        return [*_beside_cells(element), _table(element)]
    if tag == "hr":
        return ["---"]
    if tag == MATH_BLOCK:
        return [f"$$\n{element.text}\n$$" if "\n" in element.text else f"$${element.text}$$"]
    return _blocks(element)


def _paragraph(children: list[Element | str]) -> str:
    text = _inline(children).strip(" \n")
    if "  \n" in text:
        text = _AFTER_BREAK.sub("  \n", text)
    if text[:1] in _STARTS or ("\n" in text and _START.search("\n" + text)):
        text = _LINE_START.sub(lambda m: "\\" + m[1] if m[1] else f"{m[3]}\\{m[4]}", text)
    return _DEFINITION.sub(r"\\[", text) if "]:" in text else text


def _fence(element: Element) -> str:
    code = element.text
    ticks = max((len(run) for run in re.findall(r"`{3,}", code)), default=2) if "```" in code else 2
    fence = "`" * (ticks + 1)
    return f"{fence}{element.attributes}\n{code}{'' if code.endswith(chr(10)) or not code else chr(10)}{fence}"


def _list(element: Element, *, alternate: bool) -> str:
    items: list[Element] = []
    loose = False
    for child in element.children:
        if isinstance(child, str):
            if child == "\n" or not child.strip():
                continue
            item = _item(child)
        else:
            item = child if child.tag in ("li", "ul", "ol") else _item(child)
        items.append(item)
        if item.holds and not loose:
            loose = any(isinstance(c, Element) and c.tag == "p" for c in item.children)
    number = _number(element.get("start"), 1) if element.tag == "ol" else 0
    lines: list[str] = []
    for item in items:
        if element.tag == "ol":
            number = _number(item.get("value"), number) if item.attributes else number
            marker = f"{min(number, 999_999_999)}{')' if alternate else '.'} "
            number += 1
        else:
            marker = "* " if alternate else "- "
        blocks = _blocks(item) if item.tag not in ("ul", "ol") else [_list(item, alternate=False)]
        body = ("\n\n" if loose else "\n").join(blocks)
        body = "***" + body[3:] if body[:4] in ("---", "---\n") else body  # "- ---" would be a line across
        if "\n" in body:
            indent = " " * len(marker)
            first, *rest = body.split("\n")
            lines.append("\n".join([(marker + first).rstrip(), *[indent + line if line else "" for line in rest]]))
        else:
            lines.append((marker + body).rstrip())
    return ("\n\n" if loose else "\n").join(lines)


def _item(child: Element | str) -> Element:
    """What stands in a list beside its items."""
    item = Element("li", block=True)
    item.children.append(child)
    item.holds = not isinstance(child, str) and child.block
    return item


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _table(element: Element) -> str:
    rows = _find(element, "tr") or [element]
    cells = [[c for c in r.children if isinstance(c, Element) and c.tag in ("td", "th")] for r in rows]
    cells = [row for row in cells if row]
    if not cells:
        return ""  # its text stands beside cells that are not there
    width = max(len(row) for row in cells)
    aligned = [_alignment(c) for c in cells[0]] + ["---"] * (width - len(cells[0]))
    texts = [[_cell(c) for c in row] for row in cells]
    texts[0] += [""] * (width - len(texts[0]))  # other rows may be shorter
    if all(c.tag == "td" for c in cells[0]) and not _find(element, "thead"):
        texts.insert(0, [""] * width)
    texts.insert(1, aligned)
    return "\n".join("| " + " | ".join(row) + " |" for row in texts)


def _beside_cells(element: Element) -> list[str]:
    """A table's caption, and text that stands in it but in no cell; browsers show both before it."""
    found: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            found += [_paragraph([child])] if child.strip() else []
        elif child.tag in ("thead", "tbody", "tfoot", "tr"):
            found += _beside_cells(child)
        elif child.tag not in ("td", "th", "colgroup"):
            found += _blocks(child) if child.holds else [_paragraph([child])]
    return [text for text in found if text]


def _find(element: Element, tag: str) -> list[Element]:
    """All blocks of this name below an element, but not those of a table in it."""
    found: list[Element] = []
    for child in element.children:
        if isinstance(child, Element):
            if child.tag == tag:
                found.append(child)
            elif child.holds and child.tag != "table":
                found += _find(child, tag)
    return found


def _alignment(cell: Element) -> str:
    if not cell.attributes:
        return "---"
    said = cell.get("align") or re.sub(r"\s", "", cell.get("style")).partition("text-align:")[2].partition(";")[0]
    return {"left": ":---", "center": ":---:", "right": "---:"}.get(said.lower(), "---")


def _cell(cell: Element) -> str:
    text = "<br>".join(_flat(cell)) if cell.holds else _inline(cell.children)
    return " ".join(text.replace("  \n", "<br>").split()).replace("|", "\\|")


def _flat(element: Element) -> list[str]:
    """The lines of blocks in a cell, which has no room for more than lines: code as spans, a table's cells one by one."""
    lines: list[str] = []
    run: list[Element | str] = []
    for child in [*element.children, None]:
        if child is not None and (isinstance(child, str) or not child.block):
            run.append(child)
            continue
        text = _inline(run).strip()
        lines += [text] if text else []
        run = []
        if child is None:
            break
        if child.tag == MATH_BLOCK:
            lines.append(f"${child.text}$")
        elif child.tag == "pre":
            lines += [_ticked(line) for line in child.text.split("\n") if line.strip()]
        elif child.tag in ("ul", "ol"):
            lines += _list(child, alternate=False).split("\n") if not _find(child, "pre") else _flat(child)
        else:
            lines += _flat(child)
    return lines


def _inline(children: list[Element | str]) -> str:
    parts: list[str] = []
    for at, child in enumerate(children):
        if isinstance(child, str):
            parts.append(_escaped(child) if "  " in child or _SPECIAL.search(child) else child)
        elif child.tag in _WRAPS:
            parts.append(_wrapped(child, parts[-1] if parts else "", children[at + 1] if at + 1 < len(children) else ""))
        else:
            text = _element(child)
            before = parts[-1][-1:] if parts and text else ""
            if before == "!" and text[0] == "[":
                parts[-1] = parts[-1][:-1] + "\\!"  # or it would be a picture
            elif before == "`" and text[0] == "`":
                text = f"<code>{escape(content(child), quote=False)}</code>"  # or the two would be one span
            parts.append(text)
    return "".join(parts)


def _escaped(text: str) -> str:
    if "  " in text or "\t" in text or "\f" in text:
        text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = _BREAKS.sub("\n", text)
    return _ESCAPES.sub(lambda m: "\\" + m[0], text)


def _wrapped(element: Element, before: str, after: Element | str) -> str:
    """Bold, italic or struck text: in marks where CommonMark reads them as such in this place, else in HTML's tags."""
    mark = _WRAPS[element.tag]
    [only, *others] = element.children or [""]
    if mark == "**" and not others and not isinstance(only, str) and _WRAPS.get(only.tag) == "*":
        before_it, italic, behind_it = _edges(_inline(only.children))
        inner = f"{before_it}_{italic}_{behind_it}" if italic else before_it + behind_it  # three stars are read as bold in italics
    else:
        inner = _inline(element.children if mark == "*" else _without(element.children, mark))
    lead, text, trail = _edges(inner)
    if not text:
        return lead + trail
    if isinstance(only, str) and text[0] in "*~":
        text = "\\" + text
    if isinstance(element.children[-1], str) and text[-1] in "*~" and not text.endswith("\\" + text[-1]):
        text = f"{text[:-1]}\\{text[-1]}"
    left = lead or before[-1:]
    right = trail or (
        after[:1] if isinstance(after, str) else "\n" if after.tag == "br" else "`" if after.tag == "code" else content(after)[:1]
    )
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
    """White space, text, white space. A backslash that comes to stand before a mark stays one."""
    start = text.lstrip()
    inner = start.rstrip()
    lead, trail = text[: len(text) - len(start)], start[len(inner) :]
    slashes = len(inner) - len(inner.rstrip("\\"))
    return lead, inner + "\\" * (slashes % 2), trail


def _punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _without(children: list[Element | str], mark: str) -> list[Element | str]:
    """Bold in bold is bold: what stands in an element of the same mark stands here."""
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
    return any(not isinstance(c, str) and (_WRAPS.get(c.tag) == mark or _has_mark(c.children, mark)) for c in children)


def _element(element: Element) -> str:
    tag = element.tag
    if tag == "code":
        return _code(element)
    if tag == "a":
        return _link(element)
    if tag == "br":
        return "  \n"
    if tag == "img":
        return f"![{_bracketed(_inline([element.get('alt')]))}]({_target(element.get('src'), element.get('title'))})"
    if tag in (MATH, MATH_BLOCK):
        return f"${element.text}$"
    if tag == "pre":  # in a heading, say, where no block can be
        return " ".join(_ticked(line) for line in element.text.split("\n") if line.strip())
    if tag in ("sup", "sub"):  # Markdown has no mark of its own for them, and x2 is not x<sup>2</sup>
        text = _inline(element.children)
        return f"<{tag}>{text}</{tag}>" if text else ""
    if tag == "input" and element.get("type") == "checkbox":
        return "[x] " if re.search(r"\bchecked\b", element.attributes) else "[ ] "
    return _inline(element.children)


def _code(element: Element) -> str:
    text = content(element).replace("\n", " ")
    return _ticked(text) if text else ""


def _ticked(text: str) -> str:
    ticks = "`"
    if "`" in text:
        runs = {len(run) for run in re.findall("`+", text)}
        ticks *= next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and text.strip()) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _link(element: Element) -> str:
    text, href = _inline(element.children), element.get("href")
    if not href:
        return text
    if content(element) == href and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*", href):
        return f"<{href}>"
    lead, text, trail = _edges(text)
    return f"{lead}[{_bracketed(text)}]({_target(href, element.get('title'))}){trail}"


def _bracketed(text: str) -> str:
    """The text of a link, whose brackets must be in pairs."""
    if "[" not in text and "]" not in text:
        return text
    depth = 0
    for character in _BRACKET.sub(lambda m: m[2] or "", text):
        depth += (character == "[") - (character == "]")
        if depth < 0:
            break
    return text if depth == 0 else _BRACKET.sub(lambda m: f"\\{m[2]}" if m[2] else m[0], text)


def _target(url: str, title: str) -> str:
    if re.search(r"[\s<>]", url) or url.count("(") != url.count(")"):
        url = "<" + re.sub(r"[<>\n]", lambda m: f"%{ord(m[0]):02X}", url) + ">"
    url = _ENTITY.sub("&amp;", url)
    return f'{url} "{title.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"' if title else url
