"""A tree of HTML -> the Markdown that it was rendered from (CommonMark with tables and strike-through).

Text is escaped only where it would otherwise be read as markup, so that parsing the result gives the same document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .dom import BLOCKS, Element, content

_SPACES = re.compile(r"[ \t\f]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_SPECIAL = re.compile(r"[\\`*_\]&~<]")
_ESCAPES = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~\n]|\Z)          # a backslash before punctuation
      | `
      | \*(?!\ )(?=.) | (?<!\ )(?<!^)\*     # a star that could open or close
      | (?<![^\W_])_ | _(?![^\W_])          # an underscore at the edge of a word
      | \](?=\()                            # what looks like a link
      | &(?=\#?\w+;)                        # an entity
      | ~(?=~)
      | <(?=[a-zA-Z][a-zA-Z0-9+.-]{1,31}:)  # an autolink
    """,
    re.X | re.S,
)
_LINE_START = re.compile(
    r"^(?=[#>+=|*\d_-])(?:(#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|=+\s*$|([-_*])(?:[ \t]*\2){2,}[ \t]*$|-+\s*$|\|(?=[ :-]+\|))|(\d{1,9})([.)])(?=\s|$))",
    re.M,
)
_STARTS = frozenset("#>+=|*_-0123456789")
_DEFINITION = re.compile(r"^\[(?=[^\[\]]{1,999}\]:)", re.M)
_AFTER_BREAK = re.compile(r" *  \n[ \n]*")
_EDGES = re.compile(r"(\s*)(.*?)(\s*)\Z", re.S)
_WRAPS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
_HEADINGS = {f"h{n}": n for n in range(1, 7)}


def render(root: Element) -> str:
    """Markdown for a tree from `dom.parse`."""
    return "\n\n".join(_blocks(root)).strip("\n")


def _blocks(parent: Element) -> list[str]:
    """Each block below an element, as its lines."""
    found: list[str] = []
    run: list[Element | str] = []
    lists = {"ul": 0, "ol": 0}
    last = ""
    for child in parent.children:
        if isinstance(child, str) or not _is_block(child):
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


def _is_block(element: Element) -> bool:
    return element.tag in BLOCKS or _has_blocks(element)


def _block(element: Element) -> list[str]:
    tag = element.tag
    if tag == "p":
        return _blocks(element) if _has_blocks(element) else [_paragraph(element.children)]
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
    if tag == "math-block":
        return [f"$$\n{element.text}\n$$" if "\n" in element.text else f"$${element.text}$$"]
    return _blocks(element)


def _has_blocks(element: Element) -> bool:
    return any(isinstance(c, Element) and _is_block(c) for c in element.children)


def _paragraph(children: Iterable[Element | str]) -> str:
    text = _inline(children).strip(" \n")
    if "  \n" in text:
        text = _AFTER_BREAK.sub("  \n", text)
    if text[:1] in _STARTS or "\n" in text:
        text = _LINE_START.sub(lambda m: "\\" + m[1] if m[1] else f"{m[3]}\\{m[4]}", text)
    return _DEFINITION.sub(r"\\[", text) if "]:" in text else text


def _fence(element: Element) -> str:
    code = element.text
    ticks = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (ticks + 1)
    return f"{fence}{element.attributes}\n{code}{'' if code.endswith(chr(10)) or not code else chr(10)}{fence}"


def _list(element: Element, *, alternate: bool) -> str:
    items = [c if isinstance(c, Element) else _item(c) for c in element.children if isinstance(c, Element) or c.strip()]
    loose = any(isinstance(c, Element) and c.tag == "p" for item in items for c in item.children)
    number = _number(element.get("start"), 1) if element.tag == "ol" else 0
    lines: list[str] = []
    for item in items:
        if element.tag == "ol":
            number = _number(item.get("value"), number) if item.attributes else number
            marker = f"{number}{')' if alternate else '.'} "
            number += 1
        else:
            marker = "* " if alternate else "- "
        blocks = _blocks(item) if item.tag not in ("ul", "ol") else [_list(item, alternate=False)]
        body = ("\n\n" if loose else "\n").join(blocks)
        indent = " " * len(marker)
        first, *rest = body.split("\n")
        lines.append("\n".join([(marker + first).rstrip(), *(indent + line if line else "" for line in rest)]))
    return ("\n\n" if loose else "\n").join(lines)


def _item(text: str) -> Element:
    """Text that stands in a list beside its items."""
    item = Element("li")
    item.children.append(text)
    return item


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _table(element: Element) -> str:
    rows = _find(element, "tr")
    cells = [[c for c in r.children if isinstance(c, Element) and c.tag in ("td", "th")] for r in rows]
    cells = [row for row in cells if row]
    if not cells:
        return ""  # its text stands beside cells that are not there
    width = max(len(row) for row in cells)
    aligned = [_alignment(c) for c in cells[0]] + ["---"] * (width - len(cells[0]))
    texts = [[_cell(c) for c in row] + [""] * (width - len(row)) for row in cells]
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
            found += _blocks(child) if _has_blocks(child) else [_paragraph([child])]
    return [text for text in found if text]


def _find(element: Element, tag: str) -> list[Element]:
    found: list[Element] = []
    for child in element.children:
        if isinstance(child, Element):
            if child.tag == tag:
                found.append(child)
            elif child.tag != "table":
                found += _find(child, tag)
    return found


def _alignment(cell: Element) -> str:
    said = cell.get("align") or re.sub(r"\s", "", cell.get("style")).partition("text-align:")[2].partition(";")[0]
    return {"left": ":---", "center": ":---:", "right": "---:"}.get(said.lower(), "---")


def _cell(cell: Element) -> str:
    text = "<br>".join(_blocks(cell)) if _has_blocks(cell) else _inline(cell.children)
    return " ".join(text.replace("  \n", "<br>").split()).replace("|", "\\|")


def _inline(children: Iterable[Element | str]) -> str:
    parts: list[str] = []
    for child in children:
        if isinstance(child, str):
            text = _SPACES.sub(" ", child) if "  " in child or "\t" in child or "\f" in child else child
            if "\n" in text:
                text = _BREAKS.sub("\n", text)
            parts.append(_ESCAPES.sub(lambda m: "\\" + m[0], text) if _SPECIAL.search(text) else text)
        else:
            parts.append(_element(child))
    return "".join(parts)


def _element(element: Element) -> str:
    tag = element.tag
    if tag == "code":
        return _code(element)
    if tag in _WRAPS:
        lead, text, trail = _EDGES.fullmatch(_inline(element.children)).groups()  # type: ignore[union-attr]
        return f"{lead}{_WRAPS[tag]}{text}{_WRAPS[tag]}{trail}" if text else lead + trail
    if tag == "a":
        return _link(element)
    if tag == "br":
        return "  \n"
    if tag == "img":
        return f"![{_inline([element.get('alt')])}]({_target(element.get('src'), element.get('title'))})"
    if tag == "math":
        return f"${element.text}$"
    if tag in ("sup", "sub"):  # Markdown has no mark of its own for them, and x2 is not x<sup>2</sup>
        text = _inline(element.children)
        return f"<{tag}>{text}</{tag}>" if text else ""
    if tag == "input" and element.get("type") == "checkbox":
        return "[x] " if re.search(r"\bchecked\b", element.attributes) else "[ ] "
    return _inline(element.children)


def _code(element: Element) -> str:
    text = content(element).replace("\n", " ")
    if not text:
        return ""
    runs = {len(run) for run in re.findall("`+", text)}
    ticks = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and text.strip()) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _link(element: Element) -> str:
    text, href = _inline(element.children), element.get("href")
    if not href:
        return text
    if content(element) == href and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*", href):
        return f"<{href}>"
    lead, text, trail = _EDGES.fullmatch(text).groups()  # type: ignore[union-attr]
    return f"{lead}[{text}]({_target(href, element.get('title'))}){trail}"


def _target(url: str, title: str) -> str:
    if re.search(r"[\s<>]", url) or url.count("(") != url.count(")"):
        url = "<" + re.sub(r"[<>\n]", lambda m: f"%{ord(m[0]):02X}", url) + ">"
    return f'{url} "{title.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"' if title else url
